"""fastai's validation transforms without fastai: an upright photo in, the model's input out.

`translate(dls)` reads the transforms out of an export, whatever their sizes, methods and
statistics, and does with Pillow and NumPy what fastai would do with `split_idx=1`. What it does
not know it does not guess: it raises Untranslatable, and the engine lets fastai do the work.
"""
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageOps

Size = tuple[int, int]  # width, height, as in Pillow and inside fastai's transforms
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels, as in Pillow
PAD_MODES = {"border": "edge", "reflection": "reflect"}
# Padding makes a square out of a strip: beyond this the strip is shrunk first, or memory ends
MAX_PADDED_PIXELS = 100_000_000


class Untranslatable(TypeError):
    """Names the transform that only fastai itself can run."""


@dataclass(frozen=True)
class Preprocess:
    """Turn a photo into a model's input: `steps` on the photo, then scale and normalise."""

    mode: str  # Pillow's mode of the model's input: RGB, or L for one channel
    steps: tuple["_Resize | _ResizeThenCrop | _CropPad", ...]
    scale: np.float32  # what a sample of 255 is divided by
    mean: np.ndarray | None  # (C, 1, 1)
    std: np.ndarray | None  # (C, 1, 1)

    @cached_property
    def _tables(self) -> np.ndarray:
        """(C, 256) float32: what each sample becomes in each channel. Looking up is faster than computing."""
        samples = np.arange(256, dtype=np.float32) / self.scale
        if self.mean is None:
            return np.tile(samples, (len(self.mode), 1))
        return (samples - self.mean[:, :, 0]) / self.std[:, :, 0]

    def __call__(self, photo: Image.Image) -> np.ndarray:
        """Return the photo as (C, H, W) float32."""
        if photo.mode != self.mode:
            photo = photo.convert(self.mode)
        for step in self.steps:
            photo = step(photo)
        samples = np.empty((len(self._tables), photo.height, photo.width), dtype=np.float32)
        for table, band, out in zip(self._tables, photo.split(), samples):
            np.take(table, np.asarray(band), out=out, mode="clip")  # "raise", the default, buffers `out`
        return samples

    def spare(self, size: Size) -> float:
        """Return how many times smaller a photo of `size` may come without the model seeing less; 1 or more.

        The first step shrinks it at least as much.
        """
        return max(1.0, self.steps[0].shrinks(size)) if self.steps else 1.0

    def to_data(self) -> dict:
        """Return this as plain data and arrays, for a compiled copy."""
        steps = [{"kind": KINDS[type(step)], **asdict(step)} for step in self.steps]
        return {"mode": self.mode, "steps": steps, "scale": float(self.scale),
                "mean": None if self.mean is None else self.mean.ravel().tolist(),
                "std": None if self.std is None else self.std.ravel().tolist()}

    @classmethod
    def from_data(cls, data: dict) -> "Preprocess":
        """Return what `to_data` gave."""
        kinds = {kind: step for step, kind in KINDS.items()}
        steps = [kinds[step["kind"]](**{name: tuple(value) if isinstance(value, list) else value
                                        for name, value in step.items() if name != "kind"})
                 for step in data["steps"]]
        mean, std = (None if data[name] is None else np.array(data[name], dtype=np.float32)[:, None, None]
                     for name in ("mean", "std"))
        return cls(data["mode"], tuple(steps), np.float32(data["scale"]), mean, std)

    def seen(self, size: Size) -> Box:
        """Return the part of a photo of `size` that the model sees; larger than the photo where that is padded."""
        passed = []
        for step in self.steps:
            passed.append((step, size))
            size = step.size
        box = (0, 0, *size)
        for step, size in reversed(passed):
            left, top, right, bottom = step.region(size)
            x, y = (right - left) / step.size[0], (bottom - top) / step.size[1]
            box = (left + box[0] * x, top + box[1] * y, left + box[2] * x, top + box[3] * y)
        return box


