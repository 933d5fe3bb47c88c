"""Read a table of photos and their labels: csv, tsv, jsonl or parquet, one or several labels a photo.

Gives  a `DataSet`; which columns hold what is found by their names, or given
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcore.script import CliError

from training.data.splits import split_of

from .candidates import Candidate, DataSet, some
from .options import ReadingOptions
from .photo_index import PhotoIndex
from .table_files import load_table

if TYPE_CHECKING:
    import pandas as pd

# names of columns, the surest first
FILE_COLUMNS = (
    *("file_name", "filename", "file", "image_path", "path", "filepath", "file_path", "fname", "image_file", "image"),
    *("img", "photo", "picture", "url", "image_url", "img_url", "address", "link", "image_id", "image_name", "id"),
)
LABEL_COLUMNS = (
    *("label", "labels", "class", "class_name", "label_name", "category", "categories", "tag", "tags", "choice"),
    *("species", "breed", "target", "classes", "label_text", "category_name", "y"),
)
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "is_valid", "is_test", "dataset", "fold")
DELIMITERS = ";|,"  # between labels in one cell, where each part is a label of some other photo
YES = {"true", "1", "yes", "1.0"}


class SeveralLabels(CliError):
    """A table seems to have several labels in a cell, and nobody said what stands between them."""


def read_table(file: Path, options: ReadingOptions, index: PhotoIndex | None = None) -> DataSet:
    """Return the photos that a table names, each with its labels: none, one or several.

    index: of the folder that the table came with. Raises CliError where the columns cannot be told.
    """
    frame, index = load_table(file), index or PhotoIndex(file.parent)
    if not len(frame):
        raise CliError(f"{file} has no rows.")
    files = _column(file, frame, options.file_column, FILE_COLUMNS, "file", _names_photos(index, file.parent))
    labels, how = _labels(file, frame, options, files)
    split_of_row = _splits(file, frame, {files, how})
    candidates, missing = [], []
    licences = frame["license"] if "license" in frame else [""] * len(frame)
    for value, own, split, licence in zip(frame[files], labels, split_of_row, licences):
        found = _candidate(value, own, split, str(licence), index, file.parent)
        if found:
            candidates.append(found)
        else:
            missing.append(str(value))
    notes = []
    if missing:
        notes.append(f"{len(missing)} rows of {file.name} left out: there is no such photo, such as {missing[0]!r}.")
    if not candidates:
        raise CliError(f"{file}: none of the photos in its column {files!r} is there, such as {missing[0]!r}.")
    return DataSet(f"a table, {file.name}: photos by {files}, labels by {how}", candidates, notes)


def _candidate(
    value: Any, labels: tuple[str, ...], split: str, licence: str, index: PhotoIndex, near: Path
) -> Candidate | None:
    """Return the photo that a cell names by an address or a file, or holds; None where there is no such file."""
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):  # how the Hub writes photos into parquet
        return Candidate(labels, data=value["bytes"], split=split, title=str(value.get("path") or ""), licence=licence)
    text = str(value.get("path") if isinstance(value, dict) else value).strip()
    if text.startswith(("http://", "https://")):
        return Candidate(labels, url=text, split=split, licence=licence)
    found = index.find(text, near) if text else None
    return Candidate(labels, file=found, split=split, title=text, licence=licence) if found else None


def _names_photos(index: PhotoIndex, near: Path) -> Callable[[Iterable[Any]], bool]:
    """Return a check whether any of a column's first values names a photo."""

    def names(values: Iterable[Any]) -> bool:
        return any(_candidate(value, (), "train", "", index, near) for value in list(values)[:200])

    return names


def _anything(values: Iterable[Any]) -> bool:
    return True


def _column(
    file: Path,
    frame: "pd.DataFrame",
    given: str,
    known: Sequence[str],
    what: str,
    fits: Callable[[Iterable[Any]], bool] = _anything,
) -> str:
    """Return the name of the column that is given, or known by its name and fits; CliError where there is none."""
    if given:
        if given not in frame:
            raise CliError(f"{file} has no column {given!r}, but {some(frame.columns)}.")
        return given
    by_name = {str(name).casefold().replace(" ", "_"): str(name) for name in frame.columns}
    named = [by_name[name] for name in known if name in by_name]
    if found := next((name for name in named if fits(frame[name])), None):
        return found
    others = [str(name) for name in frame if name not in named and name.casefold() not in SPLIT_COLUMNS]
    if len(fitting := [name for name in others if fits(frame[name])]) == 1 and not (named and fits is _anything):
        return fitting[0]
    why = f"the photos in its column {named[0]!r} are not there" if named else f"its columns are {some(frame.columns)}"
    raise CliError(f"{file}: which column has the {what}? --{what}-column NAME says so ({why}).")


