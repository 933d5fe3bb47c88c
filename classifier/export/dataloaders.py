"""What an export says of its data: labels, and the transforms of validation as a `Preprocess`.

    labels, preprocess = read_labels(dls), translate(dls)

Both read the nodes of a pickle (`classifier.export.nodes`); nothing of fastai is imported or run.
"""
from math import ceil
from typing import Any

import numpy as np
from PIL import Image

from classifier.preprocess import CropPad, Preprocess, Resize, ResizeThenCrop
from classifier.resample import MODES, Resample

from .allowlist import NOTHING
from .nodes import Made, Name, Refused, attributes, brief, by_name, items_of, name_of, pairs_of
from .tensors import NoData, Plain, setting

AUGMENT = "fastai.vision.augment."
AFFINE = {AUGMENT + name for name in ("AffineCoordTfm", "Flip", "DeterministicFlip", "Dihedral",
                                      "DeterministicDihedral", "Rotate", "Zoom", "Warp")}
# which split a transform is for, where it does not say: 0 is training alone
OF_TRAINING = {AUGMENT + name for name in (
    "FlipItem", "DihedralItem", "RandTransform", "RandomErasing", "SpaceTfm", "LightingTfm", "Brightness", "Contrast",
    "Saturation", "Hue", "HSVTfm")}
IMAGES = {"fastai.vision.core.PILImage": "RGB", "fastai.vision.core.PILImageBW": "L"}
CATEGORIES = "fastai.data.transforms.Categorize"
LONGEST_LABEL, MOST_LABELS = 500, 100_000  # characters; labels
MOST_TRANSFORMS, MOST_FUNCTIONS, LONGEST_NAME = 50, 50, 200  # of a pipeline; of a transform; characters of a function's


class Untranslatable(Exception):
    """Names the transform that is none of those that are known here."""


class OtherTask(Exception):
    """The export is no classifier of photos with one label each."""


def valid_loader(dls: Any) -> Any:
    """Return the node of the validation `DataLoader`; OtherTask where there is none."""
    loaders = items_of(attributes(dls).get("loaders"))
    if not loaders:
        raise OtherTask
    return loaders[min(1, len(loaders) - 1)]


def pipelines(dls: Any) -> list[list[Any]]:
    """Return the transforms of each of the data set's pipelines: what opens the photo, what makes the label."""
    lists = items_of(attributes(attributes(valid_loader(dls)).get("dataset")).get("tls")) or ()
    return [_transforms(attributes(one).get("tfms")) for one in lists]


def _transforms(pipeline: Any) -> list[Any]:
    return list(items_of(attributes(pipeline).get("fs"), MOST_TRANSFORMS) or ())


def read_labels(dls: Any) -> list[str]:
    """Return the labels as text, in the order of the network's scores.

    Raises OtherTask unless the export gives one of some labels for one photo.
    """
    loader = attributes(valid_loader(dls))
    n_inputs = loader.get("_n_inp", attributes(loader.get("dataset")).get("n_inp"))
    both = pipelines(dls)
    category = both[1][-1] if len(both) == 2 and both[1] else None
    if name_of(category) != CATEGORIES or n_inputs not in (None, 1):
        raise OtherTask
    try:
        labels = Plain()(attributes(attributes(category).get("vocab")).get("items"))
        if isinstance(labels, np.ndarray) and labels.ndim == 1 and len(labels) <= MOST_LABELS:
            labels = labels.tolist()
    except NoData as why:
        raise OtherTask from why
    if not isinstance(labels, list) or not labels or not all(isinstance(one, (str, bool, int, float, np.generic))
                                                             for one in labels):
        raise OtherTask
    labels = [str(label) for label in labels[:MOST_LABELS + 1]]
    if len(labels) > MOST_LABELS or max(map(len, labels)) > LONGEST_LABEL:
        raise Refused(f"has more than {MOST_LABELS} labels, or one of more than {LONGEST_LABEL} characters")
    return labels


