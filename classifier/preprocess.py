"""fastai's validation transforms without fastai: they turn an upright photo into the model's input.

A `Preprocess` does with Pillow and NumPy what fastai does with `split_idx=1`. `classifier.export.transforms` makes one
from an export, `Preprocess.from_data` from a compiled copy; settings that it cannot have raise ValueError.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from .resample import EDGES, Resample
from .resize import KINDS, MAX_SIDE, Box, Resize, Size, Step, check_size, expect, shrunk

MAX_UNSIZED = 2_000_000  # pixels that a model gets of a photo where the export has no size
MAX_STEPS = 6  # on a photo, or on its samples: each takes up to a second


@dataclass(frozen=True)
class Preprocess:
    """Turn a photo into a model's input: `steps` on the photo, then scale and normalise."""

    mode: str  # Pillow's mode of the model's input: RGB, or L for one channel
    steps: tuple[Step, ...]
    scale: np.float32  # what a sample of 255 is divided by
    mean: np.ndarray | None  # (C, 1, 1)
    std: np.ndarray | None  # (C, 1, 1)
    batch_steps: tuple[Resample, ...] = ()  # between scaling and normalising

    def __post_init__(self) -> None:
        """Raise ValueError for settings that it cannot have."""
        expect(self.mode in ("RGB", "L"), f"mode {self.mode!r}")
        expect(
            len(self.steps) <= MAX_STEPS and len(self.batch_steps) <= MAX_STEPS,
            f"more than {MAX_STEPS} steps before or after it is scaled",
        )
        for step in self.steps:
            step.check()
        for resample in self.batch_steps:
            check_size(resample.size)
            expect(resample.pad_mode in EDGES and type(resample.align_corners) is bool, f"{resample}")
            crop = (1, 1, 1) if resample.crop is None else resample.crop
            expect(len(crop) == 3 and all(0.01 <= part <= 100 for part in crop), f"{resample}")
        expect(bool(np.isfinite(self.scale) and self.scale > 0), f"scale {self.scale}")
        for stat in (self.mean, self.std):
            expect((stat is None) == (self.mean is None), "a mean or a deviation alone")
            expect(
                stat is None or (stat.shape == (len(self.mode), 1, 1) and bool(np.isfinite(stat).all())), "statistics"
            )
        expect(self.std is None or bool((self.std != 0).all()), "a deviation of 0")

    @cached_property
    def _tables(self) -> np.ndarray:
        """(C, 256) float32: the scaled and normalised value of each sample, which is faster than computing each."""
        samples = np.tile(np.arange(256, dtype=np.float32) / self.scale, (len(self.mode), 1))
        return samples if self.batch_steps else self._normalised(samples[:, :, None])[:, :, 0]

    def _normalised(self, samples: np.ndarray) -> np.ndarray:
        """Return (C, ...) samples less the mean, by the deviation of each channel."""
        return samples if self.mean is None or self.std is None else (samples - self.mean) / self.std

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
        for resample in self.batch_steps:
            samples = resample(samples)
        return self._normalised(samples) if self.batch_steps else samples

    @cached_property
    def closer(self) -> "Preprocess | None":
        """What makes the model's input of a part of a photo, whole; None where the input has no size of its own."""
        last = (*self.steps, *self.batch_steps)[-1:]
        if not last:
            return None
        whole = Resize(last[0].size, "squish", "zeros", int(Image.Resampling.BILINEAR))
        return replace(self, steps=(whole,), batch_steps=())

    def max_reduction(self, size: Size) -> float:
        """Return how many times smaller a photo of `size` may be opened, since the first step shrinks it as much."""
        return max(1.0, self.steps[0].reduction(size)) if self.steps else 1.0

    def to_data(self) -> dict[str, Any]:
        """Return this as plain data and arrays, for a compiled copy."""
        steps = [{"kind": KINDS[type(step)], **asdict(step)} for step in self.steps]
        return {
            "mode": self.mode,
            "steps": steps,
            "batch_steps": [asdict(step) for step in self.batch_steps],
            "scale": float(self.scale),
            "mean": None if self.mean is None else self.mean.ravel().tolist(),
            "std": None if self.std is None else self.std.ravel().tolist(),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Preprocess":
        """Return the `Preprocess` that `to_data` described; KeyError, TypeError or ValueError for other data."""
        kinds = {kind: step for step, kind in KINDS.items()}
        steps = [
            kinds[step["kind"]](**_tuples({name: value for name, value in step.items() if name != "kind"}))
            for step in data["steps"]
        ]
        batch_steps = [Resample(**_tuples(step)) for step in data.get("batch_steps", ())]
        mean, std = (
            None if data[name] is None else np.array(data[name], dtype=np.float32)[:, None, None]
            for name in ("mean", "std")
        )
        return cls(data["mode"], tuple(steps), np.float32(data["scale"]), mean, std, tuple(batch_steps))

    def seen(self, size: Size) -> Box:
        """Return the part of a photo of `size` that the model sees; larger than the photo where that is padded."""
        passed: list[tuple[Step | Resample, Size]] = []
        for step in (*self.steps, *self.batch_steps):
            passed.append((step, size))
            size = step.size
        box: Box = (0, 0, *size)
        for step, size in reversed(passed):
            left, top, right, bottom = step.region(size)
            x, y = (right - left) / step.size[0], (bottom - top) / step.size[1]
            box = (left + box[0] * x, top + box[1] * y, left + box[2] * x, top + box[3] * y)
        return box


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a step with its lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


def _bounded(photo: Image.Image) -> Image.Image:
    """Return a photo of no more pixels, and no longer side, than a model gets where the export has no size."""
    if photo.width * photo.height > MAX_UNSIZED:
        photo = shrunk(photo, MAX_UNSIZED / (photo.width * photo.height))
    longest = max(photo.size)
    return photo if longest <= 2 * MAX_SIDE else shrunk(photo, (2 * MAX_SIDE / longest) ** 2)
