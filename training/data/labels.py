"""The labels of photos: the folder that a photo lies in, or what labels.csv says where photos may have several.

Reads  DATA/labels.csv, if there is one: a row a photo, with the columns `file` (below DATA), `labels`, joined by "|",
       empty for a photo that shows none of them, and `set` (train, valid or test; empty is train)
Gives  `Labels`

    labels = read_labels("data/outfits")
    labels(Path("data/outfits/photos/1.jpg"))      # ("dress", "hat")
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastcore.script import CliError
from filelock import FileLock, Timeout

from classifier.files import atomic_write
from classifier.results_csv import protected
from training.append_log import LOCK_TIMEOUT, folder_errors

from .files import parent_label
from .labels_csv import COLUMNS, SEPARATOR, SETS, read_rows

__all__ = [
    "COLUMNS",
    "FILE_NAME",
    "SEPARATOR",
    "SETS",
    "Labels",
    "ListedPhoto",
    "add_to_labels",
    "locked_labels",
    "read_labels",
    "write_labels",
]

FILE_NAME = "labels.csv"
LOCK = ".labels.lock"  # beside it


@dataclass(frozen=True)
class ListedPhoto:
    """A row of labels.csv."""

    labels: tuple[str, ...]  # sorted; empty for a photo that shows none of them
    set: str = "train"  # or valid or test


@dataclass(frozen=True)
class Labels:
    """The labels of a data set's photos: `labels(file)`."""

    listed: dict[Path, ListedPhoto] | None = None
    """the rows of labels.csv by photo; None where each photo has one label, the name of its folder"""

    @property
    def multi_label(self) -> bool:
        """Whether a photo may have several labels, or none."""
        return self.listed is not None

    def __call__(self, file: Path) -> tuple[str, ...]:
        """Return the labels of a photo, sorted; KeyError for one that labels.csv does not name."""
        return (parent_label(file),) if self.listed is None else self.listed[file].labels

    def text(self, file: Path) -> str:
        """Return the labels of a photo as one text: "dress|hat", "" for none."""
        return SEPARATOR.join(self(file))

    def vocab(self, files: Iterable[Path]) -> list[str]:
        """Return the labels that some of the files have, sorted."""
        return sorted({label for file in files for label in self(file)})


BY_FOLDER = Labels()  # one label a photo


def read_labels(data: str | Path) -> Labels:
    """Return the labels of the photos under `data`; CliError, with the line, for a labels.csv that cannot be read."""
    rows = read_rows(Path(data) / FILE_NAME)
    if rows is None:
        return Labels()
    return Labels({Path(data) / row.file: ListedPhoto(row.labels, row.set) for row in rows})


@contextmanager
def locked_labels(data: Path) -> Iterator[None]:
    """Hold the lock of DATA/labels.csv while rows are read, changed and written; CliError where another process does.

    A process that holds it may not take it again.
    """
    try:
        with FileLock(data / LOCK, timeout=LOCK_TIMEOUT):
            yield
    except Timeout as error:
        raise CliError(
            f"Another process has been changing {data / FILE_NAME} for a minute. Try again when it is through."
        ) from error
    except OSError as error:
        raise CliError(f"Nothing can be written in {data} ({error.strerror}).") from error


def write_labels(data: Path, listed: Mapping[Path, ListedPhoto]) -> None:
    """Write DATA/labels.csv, whole or not at all, and durably; no spreadsheet takes a text in it for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(photo.relative_to(data), row) for photo, row in listed.items())
    with folder_errors(data):
        atomic_write(data / FILE_NAME, text.getvalue().encode(errors="surrogateescape"))


def add_to_labels(data: Path, found: Mapping[Path, ListedPhoto]) -> int:
    """Add rows to DATA/labels.csv for the photos that it lacks, and return how many; its own rows stay as they are."""
    with locked_labels(data):
        listed = read_labels(data).listed
        new = {file: row for file, row in found.items() if listed is None or file not in listed}
        if new or listed is None:
            write_labels(data, {**(listed or {}), **new})
    return len(new)


def _row(file: Path, row: ListedPhoto) -> Sequence[str]:
    return [protected(file.as_posix()), protected(SEPARATOR.join(row.labels)), row.set]
