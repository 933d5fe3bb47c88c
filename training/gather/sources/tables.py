"""Read a table of photos and their labels: csv, tsv, jsonl or parquet, one or several labels a photo.

Gives  a `DataSet`; which columns hold what is found by their names, or given
"""

import ast
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcore.script import CliError

from classifier.results_csv import plain
from training.data import labels_csv
from training.data.labels import FILE_NAME
from training.data.splits import split_of

from .candidates import DataSet, some
from .columns import FILE_COLUMNS, LABEL_COLUMNS, SPLIT_COLUMNS, are_numbers, candidate_of, find_column, names_photos
from .marks import (
    YES,
    RowLabels,
    SeveralLabels,
    are_marks,
    mark,
    marked_labels,
    one_marked_label,
    refuse_odd_marks,
    taken_as_labels,
)
from .options import ReadingOptions
from .photo_index import PhotoIndex
from .table_files import load_table

if TYPE_CHECKING:
    import pandas as pd

MAX_LIST = 10_000  # characters of a list that was written as text


def read_table(file: Path, options: ReadingOptions, index: PhotoIndex | None = None) -> DataSet:
    """Return the photos that a table names, each with its labels: none, one or several.

    index: of the folder that the table came with. Raises CliError where the columns cannot be told.
    """
    frame, index = load_table(file), index or PhotoIndex(file.parent)
    if not len(frame):
        raise CliError(f"{file} has no rows.")
    gathered = file.name == FILE_NAME and list(frame) == list(labels_csv.COLUMNS)
    if gathered:
        frame = frame.apply(lambda column: column.map(plain))
        if any(labels_csv.SEPARATOR in cell for cell in frame["labels"]):  # else another mark is asked about
            options = replace(options, label_delim=options.label_delim or labels_csv.SEPARATOR)
    files = find_column(file, frame, options.file_column, FILE_COLUMNS, "file", names_photos(index, file.parent))
    labels = _labels(file, frame, options, files)
    splits, notes = _splits(file, frame, {files, labels.columns})
    notes += labels.notes
    licences = frame["license"] if "license" in frame else [""] * len(frame)
    candidates, missing = [], []
    for value, own, split, licence in zip(frame[files], labels.of_row, splits, licences):
        if found := candidate_of(value, own, split, index, file.parent):
            candidates.append(replace(found, licence=licence if isinstance(licence, str) else ""))
        else:
            missing.append(str(value))
    if missing:
        why = "there is no such photo, or several of that name"
        notes.append(f"{n_rows(len(missing))} of {file.name} left out: {why}, such as {missing[0]!r}.")
    if not candidates:
        raise CliError(f"{file}: none of the photos in its column {files!r} is there, such as {missing[0]!r}.")
    kind = f"a table, {file.name}: photos by {files}, labels by {labels.columns}"
    return DataSet(kind, candidates, notes, several=gathered or labels.several)


def n_rows(n: int) -> str:
    """Return a number of rows in words."""
    return f"{n} row{'' if n == 1 else 's'}"


def _labels(file: Path, frame: "pd.DataFrame", options: ReadingOptions, files: str) -> RowLabels:
    """Return the labels of each row: of a cell, of a list in it, or of columns that have a label's marks each."""
    rest = frame.drop(columns=[files])
    try:
        column = find_column(file, rest, options.label_column, LABEL_COLUMNS, "label")
        known = [name for name in rest if name.casefold().replace(" ", "_") in LABEL_COLUMNS]
        if not options.label_column and are_numbers(rest[column]):  # their names may stand beside them
            column = next((name for name in known if not are_numbers(rest[name])), column)
    except CliError:
        rest = rest[[name for name in rest if name.casefold() not in SPLIT_COLUMNS]]
        marked = [str(name) for name in rest if are_marks(rest[name])]
        if options.label_column or len(marked) < 2:
            raise
        refuse_odd_marks(file, rest, marked)
        return marked_labels(rest, marked)
    if column not in known and not options.label_column and are_marks(rest[column]):
        return one_marked_label(rest, column)
    values = [labels_in(value, options) for value in rest[column]]
    if not options.label_delim:
        _check_delimiters(file, column, [text for texts in values for text in texts])
    note = taken_as_labels(rest, column) if column not in known else ""
    return RowLabels(values, column, any(len(set(texts)) > 1 for texts in values), (note,) if note else ())


def labels_in(value: Any, options: ReadingOptions, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the labels in one cell: those of a list, or the text of the cell, split where a delimiter is given.

    names: of the labels, where the cell has their numbers; a negative number is no label.
    """
    several = isinstance(value, (list, tuple)) or hasattr(value, "tolist")
    if value is None or (not several and value != value):  # NaN
        return ()
    if isinstance(value, dict):
        raise CliError(f"A label is expected, and not {str(value)[:60]}.")
    cells = list(value) if several else _listed(value)
    if names:
        return tuple(names[int(cell)] for cell in cells if int(cell) >= 0)
    texts = [str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip() for cell in cells]
    if options.label_delim not in ("", "none"):
        texts = [part.strip() for text in texts for part in text.split(options.label_delim)]
    return tuple(text for text in texts if text)


def _listed(cell: Any) -> list[Any]:
    """Return what a list has that was written as text, as pandas does: "['cat', 'dog']"; else the cell itself."""
    if isinstance(cell, str) and cell.startswith("[") and cell.endswith("]") and len(cell) < MAX_LIST:
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            found = ast.literal_eval(cell)
            if isinstance(found, list) and all(isinstance(one, (str, int, float)) for one in found):
                return found
    return [cell]


def _check_delimiters(file: Path, column: str, values: Sequence[str]) -> None:
    """Raise CliError where cells seem to hold several labels, since nobody said what stands between them."""
    for delimiter in labels_csv.DELIMITERS + " " * column.casefold().endswith("s"):
        if several := labels_csv.joined_labels(values, delimiter):
            raise SeveralLabels(
                f"{file}: {min(several)!r} in its column {column!r} seems to be several labels. --label-delim "
                f"{delimiter!r} splits it; --label-delim none takes it as one."
            )


def _splits(file: Path, frame: "pd.DataFrame", taken: set[str]) -> tuple[list[str | None], list[str]]:
    """Return the split of each row, None where nothing says it, and sentences on values that are no splits.

    A column says it, or else the table's own name or folder.
    """
    words = [*re.split(r"[^a-z]+", file.stem.casefold()), file.parent.name]
    own = next((split for word in words if (split := split_of(word))), None)
    by_name = {str(name).casefold(): str(name) for name in frame.columns if str(name) not in taken}
    if marks := [by_name[f"is_{split}"] for split in ("valid", "test") if f"is_{split}" in by_name]:
        rows = zip(*([mark(cell) in YES for cell in frame[name]] for name in marks))
        names = [name.casefold().removeprefix("is_") for name in marks]
        return [next((name for name, mark in zip(names, row) if mark), own or "train") for row in rows], []
    for name in (by_name[name] for name in SPLIT_COLUMNS if name in by_name):
        texts = [str(value).strip().casefold() for value in frame[name]]
        if any(map(split_of, texts)):
            unknown = Counter(text for text in texts if not split_of(text))
            notes = [f"In the column {name}, {some(unknown)} is no set: trained on."] if unknown else []
            return [split_of(text) or own or "train" for text in texts], notes
    return [own] * len(frame), []
