"""Pictures with two labels, composed of photos with one: to measure models of several labels on real photos."""

import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from classifier.photo import open_photo
from training.data.labels import ListedPhoto, write_labels

SHARE_OF_PAIRS = 0.5  # of the pictures
HALF = (240, 320)  # width and height of a photo in a pair


def compose(folders: dict[str, Sequence[Path]], out: Path, n: int, seed: int, split: str = "train") -> None:
    """Write n pictures to `out`, each of them a photo or a pair of two labels' photos, and labels.csv.

    folders: the photos of each label. A pair's photos stand side by side; the same seed gives the same pictures.
    """
    rng, listed = random.Random(seed), {}
    (out / "photos").mkdir(parents=True, exist_ok=True)
    for i in range(n):
        labels = rng.sample(sorted(folders), 2 if rng.random() < SHARE_OF_PAIRS else 1)
        photos = [open_photo(rng.choice(folders[label])) for label in labels]
        file = out / "photos" / f"{split}-{i:05}.jpg"
        (photos[0] if len(photos) == 1 else side_by_side(*photos)).save(file, quality=90)
        listed[file] = ListedPhoto(tuple(sorted(labels)), split)
    write_labels(out, listed)


def side_by_side(left: Image.Image, right: Image.Image) -> Image.Image:
    """Return two photos as one, each the middle of the photo at 3 to 4."""
    picture = Image.new("RGB", (2 * HALF[0], HALF[1]))
    for i, photo in enumerate((left, right)):
        picture.paste(ImageOps.fit(photo, HALF), (i * HALF[0], 0))
    return picture
