"""Photos at the size that training works with, each decoded once and not in every epoch.

    OPENED.open("bear.jpg", side=224)
"""
import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from PIL import Image

from classifier.photo import open_photo

MOST_BYTES = 1_000_000_000  # of photos kept: 700 of 512 pixels; those beyond are opened each time
FINER = 2  # times as many pixels as the model sees, a side: a random crop takes half of the photo


class OpenedPhotos:
    """Opened photos by file; one that changed on disk is opened again."""

    def __init__(self, most_bytes: int = MOST_BYTES):
        self._most, self._n_bytes, self._lock = most_bytes, 0, Lock()
        self._photos: dict[tuple, Image.Image] = {}

    def open(self, file: str | os.PathLike, side: int) -> Image.Image:
        """Return the photo, upright, RGB, its shorter side at least twice `side` pixels where the file has them.

        The same object comes back each time: it is not to be changed. Raises PhotoError as `open_photo` does.
        """
        try:
            state = os.stat(file)
        except OSError:
            return open_photo(file)  # which says what is wrong
        name = os.fspath(file), state.st_mtime_ns, state.st_size, side
        with self._lock:
            if name in self._photos:
                return self._photos[name]

        def spare(size: tuple[int, int]) -> float:
            return min(size) / (FINER * side)

        photo = open_photo(file, spare=spare)
        if (times := int(spare(photo.size))) > 1:  # only JPEGs are smaller already
            photo = photo.reduce(times)
        with self._lock:
            if self._n_bytes + _bytes(photo) <= self._most and name not in self._photos:
                self._photos[name] = photo
                self._n_bytes += _bytes(photo)
        return photo

    def keep_only(self, files: Iterable[str | os.PathLike]) -> None:
        """Let go of all other photos: another training begins."""
        wanted = {os.fspath(Path(file)) for file in files}
        with self._lock:
            self._photos = {name: photo for name, photo in self._photos.items() if name[0] in wanted}
            self._n_bytes = sum(map(_bytes, self._photos.values()))


def _bytes(photo: Image.Image) -> int:
    return 4 * photo.width * photo.height  # as Pillow keeps RGB


OPENED = OpenedPhotos()
