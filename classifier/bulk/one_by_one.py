"""Answer the photos of a job that come in, one by one: the process that `careful` asks, and a photo may end.

Reads  photos, as JSON lines
Writes their rows, as JSON lines

    python -m classifier.bulk.one_by_one OUT
"""

import json
import sys

from .worker import answer, loaded


def main(out: str) -> None:
    """Write a row for each photo that comes in."""
    _, classifier = loaded(out)
    for line in sys.stdin.buffer:
        file, n_bytes, modified = json.loads(line)
        row = json.dumps(answer(classifier, (file, n_bytes, modified)))
        sys.stdout.buffer.write(row.encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
