"""Keep rows of text in a SQLite file to which rows are only added: safe from a kill, a full disk and other processes.

    log = AppendLog(Path("data/.failed.db"), ("label", "url"))
    log.add([{"label": "grizzly", "url": "https://…"}])    # all on the disk before this returns, or none
    rows, n = log.rows()

Any SQLite tool shows a log: sqlite3 data/.failed.db "select * from rows". What earlier versions kept as csv is copied
once, in one transaction; the csv file stays as it is.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from fastcore.script import CliError

LOCK_TIMEOUT = 60  # seconds to wait for another process that writes the same log
Row = dict[str, str]


class AppendLog:
    """Rows of text on the disk. Each call opens and closes the file, so threads and processes may share it.

    Raises CliError where nothing can be written, and for a file that is damaged or has other columns; such a file
    stays as it is.
    """

    def __init__(
        self,
        path: Path,
        columns: tuple[str, ...],
        initial_rows: Callable[[], Iterable[Mapping[str, str]]] = list,
        n_added: int = 0,
    ):
        """initial_rows: gives the rows that the log begins with; called when its file is made.

        n_added: how many of the last columns an earlier version's file may lack: they are added to it, empty.
        """
        self.path, self.columns = path, columns
        self._create_sql = _create_sql(columns)
        self._insert_sql = f"INSERT INTO rows ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        self._initial_rows, self._n_added = initial_rows, n_added
        with self._open():
            pass

    def add(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Add rows, all or none; they are on the disk before this returns."""
        with self._open() as file:
            file.execute("BEGIN IMMEDIATE")
            self._add(file, rows)
            file.execute("COMMIT")

    def rows(self, after: int = 0) -> tuple[list[Row], int]:
        """Return the rows after the first so many, and how many there are in all."""
        with self._open() as file:
            file.execute("BEGIN")
            (n,) = file.execute("SELECT coalesce(max(id), 0) FROM rows").fetchone()
            found = file.execute(f"SELECT {', '.join(self.columns)} FROM rows WHERE id > ? ORDER BY id", (after,))
            return [dict(zip(self.columns, map(_from_sqlite, row))) for row in found], n

    def _add(self, file: sqlite3.Connection, rows: Iterable[Mapping[str, str]]) -> None:
        file.executemany(self._insert_sql, ([_to_sqlite(row[name]) for name in self.columns] for row in rows))

    def _create_if_missing(self, file: sqlite3.Connection) -> None:
        """Create the table where there is none, with its initial rows."""
        self._add_missing_columns(file)
        if not self._exists(file):
            file.execute("BEGIN IMMEDIATE")
            if not self._exists(file):  # another process may have been faster
                file.execute(self._create_sql)
                self._add(file, self._initial_rows())
            file.execute("COMMIT")

    def _add_missing_columns(self, file: sqlite3.Connection) -> None:
        """Give the table of an earlier version the columns that it lacks."""
        for n in range(len(self.columns) - self._n_added, len(self.columns)):
            earlier = [(_create_sql(self.columns[:n]),)]
            if file.execute("SELECT sql FROM sqlite_master").fetchall() == earlier:
                file.execute("BEGIN IMMEDIATE")
                if file.execute("SELECT sql FROM sqlite_master").fetchall() == earlier:  # no other process was faster
                    file.execute(f"ALTER TABLE rows ADD COLUMN {self.columns[n]} TEXT")
                file.execute("COMMIT")

    def _exists(self, file: sqlite3.Connection) -> bool:
        """Return whether the file holds the log's table; CliError where it holds anything else."""
        found = [sql for (sql,) in file.execute("SELECT sql FROM sqlite_master")]
        if found not in ([], [self._create_sql]):
            raise CliError(
                f"{self.path} is another list than expected: its columns are not {', '.join(self.columns)}. "
                "Move it away to begin a new one."
            )
        return bool(found)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file; what is not committed when this ends is rolled back.

        SQLite's own rollback journal, since write-ahead logs want shared memory, which network disks do not have, and
        cannot be read in a folder that takes no writes.
        """
        try:
            with closing(sqlite3.connect(self.path, LOCK_TIMEOUT, isolation_level=None)) as file:
                file.text_factory = _from_sqlite
                file.execute("PRAGMA synchronous = EXTRA")  # else a power cut may take the last rows back
                self._create_if_missing(file)
                yield file
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise CliError(
                    f"Another process has been writing {self.path} for a minute. Try again when it is through."
                ) from error
            raise CliError(f"Nothing can be written in {self.path.parent} ({error}).") from error
        except sqlite3.DatabaseError as error:
            raise CliError(
                f"{self.path} is damaged ({error}), and was left as it is. Bring back a copy of it, or move "
                "it away to begin a new list."
            ) from error


def _create_sql(columns: Sequence[str]) -> str:
    return f"CREATE TABLE rows (id INTEGER PRIMARY KEY, {', '.join(f'{name} TEXT' for name in columns)})"


def _from_sqlite(value: object) -> str:
    """Return a value of the file as text; a name that is no UTF-8 keeps its bytes, as everywhere in Python."""
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else "" if value is None else str(value)


def _to_sqlite(value: object) -> str | bytes:
    """Return the text to store, or the bytes of a name that is no UTF-8."""
    text = str(value)
    try:
        data = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a character, as JSON can have it
        data = text.encode(errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def utc_now() -> str:
    """Return the time in UTC, to the second, as it is written into logs."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@contextmanager
def folder_errors(folder: Path) -> Iterator[None]:
    """Raise CliError, which names the folder, instead of the OSErrors of the block."""
    try:
        yield
    except OSError as error:
        raise CliError(f"Nothing can be written in {folder} ({error.strerror}).") from error
