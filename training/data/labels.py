"""The labels of photos: the folder that a photo lies in, or what labels.csv says where photos may have several.

Reads  DATA/labels.csv, if there is one: a row a photo, with the columns `file` (below DATA), `labels`, joined by "|",
       empty for a photo that shows none of them, and `set` (train, valid or test; empty is train)
Gives  `Labels`

    labels = read_labels("data/outfits")
    labels(Path("data/outfits/photos/1.jpg"))      # ("dress", "hat")
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastcore.script import CliError

from classifier.results_csv import plain, protected
from training.output import replacing

from .files import folder_name, parent_label

FILE_NAME = "labels.csv"
COLUMNS = ("file", "labels", "set")
SEPARATOR = "|"  # no name of a folder has one, and labels are such names
SETS = ("train", "valid", "test")


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


def read_labels(data: str | Path) -> Labels:
    """Return the labels of the photos under `data`; CliError, with the line, for a labels.csv that cannot be read."""
    path = Path(data) / FILE_NAME
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return Labels()
    except (OSError, UnicodeError) as error:
        raise CliError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if not {"file", "labels"} <= set(reader.fieldnames or ()):
        raise CliError(
            f"{path} lacks the columns {', '.join(COLUMNS[:2])}. `python -m training.gather --source {path} --out NEW` "
            "reads other tables; or move it away, and folders are the labels."
        )
    return Labels({Path(data) / plain(row["file"] or ""): _listed(path, reader.line_num, row) for row in reader})


def _listed(path: Path, line: int, row: dict[str, str | None]) -> ListedPhoto:
    """Return a row of labels.csv; CliError for one that makes no sense."""
    where = f"{path}, line {line}"
    if not row["file"] or None in row or row["labels"] is None:
        raise CliError(f"{where}: a file and its labels are expected.")
    labels = sorted({label.strip() for label in plain(row["labels"]).split(SEPARATOR)} - {""})
    for label in labels:
        if folder_name(label) != label:
            raise CliError(f"{where}: the label {label!r} has spaces; write {folder_name(label)!r}.")
    split = (row.get("set") or "train").strip()
    if split not in SETS:
        raise CliError(f"{where}: the set {split!r} is none of {', '.join(SETS)}.")
    return ListedPhoto(tuple(labels), split)


def write_labels(data: Path, listed: dict[Path, ListedPhoto]) -> None:
    """Write DATA/labels.csv, whole or not at all; no spreadsheet takes a text in it for a formula."""
    with replacing(data / FILE_NAME) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(photo.relative_to(data), row) for photo, row in listed.items())


def _row(file: Path, row: ListedPhoto) -> Sequence[str]:
    return [protected(file.as_posix()), protected(SEPARATOR.join(row.labels)), row.set]
