"""Read the columns of a table that are a label each, and say whether a photo shows it: 1 or 0, true or false."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fastcore.script import CliError

from .candidates import some

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

YES, NO = {"true", "1", "yes", "1.0"}, {"false", "0", "no", "0.0", ""}


class SeveralLabels(CliError):
    """A table seems to have several labels in a cell, and nobody said what stands between them."""


class RowLabels(NamedTuple):
    """The labels of a table's rows."""

    of_row: list[tuple[str, ...]]
    columns: str  # that they are from, in words
    several: bool  # whether rows have several labels, or none
    notes: tuple[str, ...] = ()  # sentences on what else the columns could mean


def mark(cell: Any) -> str:
    """Return a cell of a label's own column: one of YES or NO, if it is a mark at all."""
    return "" if cell is None or cell != cell else str(cell).strip().casefold()


def are_marks(column: "pd.Series") -> bool:
    """Return whether a label's own column has these cells: yes or no, or 1 and -1 as in CelebA."""
    cells = set(map(mark, column))
    return cells <= YES | NO or cells in ({"1", "-1"}, {"1"}, {"-1"})


def marked_labels(frame: "pd.DataFrame", columns: Sequence[str]) -> RowLabels:
    """Return the labels of rows that have a column for each label."""
    rows = zip(*(frame[name] for name in columns))
    of_row = [tuple(name for name, cell in zip(columns, row) if mark(cell) in YES) for row in rows]
    return RowLabels(of_row, some(columns), any(len(own) != 1 for own in of_row))


def one_marked_label(frame: "pd.DataFrame", column: str) -> RowLabels:
    """Return the labels of rows that have a column for one label, and no other: a photo shows it or shows none."""
    cells = [str(cell) for cell in frame[column] if mark(cell)]
    yes, no = (some(sorted({cell for cell in cells if (mark(cell) in YES) == wanted})) for wanted in (True, False))
    note = (
        f"The column {column} says whether a photo shows {column}: {yes or 'yes'} is the label, {no or 'empty'} is no "
        f"label. If these are two labels, --label-column {column} takes them."
    )
    return RowLabels(marked_labels(frame, [column]).of_row, column, True, (note,))


def taken_as_labels(frame: "pd.DataFrame", column: str) -> str:
    """Return a sentence on a given column whose marks are taken for names of labels; "" for any other column."""
    if not are_marks(frame[column]):
        return ""
    cells = sorted({str(cell) for cell in frame[column] if mark(cell)})
    return (
        f"--label-column {column} takes {some(cells)} for labels. If they say whether a photo shows {column}, leave "
        "the option out, and take columns that are no labels out of the table."
    )


def refuse_odd_marks(file: "Path", frame: "pd.DataFrame", marked: Sequence[str]) -> None:
    """Raise CliError for a column that is a label's like the `marked` ones, but for some cells: "?", -1 or 2."""
    for name in (str(name) for name in frame if name not in marked):
        cells = [cell for cell in map(mark, frame[name]) if cell]
        odd = sorted({cell for cell in cells if cell not in YES | NO})
        if odd and sum(cell in YES | NO for cell in cells) > len(cells) / 2:
            raise SeveralLabels(
                f"{file}: {name} seems to be a label as {some(marked)}, but {odd[0]!r} in it is neither yes nor no. "
                "Write 1 for a photo that shows it and 0 for one that does not, or take the column out."
            )
