"""The columns of answers.csv, and the row of a photo.

Gives  `columns_of` a model, `row_of` a photo, and `line_of` a row, as bytes

A text that a spreadsheet would compute gets an apostrophe in front; `plain` removes it.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from .prediction import Prediction

SEPARATOR = "|"  # between the labels of a photo that has several
DECISION, PROBABILITY = "decision", "probability of "  # columns of some models, and of each label by option
COLUMNS = ("file", "label", "probability", "familiar", "familiarity", "error", "model", "bytes", "modified")
FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""the beginning of a text that a spreadsheet computes, also after apostrophes, so that `plain` restores each text"""


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
        return written(file), "", "", "", "", written(answer), *facts, *[""] * len(extra)
    labels = (answer.label,) if answer.labels is None else answer.labels
    return (
        written(file),
        written(SEPARATOR.join(labels)),
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


def written(text: str) -> str:
    """Return a text as the file has it; bytes of a name that are no UTF-8 become \\udcXX."""
    return protected(text.encode(errors="backslashreplace").decode())


def line_of(fields: Iterable[str]) -> bytes:
    """Return the bytes of a row."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(fields)  # so that it quotes a name with either of them
    return line.getvalue()[:-2].encode() + b"\n"
