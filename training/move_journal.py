"""Move photos so that each move can be undone: no command deletes a photo.

Writes DATA/.rejected/<label>/<file>, and DATA/.rejected/journal.db: what was moved, from where, and why

A batch of moves is written to the journal before it is made, and its outcome after. Where a run was killed in between,
the next one checks which moves were made: their photos lie at the target.
"""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fastcore.script import CliError
from filelock import FileLock, Timeout

from .append_log import LOCK_TIMEOUT, AppendLog, Row, folder_errors
from .csv_rows import read_csv_rows
from .journal_state import COLUMNS, JournalState, make_row, settled

REJECTED = ".rejected"  # hidden: no command looks for photos in it
MAX_NAME_BYTES = 255  # of a file

Move = tuple[Path, Path, str]  # source, target, why


class Journal:
    """The journal of a folder of photos; one process at a time moves photos."""

    def __init__(self, data: str | Path):
        self.data = Path(data)
        folder = self.data / REJECTED
        self.path = folder / "journal.db"
        with folder_errors(self.data):
            folder.mkdir(exist_ok=True)
        self._lock = FileLock(folder / "lock", timeout=LOCK_TIMEOUT)
        self._log = AppendLog(self.path, COLUMNS, lambda: settled(read_csv_rows(folder / "journal.csv", COLUMNS)))
        self._state, self._n_rows = JournalState(), 0
        with self._locked():
            pass

    def move(self, stage: str, moves: Iterable[Move]) -> int:
        """Make moves of (source, target, why) as one batch and return how many; an existing name gets a number.

        source, target: paths within the folder of photos. A photo that is no longer at its source, since somebody else
        moved it first, is left out. Raises CliError where a move fails; those before it stay made.
        """
        with self._locked() as state:
            wanted = {source: (target, why) for source, target, why in moves if os.path.lexists(source)}
            plan: list[Move] = []
            taken: set[Path] = set()
            for source, (target, why) in wanted.items():
                plan.append((source, _free_path(target, taken), why))
            self._carry_out(state.last_batch + 1, stage, "move", plan)
        return len(plan)

    def reject(self, stage: str, photos: Iterable[tuple[Path, str]]) -> int:
        """Move photos, given as (photo, why), to the folder of rejected ones, as one batch; return how many."""
        return self.move(stage, ((photo, self.rejected(photo), why) for photo, why in photos))

    def rejected(self, photo: Path) -> Path:
        """Return where a photo is moved to when it is rejected."""
        return self.data / REJECTED / photo.relative_to(self.data)

    def undo(self, stage: str, only_last: bool = False) -> list[tuple[Path, Path]]:
        """Bring back what a stage moved, or its last batch only, last first; return (from, to) of each move back."""
        back: list[tuple[Path, Path]] = []
        with self._locked() as state:
            moves = [row for row in state.undoable.values() if row["stage"] == stage]
            batches = sorted({int(row["batch"]) for row in moves}, reverse=True)[: 1 if only_last else None]
            for batch in batches:
                plan: list[Move] = []
                taken: set[Path] = set()
                for row in reversed([row for row in moves if int(row["batch"]) == batch]):
                    source, target = self._path(row["source"]), self._path(row["target"])
                    if os.path.lexists(target):
                        plan.append((target, _free_path(source, taken), ""))
                self._carry_out(batch, stage, "back", plan)
                self._log.add(settled([make_row(batch, stage, "undone")]))
                back += [(target, source) for target, source, _ in plan]
        return back

    def moves_since(self, n: int) -> tuple[list[tuple[Path, Path]], int]:
        """Return (source, target) of all moves, also back, after the first n, and the number of all moves.

        With it, a process learns of the moves of another one.
        """
        with self._locked() as state:
            return [(self._path(source), self._path(target)) for source, target in state.made[n:]], len(state.made)

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

    def _carry_out(self, batch: int, stage: str, action: str, plan: Sequence[Move]) -> None:
        """Write the planned moves, make them, then write which were made; CliError where one fails."""
        rows = [
            make_row(batch, stage, action, self._relative(source), self._relative(target), why)
            for source, target, why in plan
        ]
        self._log.add(rows)
        for n, (source, target, _) in enumerate(plan):
            try:
                _move(source, target)
            except OSError as error:
                self._settle(rows[:n], void=rows[n:])
                raise CliError(
                    f"{source} could not be moved to {target}: {error.strerror}. What was moved before is "
                    "in the journal; --undo brings it back."
                ) from error
        self._settle(rows)

    def _settle(self, planned: Sequence[Row], void: Sequence[Row] = ()) -> None:
        """Write which moves were not made: those of `void`, and of the planned ones those without their target."""
        void = [*void, *(row for row in planned if not os.path.lexists(self._path(row["target"])))]
        self._log.add(settled([{**row, "action": "void"} for row in void]))

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.data).as_posix()

    def _path(self, relative: str) -> Path:
        """Return a path of the journal; CliError for one that leads out of the folder: anybody may write the file."""
        if os.path.isabs(relative) or ".." in relative.replace(os.sep, "/").split("/"):
            raise CliError(
                f"{self.path} names {relative}, which is not in {self.data}. Move the journal away to begin a new one."
            )
        return self.data / relative


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):  # it was free when this was planned
        raise FileExistsError(errno.EEXIST, "something else is there by now")
    os.rename(source, target)


def _free_path(path: Path, taken: set[Path]) -> Path:
    """Return the path, with a number where it exists or is one of `taken`, and add it to these."""
    free, number = path, 2
    while free in taken or os.path.lexists(free):
        free, number = numbered(path, number), number + 1
    taken.add(free)
    return free


def numbered(path: Path, number: int) -> Path:
    """Return the path with a number after its stem, which is cut where the name would be too long for a file system."""
    stem = path.stem
    while len(os.fsencode(name := f"{stem}-{number}{path.suffix}")) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return path.with_name(name)
