"""Read the transforms of an export's validation as a `Preprocess`, without importing or running fastai.

Usage:

    preprocess = read_preprocess(dls)
"""

from math import ceil

import numpy as np
from PIL import Image

from classifier.preprocess import Preprocess
from classifier.resample import MODES, Resample
from classifier.resize import CropPad, Resize, ResizeThenCrop, Step

from .allowlist import NO_OPS
from .dataloaders import pipelines, transform_lists, transforms_of, valid_loader
from .function_names import MAX_NAME_LENGTH, function_names
from .nodes import Call, InvalidExport, Name, Node, args_of, attributes, brief, items_of, name_of
from .tensors import NotData, setting

AUGMENT = "fastai.vision.augment."
AFFINE = {
    AUGMENT + name
    for name in (
        "AffineCoordTfm",
        "Flip",
        "DeterministicFlip",
        "Dihedral",
        "DeterministicDihedral",
        "Rotate",
        "Zoom",
        "Warp",
    )
}
# transforms of the training split alone, where the file does not say which split a transform is for
AUGMENTATIONS = {
    AUGMENT + name
    for name in (
        "FlipItem",
        "DihedralItem",
        "RandTransform",
        "RandomErasing",
        "SpaceTfm",
        "LightingTfm",
        "Brightness",
        "Contrast",
        "Saturation",
        "Hue",
        "HSVTfm",
    )
}
IMAGE_MODES = {"fastai.vision.core.PILImage": "RGB", "fastai.vision.core.PILImageBW": "L"}


class UnknownTransform(Exception):
    """Raised for a transform that has no equal here; the message is its name."""


