"""Plan changes of photos, and how to take them back, as rows of a journal.

Gives  `Change`, and rows for `training.journal.moves.Journal`, which writes them and does what they say
"""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from fastcore.script import CliError

from training.append_log import Row
from training.data.labels import BY_FOLDER, Labels

from .free_path import free_path
from .label_edits import NO_ROW, read_listed, row_text
from .state import is_edit, make_row

REJECTED = ".rejected"  # hidden: no command looks for photos in it


class Change(NamedTuple):
    """What is to happen to a photo: a move, new labels in its row of labels.csv, or both."""

    photo: Path
    target: Path  # where it is to lie; the photo's own path where it stays
    why: str
    was: str = ""  # what the row of the target says: labels joined by "|", or NO_ROW
    labels: str = ""  # what it is to say; the same as `was` where it stays


class Undone(NamedTuple):
    """What came back."""

    moved: list[tuple[Path, Path]]  # (from, to) of each move back
    labelled: list[Path]  # photos whose rows say again what they said
    kept: list[Path]  # photos whose rows somebody else changed since: these stay

    @property
    def n(self) -> int:
        """The number of photos that are as before."""
        return len(self.moved) + len(self.labelled)


def plan(data: Path, batch: int, stage: str, changes: Sequence[Change]) -> list[list[Row]]:
    """Return the rows of each change: one for its labels, one for its move; none where its row changed meanwhile."""
    labels = read_listed(data) if any(change.was != change.labels for change in changes) else BY_FOLDER
    planned, taken = [], set[Path]()
    for photo, wanted, why, was, text in changes:
        rows = []
        is_taken = partial(_is_taken, labels=labels, text=text)
        target = wanted if wanted == photo else free_path(wanted, taken, is_taken)
        name = relative(data, target)
        if was != text and row_text(labels, target) == was:
            rows.append(make_row(batch, stage, "label", target=name, why=why, was=was, labels=text))
        if target != photo:
            rows.append(make_row(batch, stage, "move", relative(data, photo), name, why))
        planned.append(rows)
    return planned


def _is_taken(path: Path, labels: Labels, text: str) -> bool:
    """Return whether a photo lies at a path, or a row waits there for one with other labels, to come back by undo."""
    return os.path.lexists(path) or row_text(labels, path) not in (NO_ROW, text)


def plan_back(data: Path, made: Sequence[Row], undone: Undone) -> list[Row]:
    """Return the rows that take back those that were made, and note in `undone` what they come to."""
    labels, taken = read_labels_for(data, made), set[Path]()
    rows = []
    for row in made:
        batch, stage, target = int(row["batch"]), row["stage"], path_in(data, row["target"])
        if is_edit(row):
            if row_text(labels, target) != row["labels"]:
                undone.kept.append(target)
                continue
            rows.append(make_row(batch, stage, "unlabel", "", row["target"], "", row["labels"], row["was"]))
            if row["was"] != NO_ROW:  # else its photo is moved back too
                undone.labelled.append(target)
        elif os.path.lexists(target):
            source = free_path(path_in(data, row["source"]), taken)
            rows.append(make_row(batch, stage, "back", row["target"], relative(data, source)))
            undone.moved.append((target, source))
    return rows


def read_labels_for(data: Path, rows: Sequence[Row]) -> Labels:
    """Return the labels in labels.csv if one of the rows is about labels; CliError where it cannot be read."""
    return read_listed(data) if any(map(is_edit, rows)) else BY_FOLDER


def is_made(data: Path, row: Row, labels: Labels) -> bool:
    """Return whether what a row plans is so: the photo lies at the target, the row in labels.csv says what it is to."""
    target = path_in(data, row["target"])
    return row_text(labels, target) == row["labels"] if is_edit(row) else os.path.lexists(target)


def relative(data: Path, path: Path) -> str:
    """Return a path as journals have it."""
    return path.relative_to(data).as_posix()


def path_in(data: Path, name: str) -> Path:
    """Return a path of a journal; CliError for one that leads out of the folder: anybody may write the file."""
    if os.path.isabs(name) or ".." in name.replace(os.sep, "/").split("/"):
        raise CliError(
            f"{data / REJECTED / 'journal.db'} names {name}, which is not in {data}. Move the journal away to begin a "
            "new one."
        )
    return data / name
