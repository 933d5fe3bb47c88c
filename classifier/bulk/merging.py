"""Join the parts of a job, in the order of its list, into one file; none may be missing, and none is taken twice.

Reads  one or several folders with parts of the same list: of one run, or of shards
Writes a Parquet or CSV file
"""

import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fastcore.script import CliError

from classifier.files import replacing
from classifier.results_csv import protected

from .earlier import PARTS
from .job import DAMAGE, Job, read_job
from .places import as_os_error, file_system, why
from .records import ALWAYS, rows_in, shown

FILES = (".parquet", ".csv")
TEXTS = ("file", "label", "error", "modified")  # what a spreadsheet might compute
Write = Callable[[Iterator[pa.Table], Path], int]


def merge(folders: Sequence[str], out: str) -> int:
    """Write the rows of all parts to a file, and return how many; CliError where parts are missing or do not fit."""
    if not out.lower().endswith(FILES):
        raise CliError(f"--out {out}: a file that ends in .parquet or .csv.")
    jobs = [read_job(folder) for folder in folders]
    first = jobs[0]
    for folder, job in zip(folders, jobs):
        if job.parts != first.parts:  # a part is named after its photos, the model and the options
            raise CliError(f"{folder} is another job than {folders[0]}: of another list, model or options.")
    holders = _holders(jobs)
    tables = _tables(holders, first.parts)
    try:
        return _put(_to_csv if out.lower().endswith(".csv") else _to_parquet, tables, out)
    except OSError as error:
        raise CliError(f"{out} cannot be written: {why(error)}.") from None


def _holders(jobs: Sequence[Job]) -> dict[str, Job]:
    """Return who has each part; CliError where nobody has one."""
    first = jobs[0]
    try:
        holders = {name.removesuffix(".parquet"): job for job in reversed(jobs) for name in job.place.names(PARTS)}
    except OSError as error:
        raise CliError(f"{first.place.address} cannot be read: {why(error)}.") from None
    missing = [part for part in first.parts if part not in holders]
    if missing:
        raise CliError(
            f"{len(missing)} of {len(first.parts)} parts are missing, with {first.n_photos(missing)} photos, the first "
            f"of them {missing[0]}. Run the same command, or the shards that are missing, and merge again."
        )
    return holders


def _tables(holders: dict[str, Job], parts: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of each part; CliError for one that is damaged."""
    schema = None
    for part in parts:
        table = _checked(holders[part], part)
        schema = schema or table.schema
        if table.schema != schema:
            raise CliError(
                f"{holders[part].place.address}/{PARTS}/{part}.parquet has other columns than the part before it: "
                "remove it and run the same command again."
            )
        yield table


def _checked(job: Job, part: str) -> pa.Table:
    """Return the rows of a part; CliError unless they are those of its photos, each once."""
    name = f"{PARTS}/{part}.parquet"
    try:
        table = rows_in(job.place.read_to_decode(name))
        files = table["file"].to_pylist()
    except DAMAGE as error:
        raise CliError(
            f"{job.place.address}/{name} is damaged ({why(error)}): remove it and run the same command again."
        ) from None
    if list(table.schema)[: len(ALWAYS)] != list(pa.schema(ALWAYS)):
        raise CliError(
            f"{job.place.address}/{name} lacks columns that every part has: remove it and run the same command again."
        )
    if files != [shown(file) for file, _, _ in job.photos_of(part)]:
        raise CliError(
            f"{job.place.address}/{name} has other photos than its list: remove it and run the same command again."
        )
    return table


def _put(write: Write, tables: Iterator[pa.Table], out: str) -> int:
    """Write tables to a file, whole or not at all; to one of an object store from a temporary file."""
    if "://" not in out:
        with replacing(Path(out)) as temporary:
            return write(tables, temporary)
    with tempfile.TemporaryDirectory() as folder:
        n = write(tables, Path(folder) / "all")
        files, path = file_system(out)
        with as_os_error():
            files.put_file(str(Path(folder) / "all"), path)
    return n


def _to_parquet(tables: Iterator[pa.Table], path: Path) -> int:
    first = next(tables)
    n = len(first)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)
            n += len(table)
    return n


def _to_csv(tables: Iterator[pa.Table], path: Path) -> int:
    n = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")  # so that it quotes a name with either of them
        for table in tables:
            if not n:
                writer.writerow(table.column_names)
            writer.writerows(zip(*(_as_text(table[name].to_pylist(), name) for name in table.column_names)))
            n += len(table)
    return n


def _as_text(values: list[object], name: str) -> list[str]:
    """Return the values of a column as results_csv writes them."""
    if name in TEXTS:
        return ["" if value is None else protected(str(value)) for value in values]
    return [
        "" if value is None else str(value).lower() if isinstance(value, bool)
        else f"{value:.6f}" if isinstance(value, float) else str(value)
        for value in values
    ]  # fmt: skip
