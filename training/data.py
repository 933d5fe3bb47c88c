"""Photos in one folder a label, as `DataLoaders`: the lesson's DataBlock over the project's decoder.

Reads  DATA/<label>/*.jpg (any format that `classifier.photo` opens); a photo's label is the name of
       the folder it lies in, however deep
Gives  a fastai `DataLoaders`; the same photos and seed give the same split

    python -m training.data DATA      # what is there: photos by label, unreadable ones by name
"""
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import Normalize, RandomSplitter, get_files, image_extensions, parent_label
from fastai.vision.augment import CropPad, RandomResizedCrop, Resize, ResizeMethod, Saturation, aug_transforms
from fastai.vision.core import PILImage
from fastai.vision.data import ImageBlock
from fastcore.script import CliError, call_parse
from fastprogress import progress_bar
from torch.random import fork_rng

from classifier.photo import PhotoError, open_photo

from .copies import groups_of_copies
from .opened import OPENED

MIN_PHOTOS = 5  # of a label: fewer leave nothing to validate on
PHOTO_EXTENSIONS = image_extensions | {".heic", ".heif", ".avif", ".webp", ".jfif", ".ppm", ".pgm", ".pbm", ".pnm"}
RESIZES = {
    "random_crop": lambda size: RandomResizedCrop(size, min_scale=0.5),
    "crop": lambda size: Resize(size, ResizeMethod.Crop),
    "pad": lambda size: Resize(size, ResizeMethod.Pad, pad_mode="zeros"),
    "squish": lambda size: Resize(size, ResizeMethod.Squish),
}


VALIDATED_LARGER = 8 / 7  # than trained: random crops show things larger than they are (see `resizing`)
CUT_OFF = 1.14  # a random crop's validation leaves out the rim: fastai's own figure


def photo_class(side: int) -> type[PILImage]:
    """Return fastai's `PILImage`, opened by the project's one decoder, once, for a model that sees `side` pixels."""
    class Photo(PILImage):
        @classmethod
        def create(cls, source) -> PILImage:
            """Return the photo upright and in RGB, transparency on white; PhotoError if it cannot be."""
            return PILImage(OPENED.open(source, side))

    return Photo


def get_photos(path: str | Path, labelled: bool = True) -> list[Path]:
    """Return the photo files under `path`, sorted; hidden files and folders are left out.

    labelled: photos that lie in `path` itself, in no label's folder, are left out too.
    """
    path = Path(path)
    if not path.is_dir():
        raise CliError(f"There is no folder {path}. Put photos in {path}/<label>/.")
    found = (file for file in get_files(path, extensions=PHOTO_EXTENSIONS)
             if not (labelled and file.parent == path) and not file.name.startswith("."))
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


def readable_photos(path: str | Path) -> tuple[list[Path], dict[Path, str]]:
    """Return the photos under `path` that can be trained on, and why the others cannot be opened.

    Raises CliError unless there are two labels or more, each with at least MIN_PHOTOS photos.
    """
    files = get_photos(path)
    if not files:
        raise CliError(f"No photos under {path}. Put them in one folder a label: {path}/<label>/photo.jpg.")
    unreadable = check_photos(files)
    photos = [file for file in files if file not in unreadable]
    empty = (folder for folder in Path(path).iterdir() if folder.is_dir() and not folder.name.startswith(".")
             and not any(folder in file.parents for file in files))
    counts = Counter({label: 0 for label in [*map(parent_label, files), *(folder.name for folder in empty)]})
    counts.update(parent_label(file) for file in photos)
    if len(counts) < 2:
        raise CliError(f"Only one label under {path}: {next(iter(counts))}. A classifier needs two or more, "
                       "a folder each.")
    few = [f"{label} ({n})" for label, n in sorted(counts.items()) if n < MIN_PHOTOS]
    if few:
        print_unreadable(unreadable)
        raise CliError(f"Too few readable photos under {path}: {', '.join(few)}. "
                       f"Each label needs at least {MIN_PHOTOS}; add photos or take its folder away.")
    return photos, unreadable


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file's bytes: what names a photo whatever its folder."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def held_out(photos: Sequence[Path], hashes: Sequence[str]) -> list[Path]:
    """Return the photos whose SHA-256 is one of `hashes`; a file that cannot be read is none of them."""
    known = set(hashes)
    return [photo for photo in photos if known and os.access(photo, os.R_OK) and sha256(photo) in known]


