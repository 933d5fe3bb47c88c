"""Answer photos in a process of their own, for a part of which somebody died: a photo that ends it costs its row.

    rows = answers_of_their_own("answers", job, photos)

The process lives as long as the photos let it; after one has ended it, or taken MAX_SECONDS, a new one goes on.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .job import Job
from .photo_list import Listed
from .records import Record, record

MAX_SECONDS = 300  # of one photo, its download included
START_SECONDS = 300  # of a process, on a machine that is busy
ROOT = Path(__file__).parents[2]  # where `classifier` is imported from
ENDED = "This photo could not be opened: it ended the program."
TOO_LONG = "This photo could not be opened: it took more than {:.0f} seconds."
STARTED = b"started\n"


def answers_of_their_own(out: str, job: Job, photos: list[Listed]) -> list[Record]:
    """Return the rows of photos; one that ends a process, or never ends, gets a sentence. OSError: none starts."""
    rows: list[Record] = []
    while len(rows) < len(photos):
        with process(out) as ask:
            for photo in photos[len(rows) :]:
                row = ask(photo)
                if isinstance(row, str):  # why there is none: the next photo needs a new process
                    rows.append(record(photo, row, None, job.options.model))
                    break
                rows.append(row)
    return rows


class Ask:
    """Asks a process for the row of a photo."""

    def __init__(self, running: subprocess.Popen[bytes]) -> None:
        self._running = running
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        with suppress(queue.Empty):
            if self._lines.get(timeout=START_SECONDS) == STARTED:
                return
        raise OSError("the process that answers photos one by one did not start")

    def _read(self) -> None:
        assert self._running.stdout is not None
        for line in self._running.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def __call__(self, photo: Listed) -> Record | str:
        """Return the row of a photo, or why there is none."""
        assert self._running.stdin is not None
        with suppress(OSError):  # it has ended: no line comes
            self._running.stdin.write(json.dumps(photo).encode() + b"\n")
            self._running.stdin.flush()
        try:
            line = self._lines.get(timeout=MAX_SECONDS)
        except queue.Empty:
            return TOO_LONG.format(MAX_SECONDS)
        if not line:
            return ENDED
        row: Record = json.loads(line)
        return row


@contextmanager
def process(out: str) -> Iterator[Ask]:
    """Yield what asks a new process, which is ended after."""
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    running = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "classifier.bulk.one_by_one", out, str(MAX_SECONDS)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "CPU_CORES": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for whoever asks
    )
    try:
        yield Ask(running)
    finally:
        running.kill()
        with suppress(OSError):
            running.communicate()
