"""fastai's item transforms that resize, crop or pad a photo, as they are in validation, with Pillow.

A step turns a photo into one of its `size`. It knows which part of the photo that shows (`region`) and how many times
smaller it makes the photo (`reduction`), and raises ValueError for settings that it cannot have (`check`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from .resample import EDGES

Size = tuple[int, int]  # width, height, as in Pillow and inside fastai's transforms
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels, as in Pillow
PAD_MODES: dict[str, Literal["edge", "reflect"]] = {"border": "edge", "reflection": "reflect"}  # NumPy's; zeros else
# Padding makes a square out of a strip: beyond this the strip is shrunk first, or memory ends
MAX_PADDED_PIXELS = 100_000_000
MAX_SIDE = 2048  # pixels of a model's input; what is resized before it is cropped may have twice as many
METHODS = ("squish", "crop", "pad")


def expect(valid: bool, what: str) -> None:
    """Raise ValueError, which names `what`, unless it is valid."""
    if not valid:
        raise ValueError(f"no photo can be prepared with {what}")


def check_size(size: Size, most: int = MAX_SIDE) -> None:
    """Raise ValueError for a size that is none, or with a side of more than `most` pixels."""
    expect(
        type(size) is tuple and len(size) == 2 and all(type(side) is int and 1 <= side <= most for side in size),
        f"a size of {size}",
    )


def _check_filter(resample: int) -> None:
    expect(type(resample) is int and resample in [known.value for known in Image.Resampling], f"the filter {resample}")


@dataclass(frozen=True)
class Resize:
    """fastai's `Resize`: squish the photo, or crop or pad its middle to the proportions of `size`."""

    size: Size
    method: str
    pad_mode: str
    resample: int

    def check(self) -> None:
        """Raise ValueError for settings that it cannot have."""
        check_size(self.size)
        _check_filter(self.resample)
        expect(self.method in METHODS and self.pad_mode in EDGES, f"{self}")

    def __call__(self, photo: Image.Image) -> Image.Image:
        """Return the photo in `size`."""
        if self.method == "squish":
            return photo.resize(self.size, self.resample)
        choose = max if self.method == "pad" else min
        box = self._box(photo, choose)
        if box[0] * box[1] > MAX_PADDED_PIXELS:
            photo = shrunk(photo, MAX_PADDED_PIXELS / (box[0] * box[1]))
            box = self._box(photo, choose)
        return _crop_pad(photo, box, self.pad_mode, truncate=True).resize(self.size, self.resample)

    def _box(self, photo: Image.Image, choose: Callable[[float, float], float]) -> Size:
        """Return the largest (crop) or smallest (pad) box of the target's proportions."""
        m = choose(photo.width / self.size[0], photo.height / self.size[1])
        return int(m * self.size[0]), int(m * self.size[1])

    def region(self, size: Size) -> Box:
        """Return which part of a photo of `size` becomes this step's output."""
        if self.method == "squish":
            return (0, 0, *size)
        m = self.reduction(size) if self.method == "crop" else max(size[0] / self.size[0], size[1] / self.size[1])
        return _middle(size, (m * self.size[0], m * self.size[1]))

    def reduction(self, size: Size) -> float:
        """Return how many times smaller this step makes a photo of `size`; below 1 it enlarges."""
        choose = max if self.method == "pad" else min  # squished, the side that is shrunk less counts
        return choose(size[0] / self.size[0], size[1] / self.size[1])


@dataclass(frozen=True)
class ResizeThenCrop:
    """fastai's `RandomResizedCrop` in validation: squish to somewhat more, then crop the middle."""

    size: Size
    resize_to: Size
    resample: int

    def check(self) -> None:
        """Raise ValueError for settings that it cannot have."""
        check_size(self.size)
        check_size(self.resize_to, 2 * MAX_SIDE)
        _check_filter(self.resample)

    def __call__(self, photo: Image.Image) -> Image.Image:
        """Return the photo in `size`."""
        photo = photo.resize(self.resize_to, self.resample)
        return photo if self.resize_to == self.size else _crop_pad(photo, self.size, "zeros")

    def region(self, size: Size) -> Box:
        """Return which part of a photo of `size` becomes this step's output."""
        return _middle(size, (size[0] * self.size[0] / self.resize_to[0], size[1] * self.size[1] / self.resize_to[1]))

    def reduction(self, size: Size) -> float:
        """Return how many times smaller this step makes a photo of `size`; below 1 it enlarges."""
        return min(size[0] / self.resize_to[0], size[1] / self.resize_to[1])


@dataclass(frozen=True)
class CropPad:
    """fastai's `CropPad`, and `RandomCrop` in validation: the middle of the photo, not resized."""

    size: Size
    pad_mode: str

    def check(self) -> None:
        """Raise ValueError for settings that it cannot have."""
        check_size(self.size)
        expect(self.pad_mode in EDGES, f"{self}")

    def __call__(self, photo: Image.Image) -> Image.Image:
        """Return the photo in `size`."""
        return _crop_pad(photo, self.size, self.pad_mode)

    def region(self, size: Size) -> Box:
        """Return which part of a photo of `size` becomes this step's output."""
        return _middle(size, self.size)

    def reduction(self, size: Size) -> float:
        """Return 1: this step needs every pixel."""
        return 1


Step = Resize | ResizeThenCrop | CropPad
KINDS: dict[type[Step], str] = {Resize: "resize", ResizeThenCrop: "resize_then_crop", CropPad: "crop_pad"}
"""the names of the steps in a compiled copy"""


def _middle(size: Size, part: tuple[float, float]) -> Box:
    """Return the middle of `size` that is as large as `part`, or the larger part around it."""
    left, top = ((side - wanted) / 2 for side, wanted in zip(size, part))
    return left, top, left + part[0], top + part[1]


def shrunk(photo: Image.Image, by: float) -> Image.Image:
    """Return the photo with its area multiplied by `by`, 0 to 1, no side below one pixel."""
    width, height = (max(1, int(side * by**0.5)) for side in photo.size)
    return photo.resize((width, height), reducing_gap=2)


def _crop_pad(photo: Image.Image, size: Size, pad_mode: str, truncate: bool = False) -> Image.Image:
    """Return the middle `size` of the photo, padded where the photo is smaller.

    truncate: round the offset towards zero as `Resize` does, not down as `CropPad` does.
    """
    offsets = []
    for side, wanted in zip(photo.size, size):
        spare = side - wanted
        offsets.append(int(0.5 * spare) if truncate else spare // 2)
    left, top = offsets
    x, y = max(left, 0), max(top, 0)
    photo_part = photo.crop((x, y, min(left + size[0], photo.width), min(top + size[1], photo.height)))
    before = (max(-left, 0), max(-top, 0))
    after = (size[0] - photo_part.width - before[0], size[1] - photo_part.height - before[1])
    if not any(before + after):
        return photo_part
    if pad_mode not in PAD_MODES:
        return ImageOps.expand(photo_part, before + after)
    samples = np.asarray(photo_part)
    widths = [(before[1], after[1]), (before[0], after[0]), (0, 0)][: samples.ndim]
    return Image.fromarray(np.pad(samples, widths, mode=PAD_MODES[pad_mode]))
