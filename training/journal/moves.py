"""Move photos, and change their labels, so that each change can be undone: no command deletes a photo.

Writes DATA/.rejected/<label>/<file>, and DATA/.rejected/journal.db: what was moved, from where, and why. Where
       DATA/labels.csv has the labels, its rows, and in the journal what they said before

A batch of changes is written to the journal before it is made, and its outcome after. Where a run was killed in
between, the next one checks what was made: photos that lie at their target, rows that say what was planned.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fastcore.script import CliError
from filelock import FileLock, Timeout

from training.append_log import LOCK_TIMEOUT, AppendLog, Row, folder_errors
from training.csv_rows import read_csv_rows

from .label_edits import edit_rows
from .plan import REJECTED, Change, Undone, is_made, path_in, plan, plan_back, read_labels_for
from .state import COLUMNS, N_ADDED, JournalState, is_edit, make_row, settled

__all__ = ["COLUMNS", "REJECTED", "Change", "Journal", "Move", "Undone"]

Move = tuple[Path, Path, str]  # source, target, why


class Journal:
    """The journal of a folder of photos; one process at a time changes photos."""

    def __init__(self, data: str | Path):
        self.data = Path(data)
        folder = self.data / REJECTED
        self.path = folder / "journal.db"
        with folder_errors(self.data):
            folder.mkdir(exist_ok=True)
        self._lock = FileLock(folder / "lock", timeout=LOCK_TIMEOUT)
        initial = folder / "journal.csv"  # as earlier versions kept it
        self._log = AppendLog(self.path, COLUMNS, lambda: settled(read_csv_rows(initial, COLUMNS, N_ADDED)), N_ADDED)
        self._state, self._n_rows = JournalState(), 0
        with self._locked():
            pass

    def move(self, stage: str, moves: Iterable[Move]) -> int:
        """Make moves of (source, target, why) as one batch and return how many; see `change`."""
        return self.change(stage, (Change(*move) for move in moves))

    def change(self, stage: str, changes: Iterable[Change]) -> int:
        """Make changes as one batch and return how many; a name that exists gets a number.

        Paths lie within the folder of photos. A photo that is no longer there, or whose row no longer says what was
        expected, since somebody else was faster, is left out. Raises CliError where something fails: what was made
        before stays made. Rows are changed first, all in one write.
        """
        with self._locked() as state:
            wanted = {change.photo: change for change in changes if os.path.lexists(change.photo)}
            planned = plan(self.data, state.last_batch + 1, stage, list(wanted.values()))
            self._carry_out([row for rows in planned for row in rows])
        return sum(map(bool, planned))

    def reject(self, stage: str, photos: Iterable[tuple[Path, str]]) -> int:
        """Move photos, given as (photo, why), to the folder of rejected ones, as one batch; return how many."""
        return self.move(stage, ((photo, self.rejected(photo), why) for photo, why in photos))

    def rejected(self, photo: Path) -> Path:
        """Return where a photo is moved to when it is rejected."""
        return self.data / REJECTED / photo.relative_to(self.data)

    def undo(self, stage: str, only_last: bool = False) -> list[tuple[Path, Path]]:
        """Take back what a stage did, or its last batch only; return (from, to) of each move back."""
        return self.take_back(stage, only_last).moved

    def take_back(self, stage: str, only_last: bool = False) -> Undone:
        """Take back what a stage did, or its last batch only, last first; return what came back."""
        undone = Undone([], [], [])
        with self._locked() as state:
            made = [row for row in state.undoable.values() if row["stage"] == stage]
            for batch in sorted({int(row["batch"]) for row in made}, reverse=True)[: 1 if only_last else None]:
                own = [row for row in reversed(made) if int(row["batch"]) == batch]
                self._carry_out(plan_back(self.data, own, undone))
                self._log.add(settled([make_row(batch, stage, "undone")]))
        return undone

    def moves_since(self, n: int) -> tuple[list[tuple[Path, Path]], int]:
        """Return (source, target) of all moves, also back, after the first n, and the number of all moves.

        With it, a process learns of the moves of another one.
        """
        with self._locked() as state:
            return [(path_in(self.data, source), path_in(self.data, target)) for source, target in state.made[n:]], len(
                state.made
            )

    @contextmanager
    def _locked(self) -> Iterator[JournalState]:
        """Hold the folder's lock, and yield the journal's state; CliError where another process keeps the lock."""
        try:
            with self._lock, folder_errors(self.data):
                state = self._read()
                if state.planned:  # by a run that was killed
                    self._settle(state.planned)
                    state = self._read()
                yield state
        except Timeout as error:
            raise CliError(
                f"Another process has been moving photos of {self.data} for a minute. Try again when it is through."
            ) from error

    def _read(self) -> JournalState:
        """Return the journal's state as it is on the disk now."""
        rows, n = self._log.rows(after=self._n_rows)
        if n < self._n_rows:  # another file took its place
            self._state, (rows, n) = JournalState(), self._log.rows()
        self._state.add(rows)
        self._n_rows = n
        return self._state

    def _carry_out(self, rows: Sequence[Row]) -> None:
        """Write what is planned, do it, then write what was made; CliError where something fails."""
        edits, moves = [row for row in rows if is_edit(row)], [row for row in rows if not is_edit(row)]
        self._log.add(rows)
        if edits:
            try:
                edit_rows(self.data, [(path_in(self.data, row["target"]), row["was"], row["labels"]) for row in edits])
            except CliError:
                self._settle([], void=rows)
                raise
        for n, row in enumerate(moves):
            source, target = path_in(self.data, row["source"]), path_in(self.data, row["target"])
            try:
                _move(source, target)
            except OSError as error:
                self._settle([*edits, *moves[:n]], void=moves[n:])
                raise CliError(
                    f"{source} could not be moved to {target}: {error.strerror}. What was moved before is "
                    "in the journal; --undo brings it back."
                ) from error
        self._settle(rows)

    def _settle(self, planned: Sequence[Row], void: Sequence[Row] = ()) -> None:
        """Write what was not made: `void`, and of the planned ones moves without their target, and rows not changed."""
        labels = read_labels_for(self.data, planned)
        void = [*void, *(row for row in planned if not is_made(self.data, row, labels))]
        self._log.add(settled([{**row, "action": "void"} for row in void]))


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):  # it was free when this was planned
        raise FileExistsError(errno.EEXIST, "something else is there by now")
    os.rename(source, target)
