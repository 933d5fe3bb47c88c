"""Walk over the photos in a folder and below, a few thousand ahead of whoever answers them."""

import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .photo.formats import EXAMPLES, EXTENSIONS

AHEAD = 10_000  # photos that are found before somebody takes the first

Photo = tuple[str, int, int]  # path, bytes, time of the last change in seconds


def photos_in(folder: str) -> Iterator[Photo]:
    """Yield the photos in a folder and below, in the order of the disk.

    Hidden files and folders are left out, and links to folders, which may lead in a circle. A folder or a photo that
    cannot be looked at is left out with a line on stderr; the others beside it are not.
    """
    pending = [folder]
    while pending:
        here = pending.pop()
        with left_out(here), os.scandir(here) as entries:
            for entry in entries:
                photo = None
                with left_out(entry.path):
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.name.lower().endswith(EXTENSIONS) and entry.is_file():
                        stat = entry.stat()
                        photo = entry.path, stat.st_size, int(stat.st_mtime)
                if photo:
                    yield photo


@contextmanager
def left_out(path: str) -> Iterator[None]:
    """Print that a path is left out where it cannot be looked at; nothing where it was removed meanwhile."""
    try:
        yield
    except FileNotFoundError:
        pass
    except OSError as error:
        print(f"{ascii(path)[1:-1]} is left out: {error.strerror}.", file=sys.stderr)


def examples_in(folder: Path) -> list[Path]:
    """Return the example photos of a folder, sorted: those that a page offers to try; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in EXAMPLES and file.name[0] != ".")


class Walk:
    """The photos in a folder, found by a thread of its own: how many there are is known long before the last one."""

    def __init__(self, folder: str) -> None:
        self.found = 0
        """photos found so far"""
        self.finished = False
        """whether there are no more"""
        self._queue: queue.Queue[Photo | None] = queue.Queue(AHEAD)
        threading.Thread(target=self._walk, args=(folder,), daemon=True).start()
        self._first = self._queue.get()

    def _walk(self, folder: str) -> None:
        for photo in photos_in(folder):
            self.found += 1
            self._queue.put(photo)
        self.finished = True
        self._queue.put(None)

    def __iter__(self) -> Iterator[Photo]:
        photo = self._first
        while photo is not None:
            yield photo
            photo = self._queue.get()

    def __bool__(self) -> bool:
        return self._first is not None

    def __str__(self) -> str:
        return f"{self.found}" if self.finished else f"{self.found} or more"
