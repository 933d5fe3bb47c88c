"""Whether `training.verify` finds a shortcut that was planted in a label, and names none where there is none.

    python -m benchmarks.shortcuts ../shared/data/bears ../shared/data/clothing/train ../shared/data/insects/train

Each draw takes half of the photos of a set and one of its labels; then all photos of that label are changed in one
way, as a camera, a source or a season would: brighter, in a frame, smaller, blurred, warmer, or cut to squares. The
same half without a change tells what is found by itself.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from fastcore.script import call_parse
from fastprogress import progress_bar
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from classifier.photo import open_photo
from training.data.contents import INSPECTED_SIDE
from training.data.photos import get_photos
from training.data.traits import traits_of
from training.verify.shortcuts import Shortcut, find_shortcuts


def _squared(photo: Image.Image) -> Image.Image:
    return ImageOps.fit(photo, (min(photo.size), min(photo.size)))


def _warmer(photo: Image.Image) -> Image.Image:
    red, green, blue = photo.split()
    return Image.merge("RGB", (red.point(lambda value: min(255, value * 1.35)), green, blue.point(lambda v: v * 0.7)))


PLANTED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(2),
    "black frame": lambda photo: ImageOps.expand(photo, max(4, min(photo.size) // 20), "black"),
    "white frame": lambda photo: ImageOps.expand(photo, max(4, min(photo.size) // 20), "white"),
    "smaller": lambda photo: photo.reduce(2),
    "blurred": lambda photo: photo.filter(ImageFilter.GaussianBlur(max(photo.size) / 150)),
    "warmer": _warmer,
    "in grey": lambda photo: photo.convert("L").convert("RGB"),
    "square": _squared,
}


def traits_after(file: Path, change: Callable[[Image.Image], Image.Image] | None) -> tuple[float, ...]:
    """Return the traits of a photo, changed or as it is."""
    photo = open_photo(file)
    photo = change(photo) if change else photo
    size = photo.size
    photo.thumbnail((INSPECTED_SIDE, INSPECTED_SIDE))
    return traits_of(photo, size)


def draw(files: Sequence[Path], way: str, rng: random.Random) -> tuple[list[Shortcut], list[Shortcut], str]:
    """Return what is found without and with a change of a random label, and that label."""
    chosen = sorted(rng.sample(list(files), len(files) // 2))
    labels = [(file.parent.name,) for file in chosen]
    planted = rng.choice(sorted({label for (label,) in labels}))
    plain = np.array([traits_after(file, None) for file in chosen])
    changed = plain.copy()
    for i, file in enumerate(chosen):
        if labels[i] == (planted,):
            changed[i] = traits_after(file, PLANTED[way])
    return find_shortcuts(plain, labels), find_shortcuts(changed, labels), planted


@call_parse
def main(
    *data: str,  # folders of photos, one folder a label
    draws: int = 2,  # of each way and set
    seed: int = 0,  # of the draws
):
    "Print in how many draws a planted shortcut is found, by way and set, and what is found without one."
    rng = random.Random(seed)
    print(f"{'planted':14}" + "".join(f"{Path(folder).parent.name + '/' + Path(folder).name:>22}" for folder in data))
    all_found, by_itself = [], set()
    for way in progress_bar(list(PLANTED), leave=False):
        cells = []
        for folder in data:
            found = []
            for _ in range(draws):
                before, after, label = draw(get_photos(folder), way, rng)
                by_itself |= {f"{folder}: {shortcut.label}, {shortcut.trait}" for shortcut in before}
                found.append(any(shortcut.label == label for shortcut in after))
            cells.append(f"{sum(found)} of {draws}")
            all_found += found
        print(f"{way:14}" + "".join(f"{cell:>22}" for cell in cells))
    print(f"{sum(all_found)} of {len(all_found)} found; without any: {'; '.join(sorted(by_itself)) or 'none'}")
