"""fastai's validation transforms without fastai: an upright photo in, the model's input out.

A `Preprocess` does with Pillow and NumPy what fastai does with `split_idx=1`. `classifier.export.dataloaders` makes one out of
an export, `Preprocess.from_data` out of a compiled copy; one whose sizes or methods are none is refused here.
"""
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageOps

from .resample import EDGES, Resample

Size = tuple[int, int]  # width, height, as in Pillow and inside fastai's transforms
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels, as in Pillow
PAD_MODES = {"border": "edge", "reflection": "reflect"}
# Padding makes a square out of a strip: beyond this the strip is shrunk first, or memory ends
MAX_PADDED_PIXELS = 100_000_000
MAX_SIDE = 2048  # pixels of a model's input; what is resized before it is cropped may have twice as many
MAX_UNSIZED = 2_000_000  # pixels that a model gets of a photo where the export says of no size
METHODS = ("squish", "crop", "pad")
MOST_TIMES = 6  # resizings of a photo, or of its samples: each takes up to a second


@dataclass(frozen=True)
class Preprocess:
    """Turn a photo into a model's input: `steps` on the photo, then scale and normalise."""

    mode: str  # Pillow's mode of the model's input: RGB, or L for one channel
    steps: tuple["Resize | ResizeThenCrop | CropPad", ...]
    scale: np.float32  # what a sample of 255 is divided by
    mean: np.ndarray | None  # (C, 1, 1)
    std: np.ndarray | None  # (C, 1, 1)
    batch_steps: tuple[Resample, ...] = ()  # between scaling and normalising

    def __post_init__(self):
        """Raise ValueError for anything that no photo can be put through."""
        _expect(self.mode in ("RGB", "L"), f"mode {self.mode!r}")
        _expect(len(self.steps) <= MOST_TIMES and len(self.batch_steps) <= MOST_TIMES,
                f"more than {MOST_TIMES} steps before or after it is scaled")
        for step in self.steps:
            step.check()
        for step in self.batch_steps:
            _check_size(step.size)
            _expect(step.pad_mode in EDGES and type(step.align_corners) is bool, f"{step}")
            _expect(step.crop is None or (len(step.crop) == 3 and all(0.01 <= part <= 100 for part in step.crop)),
                    f"{step}")
        _expect(np.isfinite(self.scale) and self.scale > 0, f"scale {self.scale}")
        for stat in (self.mean, self.std):
            _expect((stat is None) == (self.mean is None), "a mean or a deviation alone")
            _expect(stat is None or (stat.shape == (len(self.mode), 1, 1) and np.isfinite(stat).all()), "statistics")
        _expect(self.std is None or bool((self.std != 0).all()), "a deviation of 0")

    @cached_property
    def _tables(self) -> np.ndarray:
        """(C, 256) float32: what each sample becomes in each channel. Looking up is faster than computing."""
        samples = np.tile(np.arange(256, dtype=np.float32) / self.scale, (len(self.mode), 1))
        return samples if self.batch_steps else self._normalised(samples[:, :, None])[:, :, 0]

    def _normalised(self, samples: np.ndarray) -> np.ndarray:
        """Return (C, ...) samples less the mean, by the deviation of each channel."""
        return samples if self.mean is None else (samples - self.mean) / self.std

    def __call__(self, photo: Image.Image) -> np.ndarray:
        """Return the photo as (C, H, W) float32."""
        if photo.mode != self.mode:
            photo = photo.convert(self.mode)
        if not self.steps:
            photo = _bounded(photo)
        for step in self.steps:
            photo = step(photo)
        samples = np.empty((len(self._tables), photo.height, photo.width), dtype=np.float32)
        for table, band, out in zip(self._tables, photo.split(), samples):
            np.take(table, np.asarray(band), out=out, mode="clip")  # "raise", the default, buffers `out`
        for step in self.batch_steps:
            samples = step(samples)
        return self._normalised(samples) if self.batch_steps else samples

    def spare(self, size: Size) -> float:
        """Return how many times smaller a photo of `size` may come without the model seeing less; 1 or more.

        The first step shrinks it at least as much.
        """
        return max(1.0, self.steps[0].shrinks(size)) if self.steps else 1.0

    def to_data(self) -> dict:
        """Return this as plain data and arrays, for a compiled copy."""
        steps = [{"kind": KINDS[type(step)], **asdict(step)} for step in self.steps]
        return {"mode": self.mode, "steps": steps, "batch_steps": [asdict(step) for step in self.batch_steps],
                "scale": float(self.scale),
                "mean": None if self.mean is None else self.mean.ravel().tolist(),
                "std": None if self.std is None else self.std.ravel().tolist()}

    @classmethod
    def from_data(cls, data: dict) -> "Preprocess":
        """Return what `to_data` gave; KeyError, TypeError or ValueError for what it never gives."""
        kinds = {kind: step for step, kind in KINDS.items()}
        steps = [kinds[step["kind"]](**_tuples({name: value for name, value in step.items() if name != "kind"}))
                 for step in data["steps"]]
        batch_steps = [Resample(**_tuples(step)) for step in data.get("batch_steps", ())]
        mean, std = (None if data[name] is None else np.array(data[name], dtype=np.float32)[:, None, None]
                     for name in ("mean", "std"))
        return cls(data["mode"], tuple(steps), np.float32(data["scale"]), mean, std, tuple(batch_steps))

    def seen(self, size: Size) -> Box:
        """Return the part of a photo of `size` that the model sees; larger than the photo where that is padded."""
        passed = []
        for step in (*self.steps, *self.batch_steps):
            passed.append((step, size))
            size = step.size
        box = (0, 0, *size)
        for step, size in reversed(passed):
            left, top, right, bottom = step.region(size)
            x, y = (right - left) / step.size[0], (bottom - top) / step.size[1]
            box = (left + box[0] * x, top + box[1] * y, left + box[2] * x, top + box[3] * y)
        return box