def translate(dls: Any) -> Preprocess:
    """Return the `Preprocess` of an export's validation; Untranslatable, naming the transform, where it has no equal.

    Raises Refused where a transform that is known has settings that it cannot have.
    """
    loader = attributes(valid_loader(dls))
    if rest := _transforms(loader.get("before_batch")):
        raise Untranslatable(name_of(rest[0]))
    try:
        steps = tuple(step for tfm in _transforms(loader.get("after_item")) for step in _item_steps(tfm))
        scale, mean, std, batch_steps = np.float32(1), None, None, []
        for tfm in _transforms(loader.get("after_batch")):
            name = name_of(tfm)
            if name == "fastai.data.transforms.IntToFloatTensor" and mean is None:
                scale = np.float32(setting(tfm, "div", 255.0) or 1)
            elif name == "fastai.data.transforms.Normalize" and mean is None and tuple(
                    setting(tfm, "axes", (0, 2, 3))) == (0, 2, 3):
                mean, std = (np.asarray(setting(tfm, stat), dtype=np.float32)[0] for stat in ("mean", "std"))
            elif mean is None:
                batch_steps += _batch_steps(tfm)
            elif not _of_training(tfm):
                raise Untranslatable(name)
        return Preprocess(_mode(dls), steps, scale, mean, std, tuple(batch_steps))
    except (NoData, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as why:
        if isinstance(why, Refused) and not isinstance(why, NoData):
            raise
        raise Refused(f"has transforms with settings that they cannot have ({str(why)[:200]})") from why


def _mode(dls: Any) -> str:
    """Return the Pillow mode that the export opens photos in."""
    opening = pipelines(dls)[0]
    made = None
    for tfm in opening:
        name, functions = attributes(tfm).get("_name"), functions_of(tfm)
        if made is not None and not NOTHING.issuperset(functions or [""]):
            raise Untranslatable(functions[0] if functions else name_of(tfm))  # it happens to an opened photo
        if (type(name) is str and name.endswith(".create")) or any(one.endswith(".create") for one in functions):
            made = tfm  # what stands before finds the file; to serve, the photo is there
    if made is None:
        raise Untranslatable(_what(opening[-1]) if opening else "nothing that opens a photo")
    types = items_of(attributes(items_of(attributes(attributes(valid_loader(dls)).get("dataset")).get("tls"))[0])
                     .get("types")) or [None]
    cls = types[-1].full if isinstance(types[-1], Name) else ""
    if cls not in IMAGES:
        raise Untranslatable(cls or "a photo of a kind of its own")
    return IMAGES[cls]


def _what(tfm: Any) -> str:
    return next(iter(functions_of(tfm)), "") or name_of(tfm)


def functions_of(tfm: Any) -> list[str]:
    """Return the names of the functions that a `Transform` was made of; [] for one of a class of its own."""
    dispatch, found = attributes(attributes(tfm).get("encodes")), []
    rows = [*(items_of(dispatch.get("_resolved"), MOST_FUNCTIONS) or ()),
            *(items_of(dispatch.get("_pending"), MOST_FUNCTIONS) or ())]
    found += [row[0] for row in rows if type(row) is tuple and row]
    found += [dispatch["_f"]] if "_f" in dispatch and not found else []
    for _, by_second in pairs_of(attributes(dispatch.get("funcs")).get("d"), MOST_FUNCTIONS) or ():  # fastai before 2.8
        found += [function for _, function in pairs_of(attributes(by_second).get("d"), MOST_FUNCTIONS) or ()]
    return [function_name(function) for function in found]


def function_name(node: Any, depth: int = 4) -> str:
    """Return the name of a function: by reference, as a method, or stored by value (cloudpickle).

    depth: how many methods and partials it may lie in; "" beyond.
    """
    if not depth:
        return ""
    if isinstance(node, Name):
        return node.full
    name, args = name_of(node), node.args if isinstance(node, Made) and type(node.args) is tuple else ()
    if name == "builtins.getattr" and len(args) == 2 and type(args[1]) is str:
        return f"{function_name(args[0], depth - 1) or 'an object'}.{args[1][:LONGEST_NAME]}"
    if name == "types.MethodType" and len(args) == 2:
        return f"{function_name(args[1], depth - 1)}.{function_name(args[0], depth - 1).rpartition('.')[2]}"
    if name == "functools.partial" and args:
        return function_name(args[0], depth - 1)
    state = attributes(node)
    parts = node.state if isinstance(node, Made) and type(node.state) is tuple else (None, None)
    for told in (state, by_name(parts[-1])):
        module, own = told.get("__module__"), told.get("__qualname__")
        if type(own) is str:
            return f"{module[:LONGEST_NAME] if type(module) is str else None}.{own[:LONGEST_NAME]}"
    return name


def _of_training(tfm: Any) -> bool:
    """Return whether a transform is augmentation alone, so that serving leaves it out."""
    split = attributes(tfm).get("split_idx", 0 if name_of(tfm) in OF_TRAINING else None)
    return type(split) is int and split == 0


def _size(tfm: Any) -> tuple[int, int]:
    """Return width and height; fastai keeps sizes in that order, but those of batch transforms as height, width."""
    size = setting(tfm, "size")
    return (size, size) if type(size) is int else tuple(size)


def _filter(tfm: Any) -> int:
    """Return Pillow's number of the filter for photos."""
    found = attributes(tfm)
    mode = found.get("mode", (items_of(found.get("resamples")) or [2])[0])
    if isinstance(mode, Made) and type(mode.args) is tuple and mode.args:  # a member of an enumeration
        mode = mode.args[-1]  # by its value or, after its class, by its name
    if type(mode) is str and mode in Image.Resampling.__members__:
        return Image.Resampling[mode]
    if type(mode) is int:
        return mode
    raise NoData(f"has {brief(mode)} for a filter")


def _text(tfm: Any, name: str, default: str) -> str:
    value = attributes(tfm).get(name, default)
    if isinstance(value, Made) and type(value.args) is tuple and len(value.args) == 1:
        value = value.args[0]
    if type(value) is not str or len(value) > LONGEST_NAME:
        raise NoData(f"has {brief(value)} for {name}")
    return value


def _item_steps(tfm: Any) -> list[Any]:
    """Return what an item transform does to a photo in validation."""
    name = name_of(tfm)
    if name == "fastai.data.transforms.ToTensor":
        return []
    if not name.startswith(AUGMENT):
        if _of_training(tfm):
            return []
        raise Untranslatable(_what(tfm))
    kind = name.removeprefix(AUGMENT)
    if _of_training(tfm):
        return []
    if kind == "Resize":
        return [Resize(_size(tfm), _text(tfm, "method", "crop"), _text(tfm, "pad_mode", "reflection"), _filter(tfm))]
    if kind == "RandomResizedCrop":
        size = _size(tfm)
        extra = ceil(max(size) * setting(tfm, "val_xtra", 0.14) / 8) * 8
        return [ResizeThenCrop(size, (size[0] + extra, size[1] + extra), _filter(tfm))]
    if kind in ("CropPad", "RandomCrop"):
        return [CropPad(_size(tfm), _text(tfm, "pad_mode", "zeros") if kind == "CropPad" else "zeros")]
    raise Untranslatable(name)


def _batch_steps(tfm: Any) -> list[Resample]:
    """Return what a transform of the batch does in validation, besides scaling and normalising."""
    name, state = name_of(tfm), attributes(tfm)
    if name in AFFINE:  # fastai has them run in validation too, with a matrix that changes nothing
        if state.get("size") is None:
            return []
        if setting(tfm, "mode", "bilinear") not in MODES:
            raise Untranslatable(f"{name} with mode={brief(state.get('mode'))}")
        width_height = _size(tfm)[::-1]
        return [Resample(width_height, _text(tfm, "pad_mode", "reflection"), bool(setting(tfm, "align_corners")))]
    if name == AUGMENT + "RandomResizedCropGPU":
        low, high = setting(tfm, "ratio", (3 / 4, 4 / 3))
        return [Resample(_size(tfm)[::-1], "reflection", True, (low, high, setting(tfm, "valid_scale", 1.0)))]
    if _of_training(tfm):
        return []
    raise Untranslatable(_what(tfm))
