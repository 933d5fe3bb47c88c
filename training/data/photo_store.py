"""Photos that are kept decoded, at the size that fine-tuning works with, while a training runs; see `StoreWriter`.

Reads  DATA/.features/photos-….rgb: the pixels of one photo after the other, or, where the disk has no room for that,
       photos-….jpg: one JPEG after the other

Only crops that a network learns from come from here. What is measured is decoded from the photos themselves, as the app
does it: at 320 pixels, features of bears differ by a cosine of .993 on average, and one photo in 240 is answered
otherwise.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from classifier.photo import open_photo

OVERSAMPLING = 10 / 7  # of the side that the model sees: crops of half of the photo's area keep that side

Part = tuple[int, int, int, int]
"""of a photo: left, top, right, bottom"""


def working_side(image_size: int) -> int:
    """Return the shorter side of photos that are kept for a model that sees `image_size` pixels."""
    return round(image_size * OVERSAMPLING)


@dataclass(frozen=True)
class PhotoStore:
    """Photos at working size; those that are not kept are decoded each time."""

    side: int  # pixels of the shorter side; smaller photos stay as they are
    path: Path | None = None
    rows: dict[Path, tuple[int, int, int, int]] = field(default_factory=dict)  # offset, bytes, width, height

    def open(self, file: Path) -> Image.Image:
        """Return a photo in RGB, upright; PhotoError for one that is not kept and cannot be opened."""
        if self.path and file in self.rows:
            offset, n_bytes, *size = self.rows[file]
            with suppress(OSError, ValueError):  # the file is gone, or was cut
                data = np.fromfile(self.path, np.uint8, n_bytes, offset=offset)
                if self.path.suffix == ".jpg":
                    return open_photo(data.tobytes())
                return Image.frombuffer("RGB", (size[0], size[1]), data, "raw", "RGB", 0, 1)
        return self.at_working_size(open_photo(file, max_reduction=self.reduction))

    def crop(self, file: Path, box_of: Callable[[tuple[int, int]], Part]) -> np.ndarray:
        """Return the (H, W, 3) pixels of a part of a photo, black where it has none; box_of: chooses it by the size.

        Of photos that are kept as pixels, only the rows of that part are read. Raises PhotoError as `open` does.
        """
        if self.path and self.path.suffix == ".rgb" and file in self.rows:
            offset, _, width, height = self.rows[file]
            left, top, right, bottom = box = box_of((width, height))
            inside = max(0, top), min(height, bottom)
            with suppress(OSError, ValueError):
                n_bytes = (inside[1] - inside[0]) * width * 3
                data = np.fromfile(self.path, np.uint8, n_bytes, offset=offset + inside[0] * width * 3)
                return _cut(data.reshape(-1, width, 3), (left, top - inside[0], right, bottom - inside[0]))
            box_of = lambda _: box  # noqa: E731  drawn already
        photo = self.open(file)
        return _cut(np.asarray(photo), box_of(photo.size))

    def reduction(self, size: tuple[int, int]) -> float:
        """Return how many times smaller a photo of a size may be opened."""
        return min(size) / self.side

    def at_working_size(self, photo: Image.Image) -> Image.Image:
        """Return the photo with its shorter side shrunk to `side`."""
        times = self.reduction(photo.size)
        if times <= 1:
            return photo
        width, height = (max(self.side, round(side / times)) for side in photo.size)
        return photo.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3)


def _cut(pixels: np.ndarray, box: Part) -> np.ndarray:
    """Return a part of pixels, black where there are none; Pillow's own crop takes twice as long."""
    left, top, right, bottom = box
    height, width, _ = pixels.shape
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return pixels[top:bottom, left:right]
    part = np.zeros((bottom - top, right - left, 3), np.uint8)
    own = pixels[max(0, top) : bottom, max(0, left) : right]
    part[max(0, -top) :, max(0, -left) :][: own.shape[0], : own.shape[1]] = own
    return part
