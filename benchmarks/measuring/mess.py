"""Plant a known mess in a copy of a folder of photos: what web searches bring, with the truth kept.

    python -m benchmarks.measuring.mess ../shared/data/bears ../shared/data/not-bears OUT --seed 0

Shares are of the good photos. `Mess` remembers what was done to which file, by its path within the folder.
"""

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from fastcore.script import CliError, call_parse
from PIL import Image

from classifier.photo import open_photo
from training.data.photos import get_photos

SWAPPED, EXACT, NEAR, BROKEN, STRANGERS = 0.10, 0.05, 0.05, 0.03, 0.05
CROPPED_A_SIDE = 0.025
HTML = b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body>Hotlinking is off.</body></html>"


@dataclass
class Mess:
    """What was planted; every path is that of a file in the messy folder."""

    swapped: dict[Path, str] = field(default_factory=dict)  # its true label
    exact: dict[Path, Path] = field(default_factory=dict)  # of which file
    near: dict[Path, Path] = field(default_factory=dict)
    broken: dict[Path, str] = field(default_factory=dict)  # how
    strangers: set[Path] = field(default_factory=set)

    def true_label(self, photo: Path) -> str | None:
        """Return the label that a person would give the photo; None for what is none of the labels."""
        if photo in self.strangers:
            return None
        return self.swapped.get(photo, photo.parent.name)


def near_copy(photo: Image.Image, rng: random.Random) -> tuple[Image.Image, int]:
    """Return the photo cropped by 2.5% a side and rescaled, and the JPEG quality to save it with."""
    width, height = photo.size
    crop = photo.crop(
        (
            round(width * CROPPED_A_SIDE),
            round(height * CROPPED_A_SIDE),
            round(width * (1 - CROPPED_A_SIDE)),
            round(height * (1 - CROPPED_A_SIDE)),
        )
    )
    scale = rng.uniform(0.5, 0.9)
    return crop.resize([max(1, round(side * scale)) for side in crop.size]), rng.randint(60, 85)


def broken_file(photo: bytes, kind: str) -> bytes:
    """Return what lies on the disk instead of the photo."""
    return {"truncated": photo[: len(photo) // 3], "html": HTML, "empty": b"", "text": b"not a photo\n" * 50}[kind]


def plant(data: Path, strangers: Path, out: Path, seed: int) -> Mess:
    """Copy the photos of `data` to `out`, make a mess of them there, and return what was done.

    Labels are swapped first, so copies may be of photos under a wrong label; half of the copies lie under a
    label other than their original's. Broken files are more files, not photos lost: truncated, HTML, empty, text.
    """
    shutil.copytree(data, out)
    planter = Planter(out, random.Random(seed))
    planter.swap_labels()
    planter.add_copies()
    planter.add_broken_files(get_photos(data))
    planter.add_strangers(get_photos(strangers, labelled=False))
    return planter.mess


class Planter:
    """Makes a mess of a folder of photos, one kind of it at a time, and notes the truth in `mess`."""

    def __init__(self, folder: Path, rng: random.Random):
        self.folder, self.rng, self.mess = folder, rng, Mess()
        self.n = len(get_photos(folder))  # photos before the mess: shares are of these
        self.labels = sorted({photo.parent.name for photo in get_photos(folder)})

    def swap_labels(self) -> None:
        """Move photos to the folder of another label."""
        for photo in self.rng.sample(get_photos(self.folder), round(SWAPPED * self.n)):
            target = self._free(self._other(photo.parent.name), photo.suffix)
            photo.rename(target)
            self.mess.swapped[target] = photo.parent.name

    def add_copies(self) -> None:
        """Add exact and near copies of photos."""
        n_exact = round(EXACT * self.n)
        originals = self.rng.sample(get_photos(self.folder), n_exact + round(NEAR * self.n))
        for i, original in enumerate(originals):
            label = original.parent.name if i % 2 else self._other(original.parent.name)
            if i < n_exact:
                target = self._free(label, original.suffix)
                shutil.copy(original, target)
                self.mess.exact[target] = original
            else:
                target = self._free(label, ".jpg")
                copy, quality = near_copy(open_photo(original), self.rng)
                copy.save(target, quality=quality)
                self.mess.near[target] = original
        for copies in (self.mess.exact, self.mess.near):  # a copy's true label is its original's
            for copy, original in copies.items():
                truth = self.mess.swapped.get(original, original.parent.name)
                if truth != copy.parent.name:
                    self.mess.swapped[copy] = truth

    def add_broken_files(self, photos: list[Path]) -> None:
        """Add files that cannot be opened; photos: what they are made from."""
        kinds = ["truncated", "html", "empty", "text"]
        for i, photo in enumerate(self.rng.sample(photos, round(BROKEN * self.n))):
            target = self._free(photo.parent.name, ".jpg")
            target.write_bytes(broken_file(photo.read_bytes(), kinds[i % len(kinds)]))
            self.mess.broken[target] = kinds[i % len(kinds)]

    def add_strangers(self, photos: list[Path]) -> None:
        """Add photos of other things."""
        for photo in self.rng.sample(photos, min(len(photos), round(STRANGERS * self.n))):
            target = self._free(self.rng.choice(self.labels), photo.suffix)
            shutil.copy(photo, target)
            self.mess.strangers.add(target)

    def _free(self, label: str, suffix: str) -> Path:
        return self.folder / label / f"{self.rng.getrandbits(64):016x}{suffix}"

    def _other(self, label: str) -> str:
        return self.rng.choice([name for name in self.labels if name != label])


@call_parse
def main(
    data: str,  # folder of good photos, one folder a label
    strangers: str,  # folder of photos of anything else
    out: str,  # folder to make, where the mess goes
    seed: int = 0,  # the same seed makes the same mess
):
    "Copy DATA to OUT and make a mess of it, for a look at what the stages find."
    if Path(out).exists():
        raise CliError(f"{out} exists already: name a folder to make.")
    mess = plant(Path(data), Path(strangers), Path(out), seed)
    print(
        f"{out}: {len(mess.swapped)} under a wrong label, {len(mess.exact)} exact and {len(mess.near)} near copies, "
        f"{len(mess.broken)} broken files, {len(mess.strangers)} strangers"
    )
