"""Load photos as fastai `DataLoaders`, by a `DataBlock` as in the lesson.

Reads  photos that `training.data.photos` found, and their labels
Gives  a fastai `DataLoaders`; the same photos and seed give the same split
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
from fastai.data.block import CategoryBlock, DataBlock, MultiCategoryBlock, TransformBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import Normalize, parent_label
from fastai.vision.augment import RandomResizedCrop, Resize, ResizeMethod, Saturation, aug_transforms
from fastai.vision.core import PILImage
from fastai.vision.data import ImageBlock
from fastcore.script import CliError
from fasttransform import Transform

from training.options import TrainingOptions

from .drawn_split import splitter
from .duplicates import groups_of_copies
from .labels import Labels
from .photo_cache import PHOTO_CACHE
from .photo_loader import photo_loaders
from .photo_store import PhotoStore
from .splits import Photos

RESIZES = {
    "random_crop": lambda size: RandomResizedCrop(size, min_scale=0.5),
    "crop": lambda size: Resize(size, ResizeMethod.Crop),
    "pad": lambda size: Resize(size, ResizeMethod.Pad, pad_mode="zeros"),
    "squish": lambda size: Resize(size, ResizeMethod.Squish),
}

DEFAULTS = TrainingOptions()
VALIDATION_SCALE = 8 / 7  # of the training's size: random crops show things larger (see `resizing`)


def photo_class(side: int) -> type[PILImage]:
    """Return fastai's `PILImage`, opened by the project's one decoder, once, for a model that sees `side` pixels."""

    class Photo(PILImage):
        @classmethod
        def create(cls, source: Any) -> PILImage:  # fastai dispatches on this annotation
            """Return the photo upright and in RGB, transparency on white; PhotoError if it cannot be."""
            return PILImage(PHOTO_CACHE.open(source, side))

    return Photo


def validation_size(image_size: int) -> int:
    """Return the size at which a model that was trained on random crops sees whole photos."""
    return round(image_size * VALIDATION_SCALE)


def resizing(resize: str, image_size: int, larger: bool = True) -> list[Transform]:
    """Return the transforms that bring photos to the model's size; resize: a key of RESIZES.

    larger: whether the model takes photos of `validation_size`. A random crop is enlarged, so that a model
    trained on crops expects larger things than whole photos show: trained at 224 pixels, it sees those at 256.
    Source: Touvron et al. 2019, Fixing the train-test resolution discrepancy.
    """
    if resize != "random_crop":
        return [RESIZES[resize](image_size)]
    train = RESIZES["random_crop"](image_size)
    valid = RESIZES["crop"](validation_size(image_size) if larger else image_size)
    train.split_idx, valid.split_idx = 0, 1
    return [train, valid]


def get_dls(
    photos: Photos,
    options: TrainingOptions = DEFAULTS,
    stats: tuple[list[float], list[float]] | None = None,
    keep: Sequence[str] = (),
    larger: bool = True,
    store: PhotoStore | None = None,
) -> DataLoaders:
    """Return the lesson's DataLoaders over photos; those of its chapter 6 where photos may have several labels.

    stats: mean and standard deviation to normalise with. keep: see `splitter`. larger: see `resizing`. store: of many
    photos, which are then loaded by threads, ahead; few are loaded as in the lesson.
    Where photos.valid are given, they are the validation set, and options.valid_pct, options.seed and keep split
    nothing. Raises CliError where a label has nothing left to train on.
    """
    files, given, labels = sorted({*photos.train, *photos.valid}), set(photos.valid), photos.labels
    split = (
        splitter(options.valid_pct, options.seed, keep, labels)(files)
        if not given
        else tuple([i for i, file in enumerate(files) if (file in given) is held] for held in (False, True))
    )
    block = DataBlock(
        blocks=(ImageBlock(photo_class(options.image_size)), label_block(labels, files)),
        splitter=lambda files: split,
        get_y=(lambda file: list(labels(file))) if labels.multi_label else parent_label,  # a tuple would be several y
        item_tfms=resizing(options.resize, options.image_size, larger),
        batch_tfms=[
            *aug_transforms(xtra_tfms=[Saturation(p=options.grey, draw=0.0)] if options.grey else None),
            *([Normalize.from_stats(*stats)] if stats else []),
        ],
    )
    if options.valid_pct and not given and (n := n_copies(files, len(split[1]))):
        print(f"{n} of the photos are copies of another one: each stays on that one's side of the split", flush=True)
    _check_split([labels(file) for file in files], *split)
    # more workers than this machine has cores only cost memory; photos are small and decoded fast
    dls = block.dataloaders(files, bs=min(options.batch_size, len(split[0])), num_workers=0)
    if store is None:
        return dls
    whole = validation_size(options.image_size) if options.resize == "random_crop" and larger else options.image_size
    return photo_loaders(dls, (options.image_size, whole), options.resize, labels, store)


def label_block(labels: Labels, files: Sequence[Path]) -> TransformBlock:
    """Return fastai's block for the labels of photos: one each, or several or none."""
    return MultiCategoryBlock(vocab=labels.vocab(files)) if labels.multi_label else CategoryBlock()


def n_copies(files: Sequence[Path], max_size: int) -> int:
    """Return how many photos are copies of another one; max_size: see `groups_of_copies`."""
    return sum(len(group) - 1 for group in groups_of_copies(files, max_size))


def _check_split(labels: Sequence[Sequence[str]], train: Sequence[int], valid: Sequence[int]) -> None:
    """Raise CliError where a label has no photo to train on, or nothing is left to validate."""
    missing = sorted({label for own in labels for label in own} - {label for i in train for label in labels[i]})
    if missing:
        raise CliError(
            f"All photos of {', '.join(missing)} fell into validation: none is left to train on. "
            "Add photos, or try another --seed, a smaller --valid-pct or --resplit."
        )
    if not valid:
        raise CliError("No photo is left to validate on: add photos, or try a larger --valid-pct.")
