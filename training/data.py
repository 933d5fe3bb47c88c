"""Find the photos of a data set and load them as fastai `DataLoaders`.

Reads  DATA/<label>/*.jpg, or DATA/{train,valid,test}/<label>/*.jpg (any format that `classifier.photo` opens); a
       photo's label is the name of the folder it lies in, however deep
Gives  `Photos` and a fastai `DataLoaders`; the same photos and seed give the same split

    python -m training.data DATA      # what is there: photos by label and split, what is left out and why
"""
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import Normalize, get_files, parent_label
from fastai.vision.augment import RandomResizedCrop, Resize, ResizeMethod, Saturation, aug_transforms
from fastai.vision.core import PILImage
from fastai.vision.data import ImageBlock
from fastcore.script import CliError, call_parse
from fastprogress import progress_bar

from classifier.photo import PhotoError, open_photo

from .copies import groups_of_copies
from .left_out import NO_LABELS, PHOTO_EXTENSIONS, folders_left_out, names_left_out
from .opened import OPENED
from .splits import Photos, given_splits, sha256, splitter, with_known_labels, without_copies

MIN_PHOTOS = 5  # of a label: fewer leave nothing to validate on
THIN = 10  # photos of a label: its share of wrong answers among fewer is little more than chance
RESIZES = {
    "random_crop": lambda size: RandomResizedCrop(size, min_scale=0.5),
    "crop": lambda size: Resize(size, ResizeMethod.Crop),
    "pad": lambda size: Resize(size, ResizeMethod.Pad, pad_mode="zeros"),
    "squish": lambda size: Resize(size, ResizeMethod.Squish),
}

VALIDATED_LARGER = 8 / 7  # than trained: random crops show things larger than they are (see `resizing`)


def photo_class(side: int) -> type[PILImage]:
    """Return fastai's `PILImage`, opened by the project's one decoder, once, for a model that sees `side` pixels."""
    class Photo(PILImage):
        @classmethod
        def create(cls, source) -> PILImage:
            """Return the photo upright and in RGB, transparency on white; PhotoError if it cannot be."""
            return PILImage(OPENED.open(source, side))

    return Photo


def get_photos(path: str | Path, labelled: bool = True) -> list[Path]:
    """Return the photo files under `path`, sorted; hidden files and folders, and NO_LABELS, are left out.

    labelled: photos that lie in `path` itself, in no label's folder, are left out too.
    """
    path = Path(path)
    if not path.is_dir():
        raise CliError(f"There is no folder {path}. Put photos in {path}/<label>/.")
    found = (file for file in get_files(path, extensions=PHOTO_EXTENSIONS)
             if not (labelled and file.parent == path) and not file.name.startswith(".")
             and NO_LABELS.isdisjoint(file.relative_to(path).parts[:-1]))
    # links may lead to a photo by several ways, or in a circle: the shortest way counts
    by_target = {}
    for file in sorted(found, key=lambda file: (len(file.parts), file)):
        by_target.setdefault(os.path.realpath(file), file)
    return sorted(by_target.values())


def check_photos(files: Sequence[Path]) -> dict[Path, str]:
    """Return why each unreadable file cannot be opened, after trying all of them, with a progress bar."""
    def reason(file: Path) -> str | None:
        try:
            open_photo(file)
        except PhotoError as error:
            return str(error)

    with ThreadPoolExecutor() as pool:  # Pillow decodes outside Python's lock
        reasons = list(progress_bar(pool.map(reason, files), total=len(files), leave=False))
    return {file: why for file, why in zip(files, reasons) if why}


def readable_photos(path: str | Path) -> Photos:
    """Return the photos under `path` by split, why some cannot be opened, and sentences on what else is left out.

    Raises CliError unless there are two labels or more, each with at least MIN_PHOTOS photos to train on.
    """
    path, files = Path(path), get_photos(path)
    if not files:
        raise CliError(f"No photos under {path}. Put them in one folder a label: {path}/<label>/photo.jpg.")
    given = given_splits(path, files)
    if not given.train:
        raise CliError(f"No photos to train on under {path}, only a validation or test set. "
                       f"Put some in {path}/train/<label>/.")
    used = [*given.train, *given.valid, *given.test]
    unreadable = check_photos(used)
    photos = replace(given.filtered(lambda file: file not in unreadable), unreadable=unreadable)
    photos = without_copies(with_known_labels(photos)).saying(*folders_left_out(path, files), *names_left_out(path))
    _check_labels(path, sorted(set(map(parent_label, given.train))), photos)
    return photos


def _check_labels(path: Path, labels: Sequence[str], photos: Photos) -> None:
    """Raise CliError where there are fewer than two labels, or a label has too few photos to train on."""
    counts = Counter(map(parent_label, photos.train))
    few = [f"{label} ({counts[label]})" for label in labels if counts[label] < MIN_PHOTOS]
    if len(labels) < 2 or few:
        print_left_out(photos)
    if len(labels) < 2:
        raise CliError(f"Only one label under {path} has photos to train on: {labels[0]}. A classifier needs two or "
                       "more, a folder each.")
    if few:
        raise CliError(f"Too few readable photos under {path}: {', '.join(few)}. Each label needs at least "
                       f"{MIN_PHOTOS} to train on; add photos or take its folder away.")


