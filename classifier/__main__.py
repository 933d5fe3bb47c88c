"""Answer a folder of photos into a table, of any size, in the same memory; stopped or killed, it goes on.

Reads  export.pkl, and the photos in FOLDER and below
Writes OUT: a row for each photo, as soon as it is answered

    python -m classifier photos --out answers.csv
"""
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from fastcore.script import CliError
from fastprogress import progress_bar

from classifier import Classifier, Prediction
from classifier.command_line import run
from classifier.export import ExportError
from classifier.photo import PhotoError

from .cpu_count import cores
from .results_csv import EXTENSIONS, Table, TableError, row_of

AHEAD = 4  # photos asked about, for each core, before the first of them is written


def photos_in(folder: str) -> Iterator[tuple[str, int, int]]:
    """Yield path, bytes and time of change, in seconds, of the photos in a folder and below, as the disk has them.

    What is hidden is left out, and links to folders are: they may lead in a circle.
    """
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.name.lower().endswith(EXTENSIONS) and entry.is_file():
                        stat = entry.stat()
                        yield entry.path, stat.st_size, int(stat.st_mtime)
        except FileNotFoundError:  # gone meanwhile
            continue
        except OSError as error:
            print(f"{ascii(here)[1:-1]} is left out: {error.strerror}.", file=sys.stderr)


def answers(classifier: Classifier, photos: Iterator[tuple[str, int, int]], table: Table,
            n_threads: int) -> Iterator[tuple[str, ...] | None]:
    """Yield the row of each photo in turn, None for one that the table has; a few are under way at once."""
    model, waiting = model_of(classifier), deque()

    def answer(path: str) -> Prediction | str:
        try:
            return classifier.predict(path)
        except PhotoError as error:
            return str(error)

    def first() -> tuple[str, ...] | None:
        photo, answer = waiting.popleft()
        return row_of(photo[0], answer.result(), model, *photo[1:]) if answer else None

    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for photo in photos:
                answered: Future | None = None if table.has(*photo) else pool.submit(answer, photo[0])
                waiting.append((photo, answered))
                while len(waiting) > AHEAD * n_threads or (waiting and waiting[0][1] is None):
                    yield first()
            while waiting:
                yield first()
        finally:
            pool.shutdown(cancel_futures=True)


def model_of(classifier: Classifier) -> str:
    """Return a classifier's version as answers name it: the first 12 digits of its export's SHA-256."""
    return (classifier.version or "")[:12]


def stop_on_interrupt() -> threading.Event:
    """Return what Ctrl-C sets from now on: a row is never left half written for it."""
    told = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: told.set())
    return told


def main(
    folder:str, # of photos; those in folders below it are answered too
    out:str="answers.csv", # the table; where it is there already, what it lacks is added
    export:str="export.pkl", # the model
):
    "Say which label each photo in FOLDER shows, in a table that any spreadsheet opens."
    told, began = stop_on_interrupt(), time.perf_counter()
    if not os.path.isdir(folder):
        raise CliError(f"There is no folder {folder}. Name one with photos in it.")
    n = sum(1 for _ in photos_in(folder))
    if not n:
        raise CliError(f"No photos under {folder}. Their names end in {', '.join(EXTENSIONS)}.")
    try:
        classifier = Classifier.load(export)
        table = Table(Path(out), model_of(classifier))
    except (ExportError, TableError) as error:
        raise CliError(str(error)) from None
    except OSError as error:
        raise CliError(f"{out} cannot be written: {error.strerror or error}.") from None
    new = wrong = strange = there = 0
    rows = answers(classifier, photos_in(folder), table, cores())
    try:
        for row in progress_bar(rows, total=n, leave=False) if sys.stdout.isatty() else rows:
            if row:
                table.add(row)
                new, wrong, strange = new + 1, wrong + bool(row[5]), strange + (row[3] == "false")
            else:
                there += 1
            if told.is_set():
                break
    except OSError as error:
        raise CliError(f"{out} cannot be written: {error.strerror or error}. What it holds is kept; the same command "
                       "goes on.") from None
    finally:
        rows.close()
        table.close()
    stopped = told.is_set()
    if stopped and sys.stdout.isatty():
        print()  # the bar's line ends
    print(f"{out}: {'stopped at ' if stopped else ''}{there + new} of {n} photos, {new} answered now, {there} were "
          f"there, {wrong} without an answer, {strange} not familiar, {time.perf_counter() - began:.0f} s"
          + ("; the same command goes on" if stopped else ""))
    if stopped:
        sys.exit(130)


if __name__ == "__main__":
    run(main)