def _labels(
    file: Path, frame: "pd.DataFrame", options: ReadingOptions, files: str
) -> tuple[list[tuple[str, ...]], str]:
    """Return the labels of each row, and the name of the column, or of the columns, that they are from."""
    rest = frame.drop(columns=[files])
    try:
        column = _column(file, rest, options.label_column, LABEL_COLUMNS, "label")
        if not options.label_column and _are_numbers(rest[column]):  # their names may stand beside them
            words = [name for name in rest if name.casefold().replace(" ", "_") in LABEL_COLUMNS]
            column = next((name for name in words if not _are_numbers(rest[name])), column)
    except CliError:
        rest = rest[[name for name in rest if name.casefold() not in SPLIT_COLUMNS]]
        marked = [str(name) for name in rest if set(map(str, rest[name])) <= {"0", "1", "0.0", "1.0"}]
        if options.label_column or len(marked) < 2:
            raise
        rows = zip(*(rest[name] for name in marked))  # a column a label
        return [tuple(name for name, cell in zip(marked, row) if str(cell) in YES) for row in rows], some(marked)
    values = [labels_in(value, options) for value in rest[column]]
    if not options.label_delim:
        _check_delimiters(file, column, [text for texts in values for text in texts])
    return values, column


def _are_numbers(values: Iterable[Any]) -> bool:
    return all(str(value).strip().removesuffix(".0").isdigit() for value in values)


def labels_in(value: Any, options: ReadingOptions, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the labels in one cell: those of a list, or the text of the cell, split where a delimiter is given.

    names: of the labels, where the cell has their numbers; a negative number is no label.
    """
    if value is None or value != value:  # NaN
        return ()
    several = isinstance(value, (list, tuple)) or hasattr(value, "tolist")
    cells = list(value) if several else [value]
    if names:
        return tuple(names[int(cell)] for cell in cells if int(cell) >= 0)
    texts = [str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip() for cell in cells]
    if options.label_delim not in ("", "none"):
        texts = [part.strip() for text in texts for part in text.split(options.label_delim)]
    return tuple(text for text in texts if text)


def _check_delimiters(file: Path, column: str, values: Sequence[str]) -> None:
    """Raise CliError where cells seem to hold several labels, since nobody said what stands between them.

    They seem to where all parts of half of the cells with a delimiter are in other cells too.
    """
    distinct = set(values)
    for delimiter in DELIMITERS + " " * column.casefold().endswith("s"):
        joined = {value: {part.strip() for part in value.split(delimiter)} for value in distinct if delimiter in value}
        cells = Counter(part for parts in (*joined.values(), *({value} for value in distinct)) for part in parts)
        several = [value for value, parts in joined.items() if all(cells[part] > 1 for part in parts)]
        if joined and len(several) >= len(joined) / 2:
            raise SeveralLabels(
                f"{file}: {min(several)!r} in its column {column!r} seems to be several labels. --label-delim "
                f"{delimiter!r} splits it; --label-delim none takes it as one."
            )


def _splits(file: Path, frame: "pd.DataFrame", taken: set[str]) -> list[str]:
    """Return the split of each row: as a column says, or else the table's own name; else all are to train on."""
    own = split_of(file.stem.split("_")[0]) or split_of(file.parent.name) or "train"
    by_name = {str(name).casefold(): str(name) for name in frame.columns if str(name) not in taken}
    for name in (by_name[name] for name in SPLIT_COLUMNS if name in by_name):
        texts = [str(value).strip().casefold() for value in frame[name]]
        if name.casefold() in ("is_valid", "is_test"):
            return [name.casefold().removeprefix("is_") if text in YES else own for text in texts]
        if any(map(split_of, texts)):
            return [split_of(text) or own for text in texts]
    return [own] * len(frame)
