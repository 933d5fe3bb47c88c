"""Answer a folder of photos into a CSV file, which grows by a row at a time and can be continued.

Reads  export.pkl, and the photos in a folder and below
Writes the table: a row for each photo, as soon as it is answered
"""

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fastcore.script import CliError
from fastprogress import progress_bar

from classifier import Classifier, Prediction
from classifier.export import ExportError
from classifier.photo import PhotoError
from classifier.photo.formats import EXTENSIONS

from .cpu_count import cores
from .photo_files import Photo, Walk
from .results_csv import COLUMNS, columns_of, row_of
from .results_table import Table, TableError

AHEAD = 4  # photos in work, for each core, before the first of them is written


def answer_rows(
    classifier: Classifier,
    photos: Iterable[Photo],
    table: Table,
    n_threads: int,
) -> Generator[tuple[str, ...] | None, None, None]:
    """Yield the row of each photo in turn, None for one that the table already has; a few are classified at once."""
    model, extra = classifier.short_version, table.columns[len(COLUMNS) :]
    waiting: deque[tuple[Photo, Future[Prediction | str] | None]] = deque()

    def answer(path: str) -> Prediction | str:
        try:
            return classifier.predict(path)
        except PhotoError as error:
            return str(error)

    def first() -> tuple[str, ...] | None:
        (path, n_bytes, modified), future = waiting.popleft()
        return row_of(path, future.result(), model, n_bytes, modified, extra) if future else None

    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for photo in photos:
                waiting.append((photo, None if table.has(*photo) else pool.submit(answer, photo[0])))
                while len(waiting) > AHEAD * n_threads or (waiting and waiting[0][1] is None):
                    yield first()
            while waiting:
                yield first()
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass
class Counts:
    """How many photos of a run were answered now, were in the table already, and what the answers were."""

    new: int = 0
    existing: int = 0
    failed: int = 0
    unfamiliar: int = 0
    none: int = 0

    def add(self, row: tuple[str, ...] | None) -> None:
        """Count a row; None for a photo that the table already has."""
        if row is None:
            self.existing += 1
            return
        self.new += 1
        self.failed += bool(row[COLUMNS.index("error")])
        self.unfamiliar += row[COLUMNS.index("familiar")] == "false"
        self.none += not row[COLUMNS.index("label")] and not row[COLUMNS.index("error")]


def write_rows(
    rows: Generator[tuple[str, ...] | None, None, None], table: Table, walk: Walk, interrupted: threading.Event
) -> Counts:
    """Add rows to the table until there are no more or `interrupted` is set, and close it. Raises OSError."""
    counts = Counts()
    try:
        bar = progress_bar(rows, total="noinfer", leave=False) if sys.stdout.isatty() else None
        for row in bar or rows:
            if bar:
                bar.comment = f"of {walk}"
            if row:
                table.add(row)
            counts.add(row)
            if interrupted.is_set():
                break
    finally:
        rows.close()
        table.close()
    return counts


def stop_on_interrupt() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set from now on, so that they never interrupt the writing of a row."""
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    return interrupted


def answer_folder(folder: str, out: str, export: str, all_labels: bool) -> None:
    """Answer the photos in a folder and below into a CSV file, with a bar where somebody watches; print the counts."""
    began, interrupted = time.perf_counter(), stop_on_interrupt()
    if not os.path.isdir(folder):
        raise CliError(f"There is no folder {folder}. Name one with photos in it.")
    walk = Walk(folder)
    if not walk:
        raise CliError(f"No photos under {folder}. Their names end in {', '.join(EXTENSIONS)}.")
    try:
        classifier = Classifier.load(export)
        columns = columns_of(bool(classifier.operating_point), classifier.labels if all_labels else ())
        table = Table(Path(out), classifier.short_version, columns)
    except (ExportError, TableError) as error:
        raise CliError(str(error)) from None
    except OSError as error:
        raise CliError(f"{out} cannot be written: {error.strerror or error}.") from None
    try:
        counts = write_rows(answer_rows(classifier, walk, table, cores()), table, walk, interrupted)
    except OSError as error:
        raise CliError(
            f"{out} cannot be written: {error.strerror or error}. What it holds is kept; the same command goes on."
        ) from None
    stopped = interrupted.is_set()
    if stopped and sys.stdout.isatty():
        print()  # ends the line of the progress bar
    none = f"{counts.none} with none of the labels, " if classifier.multi_label else ""
    print(
        f"{out}: {'stopped at ' if stopped else ''}{counts.existing + counts.new} of {walk} photos, "
        f"{counts.new} answered now, {counts.existing} were there, {counts.failed} without an answer, "
        f"{counts.unfamiliar} not familiar, {none}{time.perf_counter() - began:.0f} s"
        + ("; the same command goes on" if stopped else "")
    )
    if stopped:
        sys.exit(130)
