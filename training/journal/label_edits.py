"""Change rows of labels.csv, and leave alone what somebody else changed meanwhile.

Reads  DATA/labels.csv, again before each change: its owner may work on it in a spreadsheet
Writes DATA/labels.csv, whole or not at all
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fastcore.script import CliError

from training.data.labels import (
    FILE_NAME,
    SEPARATOR,
    Labels,
    ListedPhoto,
    locked_labels,
    read_labels,
    write_labels,
)

NO_ROW = "/"  # in place of a row's labels where there is none: no label has such a name

Edit = tuple[Path, str, str]  # photo, what its row says, what it is to say: labels joined by SEPARATOR, or NO_ROW


def read_listed(data: Path) -> Labels:
    """Return the labels of labels.csv; CliError where the file is gone or cannot be read."""
    labels = read_labels(data)
    if labels.listed is None:
        raise CliError(f"{data / FILE_NAME} is gone. Bring it back: the labels of the photos were in it.")
    return labels


def row_text(labels: Labels, photo: Path) -> str:
    """Return what the row of a photo says: "dress|hat", "" for no label; NO_ROW where there is no row."""
    return labels.text(photo) if photo in (labels.listed or {}) else NO_ROW


def labels_of(text: str) -> tuple[str, ...]:
    """Return the labels in a text, sorted: of "hat|dress", dress and hat."""
    return tuple(sorted(set(text.split(SEPARATOR)) - {""}))


def edit_rows(data: Path, edits: Iterable[Edit]) -> None:
    """Change rows, all in one write; a row that says something else than expected stays as it is.

    Sets and other rows stay too; new rows come last. Raises CliError where the file cannot be read or written.
    """
    with locked_labels(data):
        labels = read_listed(data)
        listed = dict(labels.listed or {})
        for photo, was, wanted in edits:
            if row_text(labels, photo) != was:
                continue
            if wanted == NO_ROW:
                del listed[photo]
            else:
                listed[photo] = replace(listed.get(photo, ListedPhoto(())), labels=labels_of(wanted))
        if listed != labels.listed:
            write_labels(data, listed)
