"""The state of a journal of moves: which photos lie elsewhere than they did, from the rows of the journal.

Reads  rows as `training.move_journal.Journal` writes them
Gives  `JournalState`
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .append_log import Row, utc_now

COLUMNS = ("batch", "stage", "action", "source", "target", "why", "time")
ACTIONS = ("move", "back", "void", "settled", "undone")
BATCH = re.compile(r"[0-9]{1,9}")


@dataclass
class JournalState:
    """What the rows of a journal come to.

    Actions: a planned "move", or "back" to where it was; "void", a planned one that was not made; "settled", what was
    planned before is made, except what is void; "undone", a batch is taken back as far as it can be.
    """

    planned: list[Row] = field(default_factory=list)
    void: set[str] = field(default_factory=set)  # targets of planned ones that were not made
    made: list[tuple[str, str]] = field(default_factory=list)  # (source, target), in order
    undoable: dict[str, Row] = field(default_factory=dict)  # by target, the move that can be taken back
    last_batch: int = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Take in more rows; rows that are damaged are left out."""
        for row in rows:
            if row["action"] not in ACTIONS or not BATCH.fullmatch(row["batch"]):
                continue  # the rest of a damaged line
            self.last_batch = max(self.last_batch, int(row["batch"]))
            if row["action"] == "void":
                self.void.add(row["target"])
            elif row["action"] == "settled":
                for planned in self.planned:
                    if planned["target"] not in self.void:
                        self._make(planned)
                self.planned, self.void = [], set()
            else:
                self.planned.append(row)

    def _make(self, row: Row) -> None:
        """Take in a planned row that was made."""
        if row["action"] == "undone":
            self.undoable = {target: move for target, move in self.undoable.items() if move["batch"] != row["batch"]}
            return
        self.made.append((row["source"], row["target"]))
        if row["action"] == "move":
            self.undoable[row["target"]] = row
        else:
            self.undoable.pop(row["source"], None)


def make_row(batch: int, stage: str, action: str, source: str = "", target: str = "", why: str = "") -> Row:
    """Return a row of a journal, with the time; source and target are relative to the folder of photos."""
    return {
        "batch": str(batch),
        "stage": stage,
        "action": action,
        "source": source,
        "target": target,
        "why": why,
        "time": utc_now(),
    }


def settled(rows: Sequence[Row]) -> list[Row]:
    """Return the rows and a last one, "settled", which says that what is planned before it is made."""
    return [*rows, make_row(0, "", "settled")]