def splitter(valid_pct: float = 0.2, seed: int = 42, keep: Sequence[str] = ()) -> Callable:
    """Return a fastai splitter: RandomSplitter's draw, except that validated photos stay validated.

    keep: SHA-256 of photos that an earlier run held out. They stay in validation, so that its figure
    and the new one can be compared; the rest is drawn from the other photos up to `valid_pct`.
    Copies of a photo go where it goes, unless they are all that a label has: a photo that was trained on
    tells nothing about new ones.
    """
    kept_hashes = set(keep)

    def split(files: Sequence[Path]) -> tuple[list[int], list[int]]:
        valid = {i for i, file in enumerate(files) if kept_hashes and sha256(Path(file)) in kept_hashes}
        n_valid = max(len(valid), int(valid_pct * len(files)))
        copies = {i: group for group in groups_of_copies(files, n_valid) for i in group}
        left = Counter(parent_label(file) for i, file in enumerate(files) if i not in valid)

        def hold_out(group: Sequence[int]) -> None:
            new = Counter(parent_label(files[i]) for i in group if i not in valid)
            if len(group) == 1 or all(left[label] > n for label, n in new.items()):
                valid.update(group)
                left.subtract(new)

        for i in sorted(valid & copies.keys()):
            hold_out(copies[i])
        rest = sorted(set(range(len(files))) - valid)
        missing = max(0, n_valid - len(valid))
        with fork_rng(devices=[]):  # RandomSplitter seeds torch for everybody
            others, drawn = RandomSplitter(missing / len(rest) + 1e-9, seed)(rest) if rest else ([], [])
        for i in (rest[j] for j in (*drawn, *others)):
            group = copies.get(i, [i])
            if i not in valid and len(valid) + len(group) <= n_valid:
                hold_out(group)
        return sorted(set(range(len(files))) - valid), sorted(valid)

    return split


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
    if resize != "random_crop" or not larger:
        return [RESIZES[resize](image_size)]
    size = validation_size(image_size)
    # fastai keeps one transform of a class: what its RandomResizedCrop does in validation, in two others
    tfms = RESIZES[resize](image_size), Resize(round(size * CUT_OFF), ResizeMethod.Squish), CropPad(size)
    for order, (tfm, split_idx) in enumerate(zip(tfms, (0, 1, 1)), start=1):
        tfm.split_idx, tfm.order = split_idx, order
    return list(tfms)


def get_dls(photos: Sequence[Path], resize: str = "random_crop", image_size: int = 224,
            valid_pct: float = 0.2, seed: int = 42, batch_size: int = 64,
            stats: tuple[list[float], list[float]] | None = None, grey: float = 0,
            keep: Sequence[str] = (), larger: bool = True) -> DataLoaders:
    """Return the lesson's DataLoaders over `photos`, each labelled by the folder it lies in.

    resize: a key of RESIZES. stats: mean and standard deviation to normalise with. grey: probability, 0 to 1,
    that augmentation takes a photo's colours away.
    keep: see `splitter`. larger: see `resizing`. Raises CliError where a label has nothing left to train on.
    """
    block = DataBlock(
        blocks=(ImageBlock(photo_class(image_size)), CategoryBlock),
        get_items=sorted,
        splitter=splitter(valid_pct, seed, keep),
        get_y=parent_label,
        item_tfms=resizing(resize, image_size, larger),
        batch_tfms=[*aug_transforms(xtra_tfms=[Saturation(p=grey, draw=0.0)] if grey else None),
                    *([Normalize.from_stats(*stats)] if stats else [])])
    train, valid = block.splitter(sorted(photos))
    if valid_pct and (n := n_copies(sorted(photos), len(valid))):
        print(f"{n} of the photos are copies of another one: each stays on that one's side of the split", flush=True)
    _check_split([parent_label(photo) for photo in sorted(photos)], train, valid)
    # more workers than this machine has cores only cost memory; photos are small and decoded fast
    return block.dataloaders(photos, bs=min(batch_size, len(train)), num_workers=0)


def _check_split(labels: Sequence[str], train: Sequence[int], valid: Sequence[int]) -> None:
    """Raise CliError where a label has no photo to train on, or nothing is left to validate."""
    missing = sorted(set(labels) - {labels[i] for i in train})
    if missing:
        raise CliError(f"All photos of {', '.join(missing)} fell into validation: none is left to train on. "
                       "Add photos, or try another --seed, a smaller --valid-pct or --resplit.")
    if not valid:
        raise CliError("No photo is left to validate on: add photos, or try a larger --valid-pct.")


def print_unreadable(unreadable: dict[Path, str]) -> None:
    """Name the files that were left out, and why."""
    for file, why in unreadable.items():
        print(f"left out: {file}: {why}")


@call_parse
def main(
    data:str, # folder of photos, one folder a label
):
    "Show what there is to train on: photos by label, and what cannot be opened."
    photos, unreadable = readable_photos(data)
    print_unreadable(unreadable)
    for label, n in sorted(Counter(map(parent_label, photos)).items()):
        print(f"{n:6} {label}")
    print(f"{len(photos)} photos, {len(set(map(parent_label, photos)))} labels, {len(unreadable)} unreadable")