def translate(dls) -> Preprocess:
    """Return the `Preprocess` of an export's `DataLoaders`; Untranslatable where it has no equal."""
    steps = [step for tfm in dls.valid.after_item if (step := _item_step(tfm)) is not None]
    if list(dls.valid.before_batch):
        raise Untranslatable(_name(dls.valid.before_batch[0]))
    scale, mean, std = np.float32(1), None, None
    for tfm in dls.valid.after_batch:
        if _name(tfm) == "IntToFloatTensor" and mean is None:
            scale = np.float32(tfm.div or 1)
        elif _name(tfm) == "Normalize" and mean is None and tuple(tfm.axes) == (0, 2, 3):
            mean, std = (np.asarray(stat.cpu(), dtype=np.float32)[0] for stat in (tfm.mean, tfm.std))
        elif not _does_nothing_in_validation(tfm):
            raise Untranslatable(_name(tfm))
    return Preprocess(_mode(dls), tuple(steps), scale, mean, std)


def _name(tfm) -> str:
    """Return the exact class of a fastai transform; a subclass may do anything."""
    return type(tfm).__name__ if type(tfm).__module__.startswith("fastai.") else repr(type(tfm))


def _mode(dls) -> str:
    """Return the Pillow mode that the export's image class opens photos in."""
    opener = dls.valid_ds.tls[0].tfms.fs[-1]
    if not getattr(opener, "name", "").endswith(".create"):
        raise Untranslatable(getattr(opener, "name", repr(opener)))  # something more happens to opened photos
    name = input_class(dls).__name__
    if name not in ("PILImage", "PILImageBW"):
        raise Untranslatable(name)
    return "L" if name == "PILImageBW" else "RGB"


def input_class(dls) -> type:
    """Return the class that the export's first pipeline makes of a file: `PILImage` as a rule."""
    return dls.valid_ds.tls[0].types[-1]


def _does_nothing_in_validation(tfm) -> bool:
    """Return whether a transform is augmentation alone, so that serving leaves it out."""
    if tfm.split_idx == 0:
        return True
    # `aug_transforms` fuses its affine part into transforms that run in validation too, where
    # their matrix is the identity: they change something there only if they also resize.
    return type(tfm).__module__ == "fastai.vision.augment" and hasattr(tfm, "aff_fs") and tfm.size is None


def _item_step(tfm) -> Callable[[Image.Image], Image.Image] | None:
    """Return what an item transform does to a photo in validation; None if nothing."""
    name = _name(tfm)
    if name == "ToTensor" or tfm.split_idx == 0:
        return None
    if name == "Resize" and tfm.method in ("squish", "crop", "pad"):
        return _Resize(tuple(tfm.size), tfm.method, tfm.pad_mode, tfm.mode)
    if name == "RandomResizedCrop":
        xtra = int(np.ceil(max(tfm.size) * tfm.val_xtra / 8)) * 8
        return _ResizeThenCrop(tuple(tfm.size), (tfm.size[0] + xtra, tfm.size[1] + xtra), tfm.mode)
    if name in ("CropPad", "RandomCrop"):
        return _CropPad(tuple(tfm.size), getattr(tfm, "pad_mode", "zeros"))
    raise Untranslatable(name)


@dataclass(frozen=True)
class _Resize:
    """fastai's `Resize`: squish the photo, or crop or pad its middle to the proportions of `size`."""

    size: Size
    method: str
    pad_mode: str
    resample: int

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
class _ResizeThenCrop:
    """fastai's `RandomResizedCrop` in validation: squish to somewhat more, then crop the middle."""

    size: Size
    resize_to: Size
    resample: int

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
class _CropPad:
    """fastai's `CropPad`, and `RandomCrop` in validation: the middle of the photo, not resized."""

    size: Size
    pad_mode: str

    def __call__(self, photo: Image.Image) -> Image.Image:
        return _crop_pad(photo, self.size, self.pad_mode)

    def region(self, size: Size) -> Box:
        """Return which part of a photo of `size` becomes this step's output."""
        return _middle(size, self.size)

    def shrinks(self, size: Size) -> float:
        """Return 1: this step needs every pixel."""
        return 1


KINDS = {_Resize: "resize", _ResizeThenCrop: "resize_then_crop", _CropPad: "crop_pad"}


def _middle(size: Size, part: tuple[float, float]) -> Box:
    """Return the middle of `size` that is as large as `part`, or the larger part around it."""
    left, top = ((side - wanted) / 2 for side, wanted in zip(size, part))
    return left, top, left + part[0], top + part[1]


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
