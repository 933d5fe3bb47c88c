"""Answer the photos of a job that come in, one by one: the process that `careful` asks, and a photo may end.

Reads  photos, as JSON lines
Writes a line once it has started, then their rows, as JSON lines

    python -m classifier.bulk.one_by_one OUT SECONDS
"""

import json
import os
import signal
import sys

from .careful import STARTED
from .job import read_options
from .model import load_model
from .places import Place
from .worker import answer


def main(out: str, seconds: str) -> None:
    """Write a row for each photo that comes in; a photo that takes twice the seconds ends this process."""
    rows = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no row
    place = Place.of(out)
    options = read_options(place)
    classifier = load_model(place, options.model)
    rows.write(STARTED)
    for line in sys.stdin.buffer:
        alarm(2 * float(seconds))  # where whoever asks was killed meanwhile, nobody else would end it
        file, n_bytes, modified = json.loads(line)
        rows.write(json.dumps(answer(classifier, options, (file, n_bytes, modified))).encode() + b"\n")
        alarm(0)


def alarm(seconds: float) -> None:
    """End this process after some seconds, whatever it does by then; 0: not any more."""
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
