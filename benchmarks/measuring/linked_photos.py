"""Many photos of a few, as links: what a command does with the number of photos shows, and the disk holds them once."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from classifier.photo import open_photo

IN_A_FOLDER = 1000


def link(photos: Sequence[Path], folder: Path, n: int) -> Path:
    """Link photos, again and again, until a folder has n, a thousand in each of its own; return the folder."""
    for i, photo in enumerate(itertools.islice(itertools.cycle(photos), n)):
        target = folder / f"{i // IN_A_FOLDER:04}" / f"{i:07}{photo.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(photo, target)
        except OSError:  # another disk, or as many links as this one takes
            target.symlink_to(photo)
    return folder


def shrink(photos: Sequence[Path], folder: Path, side: int) -> list[Path]:
    """Write small copies of photos to a folder, and return them. side: pixels of the longer side."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, photo in enumerate(photos):
        picture = open_photo(photo)
        picture.thumbnail((side, side))
        picture.save(folder / f"{i}.jpg")
    return sorted(folder.iterdir())
