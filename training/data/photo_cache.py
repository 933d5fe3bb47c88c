"""Keep decoded photos in memory, at the size that the training works with, so that each is decoded once.

Usage:

    PHOTO_CACHE.open("bear.jpg", side=224)
"""

import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from PIL import Image

from classifier.photo import open_photo

MAX_BYTES = 1_000_000_000  # of photos kept: 700 of 512 pixels; further ones are decoded each time
OVERSAMPLING = 2  # times as many pixels a side as the model sees: a random crop takes half of the photo


class PhotoCache:
    """Decoded photos by file; a file that changed is decoded again."""

    def __init__(self, max_bytes: int = MAX_BYTES):
        self._max_bytes, self._n_bytes, self._lock = max_bytes, 0, Lock()
        self._photos: dict[tuple[str, int, int, int], Image.Image] = {}

    def open(self, file: str | os.PathLike[str], side: int) -> Image.Image:
        """Return the photo, upright, RGB, its shorter side at least twice `side` pixels where the file has them.

        Every call returns the same object: do not change it. Raises PhotoError as `open_photo` does.
        """
        try:
            state = os.stat(file)
        except OSError:
            return open_photo(file)  # which says what is wrong
        name = os.fspath(file), state.st_mtime_ns, state.st_size, side
        with self._lock:
            if name in self._photos:
                return self._photos[name]

        def max_reduction(size: tuple[int, int]) -> float:
            return min(size) / (OVERSAMPLING * side)

        photo = open_photo(file, max_reduction=max_reduction)
        if (times := int(max_reduction(photo.size))) > 1:  # only JPEGs are smaller already
            photo = photo.reduce(times)
        with self._lock:
            if self._n_bytes + _bytes(photo) <= self._max_bytes and name not in self._photos:
                self._photos[name] = photo
                self._n_bytes += _bytes(photo)
        return photo

    def keep_only(self, files: Iterable[str | os.PathLike[str]]) -> None:
        """Drop all other photos: another training begins."""
        wanted = {os.fspath(Path(file)) for file in files}
        with self._lock:
            self._photos = {name: photo for name, photo in self._photos.items() if name[0] in wanted}
            self._n_bytes = sum(map(_bytes, self._photos.values()))


def _bytes(photo: Image.Image) -> int:
    return 4 * photo.width * photo.height  # as Pillow keeps RGB


PHOTO_CACHE = PhotoCache()
