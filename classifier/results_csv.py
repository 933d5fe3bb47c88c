"""Write answers.csv: a row for each photo, on disk as soon as it is answered; an interrupted run can continue it.

    table = Table(Path("answers.csv"), classifier.version)
    table.has("bear.jpg", 51234, 1764032400) or table.add(row)

A text that a spreadsheet would compute gets an apostrophe in front; `plain` removes it.
"""

import csv
import io
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .prediction import Prediction

SEPARATOR = "|"  # between the labels of a photo that has several
DECISION, PROBABILITY = "decision", "probability of "  # columns of some models, and of each label by option
COLUMNS = ("file", "label", "probability", "familiar", "familiarity", "error", "model", "bytes", "modified")
FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""the beginning of a text that a spreadsheet computes, also after apostrophes, so that `plain` restores each text"""


class TableError(RuntimeError):
    """Raised for a file that cannot be continued, with a sentence for a person."""


def protected(text: str) -> str:
    """Return a text as the file has it: with an apostrophe in front where a spreadsheet would compute it."""
    return f"'{text}" if FORMULA.match(text) else text


def plain(text: str) -> str:
    """Return the original of a text that `protected` returned."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def columns_of(decides: bool, labels: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the columns of a table: COLUMNS, the decision of a model that makes one, and the labels' probabilities."""
    return *COLUMNS, *((DECISION,) if decides else ()), *(f"{PROBABILITY}{label}" for label in labels)


def row_of(
    file: str, answer: Prediction | str, model: str, n_bytes: int, modified: int, extra: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the fields of a photo's row, in the order of COLUMNS, then of extra columns (see `columns_of`).

    answer: or the error message of the photo.

    A photo that may have several labels has all of them in `label`, most probable first, and the probability of the
    first; one with none of them has neither.
    """
    facts = model, str(n_bytes), str(modified)
    if isinstance(answer, str):
        return _written(file), "", "", "", "", _written(answer), *facts, *[""] * len(extra)
    labels = (answer.label,) if answer.labels is None else answer.labels
    return (
        _written(file),
        _written(SEPARATOR.join(labels)),
        f"{answer.probabilities[answer.label]:.6f}" if labels else "",
        "" if answer.familiar is None else str(answer.familiar).lower(),
        "" if answer.familiarity is None else f"{answer.familiarity:.6f}",
        "",
        *facts,
        *(_extra(answer, column) for column in extra),
    )


def _extra(answer: Prediction, column: str) -> str:
    if column == DECISION:
        return answer.decision or ""
    return f"{answer.probabilities[column.removeprefix(PROBABILITY)]:.6f}"


class Table:
    """A CSV file of answers that grows by a row at a time; a row that a kill has truncated is removed.

    It keeps 8 bytes of each row in memory, to know which of any number of photos are answered.
    """

    def __init__(self, path: Path, model: str, columns: Sequence[str] = COLUMNS) -> None:
        """model: the version that answers. Raises TableError for a file with anything else than its answers."""
        self.path, self.columns, self._header = path, tuple(columns), _line(columns)
        kept = _check(path, self._header, self.columns)
        self._file = path.open("ab", buffering=0)
        if self._file.tell() > kept:
            self._file.truncate(kept)
        try:
            self._done = array("q", sorted(self._keys(model)) if kept else ())
        except TableError:
            self._file.close()
            raise
        if not kept:
            self.add(self.columns)

    def __len__(self) -> int:
        """Return the number of rows when the table was opened."""
        return len(self._done)

    def has(self, file: str, n_bytes: int, modified: int) -> bool:
        """Return whether a file had a row, of this size and time, when the table was opened."""
        key = hash((plain(_written(file)), str(n_bytes), str(modified)))
        i = bisect_left(self._done, key)
        return i < len(self._done) and self._done[i] == key

    def add(self, row: Iterable[str]) -> None:
        """Append a row in one write, so that it is kept if the process is killed."""
        line = _line(row)
        if self._file.write(line) != len(line):
            raise OSError("only a part of a row found room")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _keys(self, model: str) -> Iterator[int]:
        """Yield the hash of each row's photo; TableError for rows of another model."""
        with self.path.open(encoding="utf-8", errors="backslashreplace", newline="") as file:
            try:
                for row in csv.DictReader(file):
                    if None in row.values():
                        raise csv.Error(f"{row['file']!r} lacks fields")
                    if row["model"] != model:
                        raise TableError(
                            f"{self.path} holds answers of another model ({row['model']}, not {model}). "
                            "Name another file with --out."
                        )
                    yield hash((plain(row["file"]), row["bytes"], row["modified"]))
            except csv.Error as error:
                raise TableError(
                    f"{self.path} cannot be gone on with: {error}. Name another file with --out."
                ) from None


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


def _written(text: str) -> str:
    """Return a text as the file has it; bytes of a name that are no UTF-8 become \\udcXX."""
    return protected(text.encode(errors="backslashreplace").decode())


def _line(fields: Iterable[str]) -> bytes:
    """Return the bytes of a row."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(fields)  # so that it quotes a name with either of them
    return line.getvalue()[:-2].encode() + b"\n"
