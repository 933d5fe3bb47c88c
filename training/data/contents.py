"""Read each photo's file once: can it be opened, its SHA-256, its perceptual hashes.

Reads  photos, in one pass with threads
Gives  `Content` of each, remembered until the file changes: nothing that asks later reads the file again

    unreadable = read_photos(files)      # why some cannot be opened
    sha256_of(files[0])
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from classifier.cpu_count import cores
from classifier.files import sha256
from classifier.photo import PhotoError, open_photo, read_source
from training.progress import progress_bar

from .prefetch import ahead
from .store_writer import StoreWriter

# perceptual hashes, and of their 64 bits so many may differ between a photo and its copy rescaled, recompressed or
# cropped by 2.5% a side: measured on bears: finds 99% of 200 such copies, and 3 of 86,320 natural pairs, which are
# copies too
MAX_HASH_DISTANCES = {"phash": 10, "dhash": 10}
INSPECTED_SIDE = 512  # pixels of the longer side at which photos are hashed and inspected
MIN_CONTRAST = 8  # of 256 grey levels: all blank pictures have the same hashes


Reduction = Callable[[tuple[int, int]], float]


@dataclass(frozen=True, slots=True)
class Content:
    """What a photo's file holds."""

    sha256: str
    hashes: tuple[int, ...] = ()  # in the order of MAX_HASH_DISTANCES; empty where it is blank or cannot be opened
    error: str | None = None  # why it cannot be opened


_KNOWN: dict[tuple[str, int, int], Content] = {}  # by path, time of change and size


def read_photos(files: Sequence[Path], writer: StoreWriter | None = None) -> dict[Path, str]:
    """Return why each unreadable file cannot be opened, after reading all of them, with a progress bar.

    writer: keeps the photos at working size.
    """
    with ThreadPoolExecutor(cores()) as pool:  # Pillow decodes outside Python's lock
        read = ahead(pool, lambda file: content_of(file, writer), files)
        contents = progress_bar(read, total=len(files), leave=False)
        return {file: content.error for file, content in zip(files, contents) if content.error}


def content_of(file: Path, writer: StoreWriter | None = None) -> Content:
    """Return what a file holds, read once until it changes; one that cannot be read has an error and no SHA-256.

    writer: keeps the photo at working size; then the file is read in any case.
    """
    name = _name(file)
    if name is None or writer or name not in _KNOWN:
        content = _read(file, writer)
        if name is None:
            return content
        _KNOWN[name] = content
    return _KNOWN[name]


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file's bytes, read once until it changes; OSError for one that cannot be read."""
    name = _name(file)
    known = _KNOWN.get(name) if name else None
    return known.sha256 if known and known.sha256 else sha256(file)


def _name(file: Path) -> tuple[str, int, int] | None:
    """Return what a file is remembered by; None where it is not there."""
    try:
        stat = os.stat(file)
    except OSError:
        return None
    return os.fspath(file), stat.st_mtime_ns, stat.st_size


def _read(file: Path, writer: StoreWriter | None = None) -> Content:
    """Return what a file holds, its photo decoded once."""
    try:
        data = read_source(file)
    except PhotoError as error:
        return Content("", error=str(error))
    digest = hashlib.sha256(data).hexdigest()
    try:
        photo = open_whole(data, writer.store.reduction if writer else None)
    except PhotoError as error:
        return Content(digest, error=str(error))
    if writer:
        writer.keep(file, photo)
    photo.thumbnail((INSPECTED_SIDE, INSPECTED_SIDE), Image.Resampling.BILINEAR)
    grey = photo.convert("L")  # once: each of the hashes would do it
    darkest, brightest = cast(tuple[int, int], grey.getextrema())
    return Content(digest, () if brightest - darkest < MIN_CONTRAST else perceptual_hashes(grey))


def open_whole(data: bytes, most: Reduction | None = None) -> Image.Image:
    """Return a photo that may be opened smaller; PhotoError exactly where, and as, `open_photo(data)` has one.

    most: how many times smaller, where to be hashed is not all that it is for. How much of a JPEG that was cut off is
    missing can be seen in full size alone.
    """

    def max_reduction(size: tuple[int, int]) -> float:
        return min(max(size) / INSPECTED_SIDE, most(size) if most else np.inf)

    try:
        photo = open_photo(data, max_reduction=max_reduction)
    except PhotoError:
        return open_photo(data)
    if data.startswith(b"\xff\xd8") and not data.endswith(b"\xff\xd9"):
        open_photo(data)
    return photo


def perceptual_hashes(photo: Image.Image) -> tuple[int, ...]:
    """Return the perceptual hashes of a photo, 64 bits each, in the order of MAX_HASH_DISTANCES."""
    import imagehash  # serving does not install it, and a deployment imports this module

    return tuple(int(str(getattr(imagehash, name)(photo)), 16) for name in MAX_HASH_DISTANCES)
