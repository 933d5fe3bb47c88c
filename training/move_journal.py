"""Moves that can be taken back: no stage destroys a photo.

Writes DATA/.rejected/<label>/<file>, and DATA/.rejected/journal.db: what was moved, from where, and why

A batch of moves is written down before it is made, and what became of it after. Where a run was killed in between, the
next one looks which of them were made: the photo lies at its target then.
"""
import errno
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastcore.script import CliError
from filelock import FileLock, Timeout

from .append_log import PATIENCE, Row, Store, csv_rows, now, writing

REJECTED = ".rejected"  # hidden: no stage looks for photos in there
COLUMNS = ("batch", "stage", "action", "source", "target", "why", "time")
ACTIONS = ("move", "back", "void", "settled", "undone")
BATCH = re.compile(r"[0-9]{1,9}")
LONGEST = 255  # bytes of a file's name

Move = tuple[Path, Path, str]  # source, target, why


@dataclass
class Moves:
    """What the rows of a journal come to.

    Actions: a planned "move", or "back" to where it was; "void", a planned one that was not made; "settled", what was
    planned before is made but for those; "undone", a batch is taken back as far as it can be.
    """

    planned: list[Row] = field(default_factory=list)
    void: set[str] = field(default_factory=set)  # targets of planned ones that were not made
    made: list[tuple[str, str]] = field(default_factory=list)  # (source, target), in order
    there: dict[str, Row] = field(default_factory=dict)  # by target, the move that can be taken back
    last_batch: int = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Go on with more rows."""
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
        if row["action"] == "undone":
            self.there = {target: move for target, move in self.there.items() if move["batch"] != row["batch"]}
            return
        self.made.append((row["source"], row["target"]))
        if row["action"] == "move":
            self.there[row["target"]] = row
        else:
            self.there.pop(row["source"], None)


class Journal:
    """What was moved within a folder of photos, by one process at a time."""

    def __init__(self, data: str | Path):
        self.data = Path(data)
        folder = self.data / REJECTED
        self.path = folder / "journal.db"
        with writing(self.data):
            folder.mkdir(exist_ok=True)
        self._lock = FileLock(folder / "lock", timeout=PATIENCE)
        self._store = Store(self.path, COLUMNS, lambda: _settled(csv_rows(folder / "journal.csv", COLUMNS)))
        self._known, self._n_rows = Moves(), 0
        with self._alone():
            pass

    def move(self, stage: str, moves: Iterable[Move]) -> int:
        """Make moves of (source, target, why) as one batch and return how many; a taken name gets a number.

        source, target: paths within the folder of photos. What is no longer at its source, since somebody else
        moved it first, is passed over. Raises CliError where a move fails; those before it stay made.
        """
        with self._alone() as known:
            wanted = {source: (target, why) for source, target, why in moves if os.path.lexists(source)}
            plan, taken = [], set()
            for source, (target, why) in wanted.items():
                plan.append((source, _free(target, taken), why))
            self._carry_out(known.last_batch + 1, stage, "move", plan)
        return len(plan)

    def reject(self, stage: str, photos: Iterable[tuple[Path, str]]) -> int:
        """Move (photo, why) out of the way, as one batch; return how many."""
        return self.move(stage, ((photo, self.rejected(photo), why) for photo, why in photos))

    def rejected(self, photo: Path) -> Path:
        """Return where a photo goes that is moved out of the way."""
        return self.data / REJECTED / photo.relative_to(self.data)

    def undo(self, stage: str, only_last: bool = False) -> list[tuple[Path, Path]]:
        """Bring back what a stage moved, or its last batch alone, last first; return where each was and is now."""
        back = []
        with self._alone() as known:
            moves = [row for row in known.there.values() if row["stage"] == stage]
            batches = sorted({int(row["batch"]) for row in moves}, reverse=True)[:1 if only_last else None]
            for batch in batches:
                plan, taken = [], set()
                for row in reversed([row for row in moves if int(row["batch"]) == batch]):
                    source, target = self._path(row["source"]), self._path(row["target"])
                    if os.path.lexists(target):
                        plan.append((target, _free(source, taken), ""))
                self._carry_out(batch, stage, "back", plan)
                self._store.add(_settled([_row(batch, stage, "undone")]))
                back += [(target, source) for target, source, _ in plan]
        return back

    def moves_since(self, n: int) -> tuple[list[tuple[Path, Path]], int]:
        """Return (source, target) of what was moved, or brought back, after the first n, and how many there are now:
        so another process's moves can be followed."""
        with self._alone() as known:
            return [(self._path(source), self._path(target)) for source, target in known.made[n:]], len(known.made)

    @contextmanager
    def _alone(self) -> Iterator[Moves]:
        """Hold the folder's lock, and yield what was moved; CliError where another process keeps the lock."""
        try:
            with self._lock, writing(self.data):
                known = self._read()
                if known.planned:  # by a run that was killed
                    self._settle(known.planned)
                    known = self._read()
                yield known
        except Timeout as error:
            raise CliError(f"Another process has been moving photos of {self.data} for a minute. Try again when it "
                           "is through.") from error

    def _read(self) -> Moves:
        """Return what was moved, as it is on the disk now."""
        rows, n = self._store.rows(after=self._n_rows)
        if n < self._n_rows:  # another file took its place
            self._known, (rows, n) = Moves(), self._store.rows()
        self._known.add(rows)
        self._n_rows = n
        return self._known

    def _carry_out(self, batch: int, stage: str, action: str, plan: Sequence[Move]) -> None:
        """Write moves down, then make them, then write down which were; CliError where one fails."""
        rows = [_row(batch, stage, action, self._inside(source), self._inside(target), why)
                for source, target, why in plan]
        self._store.add(rows)
        for n, (source, target, _) in enumerate(plan):
            try:
                _move(source, target)
            except OSError as error:
                self._settle(rows[:n], void=rows[n:])
                raise CliError(f"{source} could not be moved to {target}: {error.strerror}. What was moved before is "
                               "in the journal; --undo brings it back.") from error
        self._settle(rows)

    def _settle(self, planned: Sequence[Row], void: Sequence[Row] = ()) -> None:
        """Write down which moves were not made: those of void, and of the planned ones those without their target."""
        void = [*void, *(row for row in planned if not os.path.lexists(self._path(row["target"])))]
        self._store.add(_settled([{**row, "action": "void"} for row in void]))

    def _inside(self, path: Path) -> str:
        return path.relative_to(self.data).as_posix()

    def _path(self, inside: str) -> Path:
        """Return a path of the journal; CliError for one that leads out of the folder: the file is a stranger's."""
        if os.path.isabs(inside) or ".." in inside.replace(os.sep, "/").split("/"):
            raise CliError(f"{self.path} names {inside}, which is not in {self.data}. Move the journal away to begin a "
                           "new one.")
        return self.data / inside


def _row(batch: int, stage: str, action: str, source: str = "", target: str = "", why: str = "") -> Row:
    return {"batch": str(batch), "stage": stage, "action": action, "source": source, "target": target, "why": why,
            "time": now()}


def _settled(rows: Sequence[Row]) -> list[Row]:
    """Return rows that end with a "settled", which says that those planned before it are made."""
    return [*rows, _row(0, "", "settled")]


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):  # it was free when this was planned
        raise FileExistsError(errno.EEXIST, "something else is there by now")
    os.rename(source, target)


def _free(path: Path, taken: set[Path]) -> Path:
    """Return the path, or with a number where something is there already or will be, and add it to those taken."""
    free, number = path, 2
    while free in taken or os.path.lexists(free):
        free, number = numbered(path, number), number + 1
    taken.add(free)
    return free


def numbered(path: Path, number: int) -> Path:
    """Return the path with a number after its stem, which is cut where the name would get too long for a disk."""
    stem = path.stem
    while len(os.fsencode(name := f"{stem}-{number}{path.suffix}")) > LONGEST:
        stem = stem[:-1]
    return path.with_name(name)
