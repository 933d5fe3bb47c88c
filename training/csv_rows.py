"""Read and write rows of text as csv: the lists that people open in a spreadsheet."""

import csv
from collections.abc import Iterable
from pathlib import Path

from fastcore.script import CliError

from classifier.results_csv import protected

from .append_log import Row, folder_errors
from .output import replacing

CARRIAGE_RETURN = "\ue00d"  # stands for one within a name, which csv takes for the end of a line
MAX_LINES = 300  # of a row of a csv: a name of 255 bytes may be all line breaks


def read_csv_rows(path: Path, columns: tuple[str, ...], n_added: int = 0) -> list[Row]:
    """Return the rows of a csv file, none where there is no file; rows that are cut off are left out.

    n_added: how many of the last columns an earlier version's file may lack: they are empty.
    Raises CliError for a file with other columns.
    """
    with folder_errors(path.parent):
        text = path.read_bytes().decode(errors="surrogateescape") if path.exists() else ""
    header, text = ",".join(columns), text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", CARRIAGE_RETURN)
    first, _, rest = text.partition("\n")
    earlier = {",".join(columns[:n]): n for n in range(len(columns) - n_added, len(columns))}
    if n := earlier.get(first.strip()):
        empty = dict.fromkeys(columns[n:], "")
        return [{**row, **empty} for row in read_csv_rows(path, columns[:n])]
    if first.strip() != header and not header.startswith(text.strip()):
        raise CliError(
            f"{path} is another list than expected: its columns are not {', '.join(columns)}. "
            "Move it away to begin a new one."
        )
    lines = rest[: rest.rfind("\n") + 1].split("\n")[:-1]
    rows, at = [], 0
    while at < len(lines):
        fields, n_lines = _parse_row(lines[at : at + MAX_LINES], len(columns))
        if fields:
            rows.append({name: field.replace(CARRIAGE_RETURN, "\r") for name, field in zip(columns, fields)})
        at += n_lines
    return rows


def _parse_row(lines: list[str], n_fields: int) -> tuple[list[str] | None, int]:
    """Return the fields of the row that begins here, and how many lines it has; None for a line that begins none."""
    for n in range(1, len(lines) + 1):
        quotes = sum(line.count('"') for line in lines[:n])
        if quotes % 2 == 0:
            try:
                fields = next(csv.reader(["\n".join(lines[:n])], strict=True), [])
            except csv.Error:
                break
            if len(fields) == n_fields:
                return fields, n
            break
    return None, 1


def write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write rows for people to read, whole or not at all; no spreadsheet takes a text in it for a formula."""
    with (
        folder_errors(path.parent),
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([protected(row[name].replace("\r", " ")) for name in columns] for row in rows)
