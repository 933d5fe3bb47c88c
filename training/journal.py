"""Lists that survive being killed, and moves that can be taken back: no stage destroys a photo.

Writes DATA/.rejected/<label>/<file>, and DATA/.rejected/journal.csv: what was moved, from where, and why
"""
import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from fastcore.script import CliError
from filelock import FileLock, Timeout

REJECTED = ".rejected"  # hidden: no stage looks for photos in there
COLUMNS = ("batch", "stage", "action", "source", "target", "why", "time")
LONGEST = 255  # bytes of a file's name
PATIENCE = 60  # seconds to wait for another process that moves photos of the same folder


class Log:
    """A csv file that grows by a line at a time; a line that was cut off when a run was killed is dropped.

    Raises CliError for a file with other columns: it is somebody else's, and stays as it is.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]):
        self.path, self.columns, self.rows = path, columns, []
        if path.exists():
            data = path.read_bytes()
            whole = data[:data.rfind(b"\n") + 1]
            if whole != data:
                path.write_bytes(whole)
            reader = csv.DictReader(io.StringIO(_text(whole)))
            if whole.strip() and tuple(reader.fieldnames) != columns:
                raise CliError(f"{path} is another list than expected: its columns are not {', '.join(columns)}. "
                               "Move it away to begin a new one.")
            self.rows = [row for row in reader if None not in row.values()]
        if not self.rows:
            path.write_text(",".join(columns) + "\n")

    def add(self, **row) -> None:
        """Append a row, on disk before this returns."""
        line = io.StringIO()
        csv.DictWriter(line, self.columns, lineterminator="\n").writerow(row)
        with self.path.open("ab") as file:
            file.write(line.getvalue().encode(errors="surrogateescape"))
        self.rows.append({name: str(value) for name, value in row.items()})


def _text(data: bytes) -> str:
    """Return the text of a list; a name that is no UTF-8 keeps its bytes, as everywhere in Python."""
    return data.decode(errors="surrogateescape")


def now() -> str:
    """Return the time as it is written into lists."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class Journal:
    """What was moved within a folder of photos, by one process at a time.

    A move is written down before it is made. So a killed run leaves at most one line whose file is still at its
    source: the run that follows finds it there again, and taking back passes over it.
    """

    def __init__(self, data: str | Path):
        self.data = Path(data)
        self.path = self.data / REJECTED / "journal.csv"
        with writing(self.data):
            self.path.parent.mkdir(exist_ok=True)
            self._lock = FileLock(self.path.with_name("lock"), timeout=PATIENCE)
            with self._alone():
                pass

    def move(self, stage: str, moves: Iterable[tuple[Path, Path, str]]) -> int:
        """Make moves of (source, target, why) as one batch and return how many; a taken name gets a number.

        source, target: paths within the folder of photos. What is no longer at its source, since somebody else
        moved it first, is passed over. Raises CliError where a move fails; the others stay made.
        """
        with self._alone():
            batch, n = 1 + max((int(row["batch"]) for row in self.log.rows), default=0), 0
            for source, target, why in moves:
                if os.path.lexists(source):
                    self._move(batch, stage, "move", source, self._free(target), why)
                    n += 1
        return n

    def reject(self, stage: str, photos: Iterable[tuple[Path, str]]) -> int:
        """Move (photo, why) out of the way, as one batch; return how many."""
        return self.move(stage, ((photo, self.rejected(photo), why) for photo, why in photos))

    def rejected(self, photo: Path) -> Path:
        """Return where a photo goes that is moved out of the way."""
        return self.data / REJECTED / photo.relative_to(self.data)

    def undo(self, stage: str, only_last: bool = False) -> list[tuple[Path, Path]]:
        """Bring back what a stage moved, or its last batch alone, last first; return where each was and is now."""
        back = []
        with self._alone():
            undone = {row["batch"] for row in self.log.rows if row["action"] == "undone"}
            moves = [row for row in self.log.rows if row["stage"] == stage and row["action"] == "move"
                     and row["batch"] not in undone]
            batches = sorted({int(row["batch"]) for row in moves}, reverse=True)[:1 if only_last else None]
            for batch in batches:
                for row in reversed([row for row in moves if int(row["batch"]) == batch]):
                    source, target = self.data / row["source"], self.data / row["target"]
                    if os.path.lexists(target):
                        source = self._free(source)
                        self._move(batch, stage, "back", target, source, "")
                        back.append((target, source))
                self.log.add(batch=batch, stage=stage, action="undone", source="", target="", why="", time=now())
        return back

    def moves_since(self, n_rows: int) -> tuple[list[tuple[Path, Path]], int]:
        """Return (source, target) of what was moved, or brought back, after the first n_rows, and how many rows
        there are now: so another process's moves can be followed."""
        with self._alone():
            rows = self.log.rows
        return [(self.data / row["source"], self.data / row["target"]) for row in rows[n_rows:]
                if row["action"] != "undone"], len(rows)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock, with the list as it is on the disk; CliError where another process keeps it."""
        try:
            with self._lock, writing(self.data):
                self.log = Log(self.path, COLUMNS)
                yield
        except Timeout as error:
            raise CliError(f"Another process has been moving photos of {self.data} for a minute. Try again when it "
                           "is through.") from error

    def _move(self, batch: int, stage: str, action: str, source: Path, target: Path, why: str) -> None:
        """Write a move down, then make it; CliError where it fails."""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.log.add(batch=batch, stage=stage, action=action, source=self._inside(source),
                         target=self._inside(target), why=why, time=now())
            os.rename(source, target)
        except OSError as error:
            raise CliError(f"{source} could not be moved to {target}: {error.strerror}. What was moved before is in "
                           "the journal; --undo brings it back.") from error

    def _inside(self, path: Path) -> str:
        return path.relative_to(self.data).as_posix()

    @staticmethod
    def _free(path: Path) -> Path:
        """Return the path, or with a number where something is there already."""
        free, number = path, 2
        while os.path.lexists(free):
            free, number = numbered(path, number), number + 1
        return free


def numbered(path: Path, number: int) -> Path:
    """Return the path with a number after its stem, which is cut where the name would get too long for a disk."""
    stem = path.stem
    while len(os.fsencode(name := f"{stem}-{number}{path.suffix}")) > LONGEST:
        stem = stem[:-1]
    return path.with_name(name)


@contextmanager
def writing(data: Path) -> Iterator[None]:
    """Turn a file system's refusal into a CliError that names the folder."""
    try:
        yield
    except OSError as error:
        raise CliError(f"Nothing can be written in {data} ({error.strerror}).") from error