def read_preprocess(dls: Node) -> Preprocess:
    """Return the `Preprocess` of an export's validation.

    Raises UnknownTransform for a transform that has no equal here, InvalidExport for one with settings that it cannot
    have.
    """
    loader = attributes(valid_loader(dls))
    if rest := transforms_of(loader.get("before_batch")):
        raise UnknownTransform(name_of(rest[0]))
    try:
        steps = tuple(step for tfm in transforms_of(loader.get("after_item")) for step in _item_steps(tfm))
        scale, mean, std = np.float32(1), None, None
        batch_steps: list[Resample] = []
        for tfm in transforms_of(loader.get("after_batch")):
            name = name_of(tfm)
            if name == "fastai.data.transforms.IntToFloatTensor" and mean is None:
                scale = np.float32(setting(tfm, "div", 255.0) or 1)
            elif (
                name == "fastai.data.transforms.Normalize"
                and mean is None
                and tuple(setting(tfm, "axes", (0, 2, 3))) == (0, 2, 3)
            ):
                mean, std = (np.asarray(setting(tfm, stat), dtype=np.float32)[0] for stat in ("mean", "std"))
            elif mean is None:
                batch_steps += _batch_steps(tfm)
            elif not _is_training_only(tfm):
                raise UnknownTransform(name)
        return Preprocess(_mode(dls), steps, scale, mean, std, tuple(batch_steps))
    except (NotData, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        if isinstance(error, InvalidExport) and not isinstance(error, NotData):
            raise
        raise InvalidExport(f"has transforms with settings that they cannot have ({str(error)[:200]})") from error


def _mode(dls: Node) -> str:
    """Return the Pillow mode that the export opens photos in."""
    opening = pipelines(dls)[0]
    opens = False
    for tfm in opening:
        name, functions = attributes(tfm).get("_name"), function_names(tfm)
        if opens and not NO_OPS.issuperset(functions or [""]):
            raise UnknownTransform(functions[0] if functions else name_of(tfm))  # it changes an opened photo
        if (type(name) is str and name.endswith(".create")) or any(one.endswith(".create") for one in functions):
            opens = True  # the transforms before it find the file, which serving has
    if not opens:
        raise UnknownTransform(_described(opening[-1]) if opening else "nothing that opens a photo")
    types = items_of(attributes(transform_lists(dls)[0]).get("types")) or [None]
    cls = types[-1].full if isinstance(types[-1], Name) else ""
    if cls not in IMAGE_MODES:
        raise UnknownTransform(cls or "a photo of a kind of its own")
    return IMAGE_MODES[cls]


def _described(tfm: Node) -> str:
    """Return the name of a transform's function, or of its class."""
    return next(iter(function_names(tfm)), "") or name_of(tfm)


def _is_training_only(tfm: Node) -> bool:
    """Return whether a transform is augmentation, which serving leaves out."""
    split = attributes(tfm).get("split_idx", 0 if name_of(tfm) in AUGMENTATIONS else None)
    return type(split) is int and split == 0


def _size(tfm: Node) -> tuple[int, int]:
    """Return width and height; fastai keeps sizes in that order, but those of batch transforms as height, width."""
    size = setting(tfm, "size")
    sides = (size, size) if type(size) is int else tuple(size)
    if len(sides) != 2:
        raise NotData(f"has a size of {len(sides)} numbers")
    return sides


def _filter(tfm: Node) -> int:
    """Return Pillow's number of the filter for photos."""
    found = attributes(tfm)
    mode = found.get("mode", (items_of(found.get("resamples")) or [2])[0])
    if args := args_of(mode):  # a member of an enumeration
        mode = args[-1]  # by its value or, after its class, by its name
    if type(mode) is str and mode in Image.Resampling.__members__:
        return Image.Resampling[mode]
    if type(mode) is int:
        return mode
    raise NotData(f"has {brief(mode)} for a filter")


def _text(tfm: Node, name: str, default: str) -> str:
    """Return a setting that is text, or a member of an enumeration of texts."""
    value = attributes(tfm).get(name, default)
    if isinstance(value, Call) and len(args_of(value)) == 1:
        value = value.args[0]
    if type(value) is not str or len(value) > MAX_NAME_LENGTH:
        raise NotData(f"has {brief(value)} for {name}")
    return value


def _item_steps(tfm: Node) -> list[Step]:
    """Return what an item transform does to a photo in validation."""
    name = name_of(tfm)
    if name == "fastai.data.transforms.ToTensor" or _is_training_only(tfm):
        return []
    if not name.startswith(AUGMENT):
        raise UnknownTransform(_described(tfm))
    kind = name.removeprefix(AUGMENT)
    if kind == "Resize":
        return [Resize(_size(tfm), _text(tfm, "method", "crop"), _text(tfm, "pad_mode", "reflection"), _filter(tfm))]
    if kind == "RandomResizedCrop":
        size = _size(tfm)
        extra = ceil(max(size) * setting(tfm, "val_xtra", 0.14) / 8) * 8
        return [ResizeThenCrop(size, (size[0] + extra, size[1] + extra), _filter(tfm))]
    if kind in ("CropPad", "RandomCrop"):
        return [CropPad(_size(tfm), _text(tfm, "pad_mode", "zeros") if kind == "CropPad" else "zeros")]
    raise UnknownTransform(name)


def _batch_steps(tfm: Node) -> list[Resample]:
    """Return what a transform of the batch does in validation, besides scaling and normalising."""
    name, state = name_of(tfm), attributes(tfm)
    if name in AFFINE:  # fastai runs them in validation too, with a matrix that changes nothing
        if state.get("size") is None:
            return []
        if setting(tfm, "mode", "bilinear") not in MODES:
            raise UnknownTransform(f"{name} with mode={brief(state.get('mode'))}")
        height, width = _size(tfm)
        return [Resample((width, height), _text(tfm, "pad_mode", "reflection"), bool(setting(tfm, "align_corners")))]
    if name == AUGMENT + "RandomResizedCropGPU":
        low, high = setting(tfm, "ratio", (3 / 4, 4 / 3))
        height, width = _size(tfm)
        return [Resample((width, height), "reflection", True, (low, high, setting(tfm, "valid_scale", 1.0)))]
    if _is_training_only(tfm):
        return []
    raise UnknownTransform(_described(tfm))
