"""Join the parts of a job, in the order of its list, into one file; none may be missing, and none is taken twice.

Reads  one or several folders with parts of the same list: of one run, or of shards
Writes a Parquet or CSV file
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fastcore.script import CliError

from classifier.files import replacing
from classifier.results_csv import protected

from .job import PARTS, Job, read_job

FILES = (".parquet", ".csv")
TEXTS = ("file", "label", "error", "modified")  # what a spreadsheet might compute


def merge(folders: Sequence[str], out: str) -> int:
    """Write the rows of all parts to a file, and return how many; CliError where parts are missing or do not fit."""
    if not out.lower().endswith(FILES):
        raise CliError(f"--out {out}: a file that ends in .parquet or .csv.")
    jobs = [read_job(folder) for folder in folders]
    first = jobs[0]
    for folder, job in zip(folders, jobs):
        if job.options != first.options or not job.photos.equals(first.photos):
            raise CliError(f"{folder} is another job than {folders[0]}: of another list, model or options.")
    holders = {part: job for job in reversed(jobs) for part in job.done()}
    missing = [part for part in first.parts if part not in holders]
    if missing:
        lost = set(missing)
        n = sum(part in lost for part in first.photos["part"].to_pylist())
        raise CliError(
            f"{len(missing)} of {len(first.parts)} parts are missing, with {n} photos, the first of them {missing[0]}. "
            "Run the same command, or the shards that are missing, and merge again."
        )
    tables = (_checked(holders[part], part, first) for part in first.parts)
    path = Path(out)
    try:
        with replacing(path) as temporary:
            return _to_csv(tables, temporary) if out.lower().endswith(".csv") else _to_parquet(tables, temporary)
    except OSError as error:
        raise CliError(f"{out} cannot be written: {error.strerror or error}.") from None


def _checked(job: Job, part: str, first: Job) -> pa.Table:
    """Return the rows of a part; CliError unless they are those of its photos, each once."""
    name = f"{PARTS}/{part}.parquet"
    try:
        table = pq.read_table(io.BytesIO(job.place.read(name)))
    except (OSError, pa.ArrowInvalid) as error:
        raise CliError(
            f"{job.place.address}/{name} is damaged ({str(error).splitlines()[0].rstrip('.')}): remove it and run the "
            "same command again."
        ) from None
    expected = [file.encode(errors="backslashreplace").decode() for file, _, _ in first.photos_of(part)]
    if table["file"].to_pylist() != expected:
        raise CliError(f"{job.place.address}/{name} has other photos than its list: remove it and run again.")
    return table


def _to_parquet(tables: Iterator[pa.Table], path: Path) -> int:
    n, writer = 0, None
    try:
        for table in tables:
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            n += len(table)
    finally:
        if writer:
            writer.close()
    return n


def _to_csv(tables: Iterator[pa.Table], path: Path) -> int:
    n = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for table in tables:
            if not n:
                writer.writerow(table.column_names)
            rows = zip(*(_as_text(table[name].to_pylist(), name) for name in table.column_names))
            writer.writerows(rows)
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