def _expect(right: bool, what: str) -> None:
    if not right:
        raise ValueError(f"no photo can be prepared with {what}")


def _check_size(size: Size, most: int = MAX_SIDE) -> None:
    _expect(type(size) is tuple and len(size) == 2 and all(type(side) is int and 1 <= side <= most for side in size),
            f"a size of {size}")


def _check_resample(resample: int) -> None:
    _expect(type(resample) is int and resample in iter(Image.Resampling), f"the filter {resample}")


def _tuples(data: dict) -> dict:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


@dataclass(frozen=True)
class Resize:
    """fastai's `Resize`: squish the photo, or crop or pad its middle to the proportions of `size`."""

    size: Size
    method: str
    pad_mode: str
    resample: int

    def check(self) -> None:
        """Raise ValueError for a step that is none."""
        _check_size(self.size)
        _check_resample(self.resample)
        _expect(self.method in METHODS and self.pad_mode in EDGES, f"{self}")

    def __call__(self, photo: Image.Image) -> Image.Image:
        if self.method == "squish":
            return photo.resize(self.size, self.resample)
        choose = max if self.method == "pad" else min
        box = self._box(photo, choose)
        if box[0] * box[1] > MAX_PADDED_PIXELS:
            photo = _shrunk(photo, MAX_PADDED_PIXELS / (box[0] * box[1]))
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
        m = self.shrinks(size) if self.method == "crop" else max(size[0] / self.size[0], size[1] / self.size[1])
        return _middle(size, (m * self.size[0], m * self.size[1]))

    def shrinks(self, size: Size) -> float:
        """Return how many times this step shrinks a photo of `size`; below 1 it enlarges."""
        choose = max if self.method == "pad" else min  # squished, the side that is shrunk less counts
        return choose(size[0] / self.size[0], size[1] / self.size[1])


@dataclass(frozen=True)
class ResizeThenCrop:
    """fastai's `RandomResizedCrop` in validation: squish to somewhat more, then crop the middle."""

    size: Size
    resize_to: Size
    resample: int

    def check(self) -> None:
        """Raise ValueError for a step that is none."""
        _check_size(self.size)
        _check_size(self.resize_to, 2 * MAX_SIDE)
        _check_resample(self.resample)

    def __call__(self, photo: Image.Image) -> Image.Image:
        photo = photo.resize(self.resize_to, self.resample)
        return photo if self.resize_to == self.size else _crop_pad(photo, self.size, "zeros")

    def region(self, size: Size) -> Box:
        """Return which part of a photo of `size` becomes this step's output."""
        return _middle(size, tuple(side * kept / of for side, kept, of in zip(size, self.size, self.resize_to)))

    def shrinks(self, size: Size) -> float:
        """Return how many times this step shrinks a photo of `size`; below 1 it enlarges."""
        return min(size[0] / self.resize_to[0], size[1] / self.resize_to[1])


@dataclass(frozen=True)
class CropPad:
    """fastai's `CropPad`, and `RandomCrop` in validation: the middle of the photo, not resized."""

    size: Size
    pad_mode: str

    def check(self) -> None:
        """Raise ValueError for a step that is none."""
        _check_size(self.size)
        _expect(self.pad_mode in EDGES, f"{self}")

    def __call__(self, photo: Image.Image) -> Image.Image:
        return _crop_pad(photo, self.size, self.pad_mode)

    def region(self, size: Size) -> Box:
        """Return which part of a photo of `size` becomes this step's output."""
        return _middle(size, self.size)

    def shrinks(self, size: Size) -> float:
        """Return 1: this step needs every pixel."""
        return 1


KINDS = {Resize: "resize", ResizeThenCrop: "resize_then_crop", CropPad: "crop_pad"}


def _middle(size: Size, part: tuple[float, float]) -> Box:
    """Return the middle of `size` that is as large as `part`, or the larger part around it."""
    left, top = ((side - wanted) / 2 for side, wanted in zip(size, part))
    return left, top, left + part[0], top + part[1]


def _bounded(photo: Image.Image) -> Image.Image:
    """Return a photo of no more pixels, and no longer side, than a model gets where the export says of no size."""
    if photo.width * photo.height > MAX_UNSIZED:
        photo = _shrunk(photo, MAX_UNSIZED / (photo.width * photo.height))
    longest = max(photo.size)
    return photo if longest <= 2 * MAX_SIDE else _shrunk(photo, (2 * MAX_SIDE / longest) ** 2)


def _shrunk(photo: Image.Image, by: float) -> Image.Image:
    """Return the photo with its area multiplied by `by`, 0 to 1, no side below one pixel."""
    return photo.resize(tuple(max(1, int(side * by ** 0.5)) for side in photo.size), reducing_gap=2)


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
    widths = [(before[1], after[1]), (before[0], after[0]), (0, 0)][:samples.ndim]
    return Image.fromarray(np.pad(samples, widths, mode=PAD_MODES[pad_mode]))
