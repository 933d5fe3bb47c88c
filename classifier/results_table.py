"""Write answers.csv: a row for each photo, on disk as soon as it is answered; an interrupted run can continue it.

table = Table(Path("answers.csv"), classifier.version)
table.has("bear.jpg", 51234, 1764032400) or table.add(row)
"""

import csv
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

from .files import replacing
from .results_csv import COLUMNS, line_of, plain, written

if sys.platform != "win32":
    import fcntl

READ: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}


class TableError(RuntimeError):
    """Raised for a file that cannot be continued, with a sentence for a person."""


class Table:
    """A CSV file of answers that grows by a row at a time; a row that a kill has truncated is removed.

    It keeps 8 bytes of each row in memory, to know which of any number of photos are answered. As it is opened, rows of
    photos that could not be read are taken out: whatever kept them away may be gone.
    """

    def __init__(self, path: Path, model: str, columns: Sequence[str] = COLUMNS) -> None:
        """model: the version that answers.

        Raises TableError for a file with anything else than its answers, and one that another command writes.
        """
        self.path, self.columns, self._header, self._n_away = path, tuple(columns), line_of(columns), 0
        _check(path, self._header, self.columns)
        self._file = _locked(path.open("ab", buffering=0), path)
        try:
            kept = _check(path, self._header, self.columns)
            if self._file.tell() > kept:
                self._file.truncate(kept)
            self._done = array("q", sorted(self._keys(model)) if kept else ())
            if self._n_away:
                self._take_out_away()
        except BaseException:
            self._file.close()
            raise
        if not kept:
            self.add(self.columns)

    def __len__(self) -> int:
        """Return the number of rows when the table was opened."""
        return len(self._done)

    def has(self, file: str, n_bytes: int, modified: int) -> bool:
        """Return whether a file had a row, of this size and time, when the table was opened."""
        key = hash((plain(written(file)), str(n_bytes), str(modified)))
        i = bisect_left(self._done, key)
        return i < len(self._done) and self._done[i] == key

    def add(self, row: Iterable[str]) -> None:
        """Append a row in one write, so that it is kept if the process is killed."""
        line = line_of(row)
        if self._file.write(line) != len(line):
            raise OSError("only a part of a row found room")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _take_out_away(self) -> None:
        """Write the file anew without the rows of photos that could not be read; a kill leaves it as it was."""
        with replacing(self.path) as temporary:
            with self.path.open(**READ) as old, temporary.open("wb") as new:
                new.write(self._header)
                for row in csv.DictReader(old):
                    if not _is_away(row):
                        new.write(line_of(row[column] for column in self.columns))
            self._file.close()  # Windows replaces no open file
        self._file = _locked(self.path.open("ab", buffering=0), self.path)

    def _keys(self, model: str) -> Iterator[int]:
        """Yield the hash of each row's photo, and count those that could not be read; TableError for other rows."""
        with self.path.open(**READ) as file:
            try:
                for row in csv.DictReader(file):
                    if None in row.values():
                        raise csv.Error(f"{row['file']!r} lacks fields")
                    if row["model"] != model:
                        raise TableError(
                            f"{self.path} holds answers of another model ({row['model']}, not {model}). "
                            "Name another file with --out."
                        )
                    if _is_away(row):
                        self._n_away += 1
                        continue
                    yield hash((plain(row["file"]), row["bytes"], row["modified"]))
            except csv.Error as error:
                raise TableError(
                    f"{self.path} cannot be gone on with: {error}. Name another file with --out."
                ) from None


def _is_away(row: dict[str, str]) -> bool:
    """Return whether a row is of a photo that could not be read, or was not there: see `photo.sources`."""
    file, error = plain(row["file"]), plain(row["error"])
    return error == f"There is no file {file}." or error.startswith(f"{file} could not be read: ")


def _locked(file: FileIO, path: Path) -> FileIO:
    """Return a file that no other process may write; TableError where one does. Windows has no such locks."""
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise TableError(
                f"Another command is writing {path}. Wait for it, or name another file with --out."
            ) from None
        except OSError:
            pass  # some network drives have no locks
    return file


def _check(path: Path, header: bytes, columns: Sequence[str]) -> int:
    """Return how many bytes of a file are complete rows, the header included; 0 for a new file."""
    try:
        if path.exists() and not path.is_file():
            raise TableError(f"{path} is no file. Name one with --out.")
        with path.open("rb") as file:
            first = file.readline(len(header) + 1)
            if first != header:
                if header.startswith(first):  # empty, or truncated by a kill
                    return 0
                raise TableError(
                    f"{path} is another table: its columns are not {', '.join(columns)}. Name another "
                    "file with --out, or move it away."
                )
            whole = end = len(first)
            quotes = 0
            for line in file:
                end, quotes = end + len(line), quotes + line.count(b'"')
                if quotes % 2 == 0 and line.endswith(b"\n"):  # otherwise the line ends within a name
                    whole = end
            return whole
    except FileNotFoundError:
        return 0