def held_out(photos: Sequence[Path], hashes: Sequence[str]) -> list[Path]:
    """Return the photos whose SHA-256 is one of `hashes`; a file that cannot be read is none of them."""
    known = set(hashes)
    return [photo for photo in photos if known and os.access(photo, os.R_OK) and sha256(photo) in known]


def n_copies(files: Sequence[Path], most: int) -> int:
    """Return how many photos are copies of another one; most: see `copies.groups_of_copies`."""
    return sum(len(group) - 1 for group in groups_of_copies(files, most))


def validation_size(image_size: int) -> int:
    """Return the size at which a model that was trained on random crops sees whole photos."""
    return round(image_size * VALIDATED_LARGER)


def resizing(resize: str, image_size: int, larger: bool = True) -> list:
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


def get_dls(photos: Sequence[Path], resize: str = "random_crop", image_size: int = 224,
            valid_pct: float = 0.2, seed: int = 42, batch_size: int = 64,
            stats: tuple[list[float], list[float]] | None = None, grey: float = 0,
            keep: Sequence[str] = (), larger: bool = True, valid: Sequence[Path] = ()) -> DataLoaders:
    """Return the lesson's DataLoaders over `photos`, each labelled by the folder it lies in.

    resize: a key of RESIZES. stats: mean and standard deviation to normalise with. grey: probability, 0 to 1,
    that augmentation takes a photo's colours away. keep: see `splitter`. larger: see `resizing`.
    valid: a given validation set. Where there is one, it is the validation set, all other `photos` are trained on,
    and valid_pct, seed and keep split nothing.
    Raises CliError where a label has nothing left to train on.
    """
    files, given = sorted({*photos, *valid}), set(valid)
    split = splitter(valid_pct, seed, keep)(files) if not given else tuple(
        [i for i, file in enumerate(files) if (file in given) is held] for held in (False, True))
    block = DataBlock(
        blocks=(ImageBlock(photo_class(image_size)), CategoryBlock),
        splitter=lambda files: split,
        get_y=parent_label,
        item_tfms=resizing(resize, image_size, larger),
        batch_tfms=[*aug_transforms(xtra_tfms=[Saturation(p=grey, draw=0.0)] if grey else None),
                    *([Normalize.from_stats(*stats)] if stats else [])])
    if valid_pct and not given and (n := n_copies(files, len(split[1]))):
        print(f"{n} of the photos are copies of another one: each stays on that one's side of the split", flush=True)
    _check_split([parent_label(file) for file in files], *split)
    # more workers than this machine has cores only cost memory; photos are small and decoded fast
    return block.dataloaders(files, bs=min(batch_size, len(split[0])), num_workers=0)


def _check_split(labels: Sequence[str], train: Sequence[int], valid: Sequence[int]) -> None:
    """Raise CliError where a label has no photo to train on, or nothing is left to validate."""
    missing = sorted(set(labels) - {labels[i] for i in train})
    if missing:
        raise CliError(f"All photos of {', '.join(missing)} fell into validation: none is left to train on. "
                       "Add photos, or try another --seed, a smaller --valid-pct or --resplit.")
    if not valid:
        raise CliError("No photo is left to validate on: add photos, or try a larger --valid-pct.")


def thin(labels: Sequence[str]) -> list[str]:
    """Return the labels, sorted, that have fewer than THIN photos; labels: (N,) a label for each photo."""
    return sorted(label for label, n in Counter(labels).items() if n < THIN)


def imbalance(labels: Sequence[str]) -> float:
    """Return how many times as many photos the largest label has as the smallest: 1 where all have as many.

    labels: (N,) a label for each photo, one photo or more.
    """
    counts = Counter(labels).values()
    return max(counts) / min(counts)


def print_unreadable(unreadable: dict[Path, str]) -> None:
    """Name the files that were left out, and why."""
    for file, why in unreadable.items():
        print(f"left out: {file}: {why}")


def print_left_out(photos: Photos) -> None:
    """Name the files that cannot be opened, and say what else was left out, and why."""
    print_unreadable(photos.unreadable)
    for sentence in photos.ignored:
        print(sentence)


def table(photos: Photos) -> list[str]:
    """Return a line a label: its photos in all, or in each set under a line of names where folders give the sets."""
    sets = {name: Counter(map(parent_label, own)) for name, own in (
        ("train", photos.train), ("valid", photos.valid), ("test", photos.test)) if own}
    names = ["".join(f"{name:>6} " for name in sets) + "label"] if len(sets) > 1 else []
    return names + ["".join(f"{counts[label]:6} " for counts in sets.values()) + label
                    for label in sorted(sets["train"])]


@call_parse
def main(
    data:str, # folder of photos, one folder a label, or these in train, valid and test
):
    "Show what there is to train on: photos by label and split, and what is left out."
    photos = readable_photos(data)
    print_left_out(photos)
    print("\n".join(table(photos)))
    print(f"{len(photos.train) + len(photos.valid) + len(photos.test)} photos, "
          f"{len(set(map(parent_label, photos.train)))} labels, {len(photos.unreadable)} unreadable")
