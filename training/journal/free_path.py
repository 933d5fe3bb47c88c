"""Find a path that nothing has yet: a name that is taken gets a number."""

import os
from collections.abc import Callable
from pathlib import Path

MAX_NAME_BYTES = 255  # of a file


def free_path(path: Path, taken: set[Path], is_taken: Callable[[Path], bool] = os.path.lexists) -> Path:
    """Return the path, with a number where it is taken or is one of `taken`, and add it to these."""
    free, number = path, 2
    while free in taken or is_taken(free):
        free, number = numbered(path, number), number + 1
    taken.add(free)
    return free


def numbered(path: Path, number: int) -> Path:
    """Return the path with a number after its stem, which is cut where the name would be too long for a file system."""
    stem = path.stem
    while len(os.fsencode(name := f"{stem}-{number}{path.suffix}")) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return path.with_name(name)
