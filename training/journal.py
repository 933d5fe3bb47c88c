"""Lists that survive being killed, and moves that can be taken back: no stage destroys a photo.

Writes DATA/.rejected/<label>/<file>, and DATA/.rejected/journal.csv: what was moved, from where, and why
"""
import csv
import io
import os
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from fastcore.script import CliError

REJECTED = ".rejected"  # hidden: no stage looks for photos in there
COLUMNS = ("batch", "stage", "action", "source", "target", "why", "time")


class Log:
    """A csv file that grows by a line at a time; a line that was cut off when a run was killed is dropped."""

    def __init__(self, path: Path, columns: tuple[str, ...]):
        self.path, self.columns, self.rows = path, columns, []
        if path.exists():
            data = path.read_bytes()
            whole = data[:data.rfind(b"\n") + 1]
            if whole != data:
                path.write_bytes(whole)
            self.rows = [row for row in csv.DictReader(io.StringIO(whole.decode())) if None not in row.values()]
        if not self.rows:
            path.write_text(",".join(columns) + "\n")

    def add(self, **row) -> None:
        """Append a row, on disk before this returns."""
        line = io.StringIO()
        csv.DictWriter(line, self.columns, lineterminator="\n").writerow(row)
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(line.getvalue())
        self.rows.append({name: str(value) for name, value in row.items()})


def now() -> str:
    """Return the time as it is written into lists."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class Journal:
    """What was moved within a folder of photos.

    A move is written down before it is made. So a killed run leaves at most one line whose file is still at its
    source: the run that follows finds it there again, and taking back passes over it.
    """

    def __init__(self, data: str | Path):
        self.data = Path(data)
        path = self.data / REJECTED / "journal.csv"
        try:
            path.parent.mkdir(exist_ok=True)
            self.log = Log(path, COLUMNS)
        except OSError as error:
            raise CliError(f"Nothing can be written in {self.data} ({error.strerror}).") from error

    def move(self, stage: str, moves: Iterable[tuple[Path, Path, str]]) -> int:
        """Make moves of (source, target, why) as one batch and return how many; a taken name gets a number.

        source, target: paths within the folder of photos. Raises CliError where one fails; the others stay made.
        """
        batch, n = 1 + max((int(row["batch"]) for row in self.log.rows), default=0), 0
        for source, target, why in moves:
            target = self._free(target)
            self.log.add(batch=batch, stage=stage, action="move", source=self._inside(source),
                         target=self._inside(target), why=why, time=now())
            self._rename(source, target)
            n += 1
        return n

    def reject(self, stage: str, photos: Iterable[tuple[Path, str]]) -> int:
        """Move (photo, why) out of the way, as one batch; return how many."""
        return self.move(stage, ((photo, self.data / REJECTED / photo.relative_to(self.data), why)
                                 for photo, why in photos))

    def undo(self, stage: str, only_last: bool = False) -> int:
        """Bring back what a stage moved, or its last batch alone, last first; return how many photos came back."""
        undone = {row["batch"] for row in self.log.rows if row["action"] == "undone"}
        moves = [row for row in self.log.rows if row["stage"] == stage and row["action"] == "move"
                 and row["batch"] not in undone]
        batches = sorted({int(row["batch"]) for row in moves}, reverse=True)[:1 if only_last else None]
        n = 0
        for batch in batches:
            for row in reversed([row for row in moves if int(row["batch"]) == batch]):
                source, target = self.data / row["source"], self.data / row["target"]
                if target.exists():
                    self._rename(target, self._free(source))
                    n += 1
            self.log.add(batch=batch, stage=stage, action="undone", source="", target="", why="", time=now())
        return n

    def _inside(self, path: Path) -> str:
        return path.relative_to(self.data).as_posix()

    @staticmethod
    def _free(path: Path) -> Path:
        """Return the path, or with a number where something is there already."""
        free, number = path, 2
        while os.path.lexists(free):
            free, number = path.with_stem(f"{path.stem}-{number}"), number + 1
        return free

    @staticmethod
    def _rename(source: Path, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(source, target)
        except OSError as error:
            raise CliError(f"{source} could not be moved to {target}: {error.strerror}. What was moved before is in "
                           "the journal; --undo brings it back.") from error
