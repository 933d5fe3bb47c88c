"""The state of a journal of photos: which of them lie elsewhere, or have other labels, than before.

Reads  rows as `training.journal.moves.Journal` writes them
Gives  `JournalState`
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from training.append_log import Row, utc_now

COLUMNS = ("batch", "stage", "action", "source", "target", "why", "time", "was", "labels")
N_ADDED = 2  # the last columns, which journals of earlier versions lack
ACTIONS = ("move", "back", "label", "unlabel", "void", "settled", "undone")
BATCH = re.compile(r"[0-9]{1,9}")


@dataclass
class JournalState:
    """What the rows of a journal come to.

    Actions: a planned "move", or "back" to where it was; a planned "label", new labels in the row of labels.csv for the
    photo `target`, or "unlabel", the old ones again; "void", a planned one that was not made; "settled", what was
    planned before is made, except what is void; "undone", a batch is taken back as far as it can be.
    """

    planned: list[Row] = field(default_factory=list)
    void: set[tuple[str, bool]] = field(default_factory=set)  # of planned ones that were not made: see `_name`
    made: list[tuple[str, str]] = field(default_factory=list)  # (source, target) of moves, in order
    undoable: dict[tuple[str, str], Row] = field(default_factory=dict)  # what can be taken back: see `_key`
    last_batch: int = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Take in more rows; rows that are damaged are left out."""
        for row in rows:
            if row["action"] not in ACTIONS or not BATCH.fullmatch(row["batch"]):
                continue  # the rest of a damaged line
            self.last_batch = max(self.last_batch, int(row["batch"]))
            if row["action"] == "void":
                self.void.add(_name(row))
            elif row["action"] == "settled":
                for planned in self.planned:
                    if _name(planned) not in self.void:
                        self._make(planned)
                self.planned, self.void = [], set()
            else:
                self.planned.append(row)

    def _make(self, row: Row) -> None:
        """Take in a planned row that was made."""
        if row["action"] == "undone":
            self.undoable = {key: made for key, made in self.undoable.items() if made["batch"] != row["batch"]}
            return
        if not is_edit(row):
            self.made.append((row["source"], row["target"]))
        if row["action"] in ("move", "label"):
            self.undoable[_key(row)] = row
        else:
            self.undoable.pop(_key(row) if is_edit(row) else (row["source"], ""), None)


def is_edit(row: Row) -> bool:
    """Return whether a row is about labels, and not about a move."""
    return row["was"] != row["labels"]


def _name(row: Row) -> tuple[str, bool]:
    """Return what tells a planned row from the others of its batch: a photo may be moved and get its row at once."""
    return row["target"], is_edit(row)


def _key(row: Row) -> tuple[str, str]:
    """Return what tells a row from all that can be taken back: labels are edited many times, in batch after batch."""
    return row["target"], row["batch"] if is_edit(row) else ""


def make_row(
    batch: int,
    stage: str,
    action: str,
    source: str = "",
    target: str = "",
    why: str = "",
    was: str = "",
    labels: str = "",
) -> Row:
    """Return a row of a journal, with the time; source and target are relative to the folder of photos.

    was, labels: what the row of `target` in labels.csv says before and after; equal where it stays.
    """
    return {
        "batch": str(batch),
        "stage": stage,
        "action": action,
        "source": source,
        "target": target,
        "why": why,
        "time": utc_now(),
        "was": was,
        "labels": labels,
    }


def settled(rows: Sequence[Row]) -> list[Row]:
    """Return the rows and a last one, "settled", which says that what is planned before it is made."""
    return [*rows, make_row(0, "", "settled")]
