"""Write a `PhotoStore`: photos decoded, at the size that fine-tuning works with, in one file while a training runs.

Reads  photos, as `training.data.contents.read_photos` decodes them
Writes DATA/.features/photos-….rgb or .jpg, which is removed when the training ends
"""

import io
import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import BinaryIO

from filelock import FileLock, Timeout
from PIL import Image

from .photo_store import PhotoStore

DISK_SHARE = 0.5  # of what is free
PIXEL_BYTES, JPEG_BYTES = 3, 0.6  # a pixel
PROPORTIONS = 4 / 3  # of most photos
JPEG_QUALITY = 92
LOCK = "photos.lock"


class StoreWriter:
    """Write a `PhotoStore`, where there are many photos; a context, at whose end the file is removed."""

    def __init__(self, folder: Path, side: int, many: int):
        """folder: where the file goes, if it may; many: so few photos are not kept."""
        self._folder, self.store, self._many = folder, PhotoStore(side), many
        self._file: BinaryIO | None = None
        self._left, self._lock = ExitStack(), Lock()
        self.began = False

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._discard()

    def begin(self, n: int) -> None:
        """Prepare to keep `n` photos, and print how much of the disk they take; nothing where they are not many."""
        if n <= self._many:
            return
        self.began, side = True, self.store.side
        pixels = n * side**2 * PROPORTIONS
        try:
            folder = self._place()
            free = shutil.disk_usage(folder).free * DISK_SHARE
            kinds = [("rgb", pixels * PIXEL_BYTES), ("jpg", pixels * JPEG_BYTES)]
            suffix, needed = next((kind for kind in kinds if kind[1] <= free), ("", kinds[1][1]))
            if not suffix:
                self._give_up(f"half of what is free in {folder} is {free / 1e9:.1f} GB", needed)
                return
            self.store = PhotoStore(side, folder / f"photos-{os.getpid()}.{suffix}")
            assert self.store.path
            self._file = self.store.path.open("wb")
        except OSError as error:
            self._give_up(str(error.strerror or error), pixels * JPEG_BYTES)
            return
        kept = "pixels" if suffix == "rgb" else "JPEGs, since pixels would take more than half of what is free"
        print(
            f"{n} photos are kept at {side} pixels in {folder} while this runs: about {needed / 1e9:.1f} GB of {kept}",
            flush=True,
        )

    def _place(self) -> Path:
        """Return the folder, cleared of what a killed run left; another one where it cannot be used, or is in use."""
        try:
            self._folder.mkdir(exist_ok=True)
            lock = FileLock(self._folder / LOCK)
            lock.acquire(timeout=0)
        except (OSError, Timeout):
            return Path(self._left.enter_context(TemporaryDirectory(prefix="fieldguide-", ignore_cleanup_errors=True)))
        self._left.callback(lock.release)
        for left in self._folder.glob("photos-*.???"):
            left.unlink()
        return self._folder

    def keep(self, file: Path, photo: Image.Image) -> None:
        """Write a photo at working size, from any thread; on a full disk, print so and keep none."""
        path = self.store.path  # another thread that finds the disk full takes it away
        if not self._file or not path:
            return
        photo = self.store.at_working_size(photo)
        data = photo.tobytes() if path.suffix == ".rgb" else _as_jpeg(photo)
        with self._lock:
            if self._file:
                try:
                    offset = self._file.tell()
                    self._file.write(data)
                    self.store.rows[file] = offset, len(data), *photo.size
                except OSError as error:
                    self._failed(error)

    def finish(self) -> PhotoStore | None:
        """Return what was kept; None where there are not many photos, which need none of this."""
        if self._file:
            try:
                self._file.close()
            except OSError as error:
                self._failed(error)
            self._file = None
        return self.store if self.began else None

    def _failed(self, error: OSError) -> None:
        written = sum(n_bytes for _, n_bytes, *_ in self.store.rows.values())
        self._discard()
        self._give_up(str(error.strerror or error), written)

    def _give_up(self, why: str, needed: float) -> None:
        self.store = PhotoStore(self.store.side)
        print(
            f"Photos are not kept at {self.store.side} pixels ({why}): each epoch of fine-tuning decodes them again, "
            f"which is slower. It would take more than {needed / 1e9:.1f} GB.",
            flush=True,
        )

    def _discard(self) -> None:
        """Remove the file."""
        if self._file:
            with suppress(OSError):
                self._file.close()
            self._file = None
        if self.store.path:
            with suppress(OSError):
                self.store.path.unlink(missing_ok=True)
        self._left.close()


def _as_jpeg(photo: Image.Image) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
