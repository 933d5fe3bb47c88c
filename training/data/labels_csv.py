"""Read the text of labels.csv row by row, and refuse with a sentence what could be misread.

Reads  DATA/labels.csv; UTF-8, with or without a mark at its beginning, any line endings
Gives  rows: the line, the file, its labels and its set
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from fastcore.script import CliError

from classifier.results_csv import plain

from .files import folder_name

COLUMNS = ("file", "labels", "set")
SEPARATOR = "|"  # no name of a folder has one, and labels are such names
SETS = ("train", "valid", "test")
DELIMITERS = ";|,"  # that people put between labels


class LabelRow(NamedTuple):
    """A row of labels.csv."""

    line: int  # of the file, from 1; where a row has several lines, the last
    file: str  # below the data set, "/" between folders
    labels: tuple[str, ...]  # sorted
    set: str  # one of SETS


def read_rows(path: Path) -> list[LabelRow] | None:
    """Return the rows of a labels.csv, None where there is no file; CliError, with the line, for what is no row."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}.") from error
    text = _decoded(path, data)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        _check_columns(path, columns, text)
        cells = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise CliError(f"{path}, line {reader.line_num}: it is no csv ({error}).") from error
    found = list(_rows(path, columns, cells))
    _check_twice(path, found)
    return found


def _decoded(path: Path, data: bytes) -> str:
    """Return the text of the file; names of files may be no UTF-8, which `_label_names` refuses in labels."""
    if b"\0" in data:
        raise CliError(f"{path} cannot be read: it is not UTF-8. Save it as csv in UTF-8.")
    return data.decode("utf-8-sig", errors="surrogateescape")


def _check_columns(path: Path, columns: Sequence[str], text: str) -> None:
    """Raise CliError where the first line does not name the columns."""
    if not text.strip():
        raise CliError(
            f"{path} is empty. Write file,labels and a row a photo, or move it away: folders are the labels."
        )
    other = f"`python -m training.gather --source {path} --out NEW` reads other tables"
    first = text.partition("\n")[0]
    if not {"file", "labels"} <= set(columns):
        for mark, name in ((";", "semicolons"), ("\t", "tabs")):
            if {"file", "labels"} <= {part.strip().strip('"') for part in first.split(mark)}:
                raise CliError(
                    f"{path} has {name} between its columns, as Excel writes them in some languages. Save it with "
                    f"commas, and {SEPARATOR} between labels; or {other}."
                )
        raise CliError(f"{path} lacks the columns file and labels. {other}; or move it away: folders are the labels.")
    if unknown := sorted(set(columns) - set(COLUMNS)):
        raise CliError(f"{path} has the columns {', '.join(COLUMNS)} alone, and not {', '.join(map(repr, unknown))}.")
    if len(set(columns)) < len(columns):
        raise CliError(f"{path} has two columns of the same name.")


def _rows(path: Path, columns: Sequence[str], cells: Sequence[tuple[int, list[str]]]) -> Iterator[LabelRow]:
    """Yield the rows; CliError for the first that makes no sense."""
    at = {name: i for i, name in enumerate(columns)}
    of_labels = [plain(row[at["labels"]]) for _, row in cells if len(row) > at["labels"]]
    _check_separator(path, of_labels)
    for line, row in cells:
        where = f"{path}, line {line}"
        if len(row) > len(columns):
            raise CliError(f"{where}: it has more cells than columns. Several labels are joined by {SEPARATOR!r}.")
        if len(row) <= at["labels"] or len(row) <= at["file"]:
            raise CliError(f"{where}: a file and its labels are expected.")
        split = row[at["set"]].strip().casefold() if "set" in at and len(row) > at["set"] else ""
        if split and split not in SETS:
            raise CliError(f"{where}: the set {split!r} is none of {', '.join(SETS)}.")
        labels = _label_names(where, plain(row[at["labels"]]))
        yield LabelRow(line, _file_name(where, path.parent, plain(row[at["file"]])), labels, split or "train")


def _file_name(where: str, folder: Path, name: str) -> str:
    """Return the path of a photo below the folder; CliError for one that leads elsewhere."""
    if not name.strip():
        raise CliError(f"{where}: a file and its labels are expected.")
    if "\\" in name and not (folder / name).exists():
        name = name.replace("\\", "/")  # as Windows writes it
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or Path(name).is_absolute() or name[1:3] == ":/":
        raise CliError(f"{where}: {name} is not in {folder}. The column file has paths below it.")
    return str(path)


def _label_names(where: str, text: str) -> tuple[str, ...]:
    """Return the labels in a cell, sorted; CliError for what can be no label."""
    labels, problem = _parsed(text)
    if problem:
        raise CliError(f"{where}: {problem}")
    return labels


@lru_cache(100_000)
def _parsed(text: str) -> tuple[tuple[str, ...], str]:
    """Return the labels in a cell, and what is wrong with them: "" for nothing."""
    labels = sorted({label.strip() for label in text.split(SEPARATOR)} - {""})
    for label in labels:
        try:
            label.encode()
            name = folder_name(label)
        except UnicodeEncodeError:
            return (), "its labels are not UTF-8. Save the file as csv in UTF-8."
        except CliError as error:
            return (), str(error)
        if name != label:
            return (), f"the label {label!r} has spaces; write {name!r}."
    return tuple(labels), ""


def _check_separator(path: Path, cells: Sequence[str]) -> None:
    """Raise CliError where the labels seem to be joined by another mark than SEPARATOR."""
    cells = [part.strip() for cell in cells for part in cell.split(SEPARATOR)]
    for delimiter in DELIMITERS.replace(SEPARATOR, "") + " ":
        if several := joined_labels(cells, delimiter):
            raise CliError(
                f"{path}: {min(several)!r} seems to be several labels. {SEPARATOR} is what stands between labels here: "
                f"write it instead of {delimiter!r}, or `python -m training.gather --source {path} --label-delim "
                f"{delimiter!r} --out NEW` reads it."
            )


def joined_labels(cells: Iterable[str], delimiter: str) -> list[str]:
    """Return the texts that are several labels with a delimiter between them; empty where no cell seems to be.

    Cells seem to be where all parts of half of those with the delimiter are in other cells too.
    """
    distinct = set(cells)
    joined = {text: {part.strip() for part in text.split(delimiter)} for text in distinct if delimiter in text}
    n_cells = Counter(part for parts in (*joined.values(), *({text} for text in distinct)) for part in parts)
    several = [text for text, parts in joined.items() if all(n_cells[part] > 1 for part in parts)]
    return several if len(several) >= len(joined) / 2 else []


def _check_twice(path: Path, rows: Sequence[LabelRow]) -> None:
    """Raise CliError where two rows are of the same photo: nobody knows which of them counts."""
    lines: dict[str, int] = {}
    for row in rows:
        if row.file in lines:
            raise CliError(
                f"{path}, line {row.line}: {row.file} has a row already, in line {lines[row.file]}. Take one away."
            )
        lines[row.file] = row.line
