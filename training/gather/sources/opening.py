"""Read a source of photos, whatever it is: a folder, an archive, a table, annotations, a data set of the Hub or Kaggle.

Gives  a `DataSet`
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fastcore.script import CliError

from .annotations import is_annotations, read_annotations
from .archives import is_archive, unpack
from .candidates import DataSet
from .folders import read_folder
from .hub import is_on_the_hub, read_hub
from .kaggle import fetch_kaggle, is_on_kaggle
from .labelling import labelled
from .options import ReadingOptions
from .table_files import TABLES
from .tables import read_table


def path_of(where: str | Path) -> Path:
    """Return the whole path that somebody typed; CliError for what can be none."""
    try:
        path = Path(str(where).removeprefix("file://")).expanduser().resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # a name that is too long, a link to itself, nobody's home
        raise CliError(f"{str(where)[:100]} can be no file or folder.") from error
    return path


def check_apart(where: str, out: str) -> None:
    """Raise CliError where photos would be gathered into the folder that they are read from, or out of it into it."""
    if "://" in where:
        return
    source, target = path_of(where), path_of(out)
    if source.is_dir() and (target == source or target.is_relative_to(source) or source.is_relative_to(target)):
        raise CliError(f"--out {out} and {where} lie in each other. Gather into a folder of its own.")


@contextmanager
def opened_source(where: str, options: ReadingOptions) -> Iterator[DataSet]:
    """Yield the data set at an address or a path; what was unpacked for it is removed at the end.

    Raises CliError for what is none.
    """
    if is_on_the_hub(where):
        yield _from(where, read_hub(where, options))
        return
    if where.startswith(("http://", "https://")):
        raise CliError(
            f"{where}: download it first, and give the file. --source takes files, folders, hf:// and kaggle://."
        )
    if is_on_kaggle(where):
        data = fetch_kaggle(where)
        yield _from(where, read_folder(data.folder, options, confined=True), data.page, data.licence)
        return
    path = path_of(where)
    name = path.resolve().name
    if not is_archive(path):
        yield _from(name, read_path(path, options))
        return
    with tempfile.TemporaryDirectory(prefix="unpacked-") as folder:
        # where the archive has no folders, its name is the label
        root = Path(folder) / (path.name.split(".")[0].strip() or "photos")
        root.mkdir()
        left_out: list[str] = []
        try:
            left_out = unpack(path, root)
            found = read_folder(root, options, confined=True)
        except CliError as error:
            raise CliError(" ".join([str(error).replace(str(root), path.name), *left_out])) from error
        found.kind = f"an archive of {found.kind}"
        found.notes = [*left_out, *(note.replace(str(root), path.name) for note in found.notes)]
        found.candidates = [
            replace(photo, member=f"{path}: {photo.file.relative_to(root).as_posix()}" if photo.file else "")
            for photo in found.candidates
        ]
        yield _from(name, found)


def _from(source: str, found: DataSet, page: str = "", licence: str = "") -> DataSet:
    """Return the data set with the source's name at each photo, and its page and licence where the photo has none."""
    found.counted()  # while all candidates are there
    found.candidates = (
        replace(photo, source=source, page=photo.page or page, licence=photo.licence or licence)
        for photo in found.candidates
    )
    return found


def read_path(path: Path, options: ReadingOptions) -> DataSet:
    """Return the data set in a folder, a table or a file of annotations."""
    if path.is_dir():
        return read_folder(path, options)
    if not path.exists():
        raise CliError(f"There is no {path}.")
    if path.suffix.lower() in TABLES or path.suffix.lower() == ".json":
        annotated = path.suffix.lower() == ".json" and is_annotations(path)
        return labelled(read_annotations(path) if annotated else read_table(path, options), options)
    if any(suffix in (".zip", ".tar", ".tgz") for suffix in path.suffixes):
        raise CliError(f"{path} cannot be unpacked: it is damaged, or was not downloaded in whole.")
    raise CliError(
        f"{path} is no folder, zip or tar archive, table ({', '.join(sorted(TABLES))}) or JSON of annotations."
    )
