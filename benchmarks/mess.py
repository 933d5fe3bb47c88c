"""Plant a known mess in a copy of a folder of photos: what web searches bring, with the truth kept.

    python -m benchmarks.mess ../shared/data/bears ../shared/data/not-bears OUT --seed 0

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
    crop = photo.crop((round(width * CROPPED_A_SIDE), round(height * CROPPED_A_SIDE),
                       round(width * (1 - CROPPED_A_SIDE)), round(height * (1 - CROPPED_A_SIDE))))
    scale = rng.uniform(0.5, 0.9)
    return crop.resize([max(1, round(side * scale)) for side in crop.size]), rng.randint(60, 85)


def broken_file(photo: bytes, kind: str) -> bytes:
    """Return what lies on the disk instead of the photo."""
    return {"truncated": photo[:len(photo) // 3], "html": HTML, "empty": b"", "text": b"not a photo\n" * 50}[kind]


def plant(data: Path, strangers: Path, out: Path, seed: int) -> Mess:
    """Copy the photos of `data` to `out`, make a mess of them there, and return what was done.

    Labels are swapped first, so copies may be of photos under a wrong label; half of the copies lie under a
    label other than their original's. Broken files are more files, not photos lost: truncated, HTML, empty, text.
    """
    rng, mess = random.Random(seed), Mess()
    shutil.copytree(data, out)
    labels = sorted({photo.parent.name for photo in get_photos(out)})
    n = len(get_photos(out))

    def free(label: str, suffix: str) -> Path:
        return out / label / f"{rng.getrandbits(64):016x}{suffix}"

    def other(label: str) -> str:
        return rng.choice([name for name in labels if name != label])

    for photo in rng.sample(get_photos(out), round(SWAPPED * n)):
        target = free(other(photo.parent.name), photo.suffix)
        photo.rename(target)
        mess.swapped[target] = photo.parent.name
    originals = rng.sample(get_photos(out), round(EXACT * n) + round(NEAR * n))
    for i, original in enumerate(originals):
        label = original.parent.name if i % 2 else other(original.parent.name)
        if i < round(EXACT * n):
            target = free(label, original.suffix)
            shutil.copy(original, target)
            mess.exact[target] = original
        else:
            target = free(label, ".jpg")
            copy, quality = near_copy(open_photo(original), rng)
            copy.save(target, quality=quality)
            mess.near[target] = original
    for copies in (mess.exact, mess.near):  # a copy's true label is its original's
        for copy, original in copies.items():
            truth = mess.swapped.get(original, original.parent.name)
            if truth != copy.parent.name:
                mess.swapped[copy] = truth
    kinds = ["truncated", "html", "empty", "text"]
    for i, photo in enumerate(rng.sample(get_photos(data), round(BROKEN * n))):
        target = free(photo.parent.name, ".jpg")
        target.write_bytes(broken_file(photo.read_bytes(), kinds[i % len(kinds)]))
        mess.broken[target] = kinds[i % len(kinds)]
    others = get_photos(strangers, labelled=False)
    for photo in rng.sample(others, min(len(others), round(STRANGERS * n))):
        target = free(rng.choice(labels), photo.suffix)
        shutil.copy(photo, target)
        mess.strangers.add(target)
    return mess


@call_parse
def main(
    data:str, # folder of good photos, one folder a label
    strangers:str, # folder of photos of anything else
    out:str, # folder to make, where the mess goes
    seed:int=0, # the same seed makes the same mess
):
    "Copy DATA to OUT and make a mess of it, for a look at what the stages find."
    if Path(out).exists():
        raise CliError(f"{out} exists already: name a folder to make.")
    mess = plant(Path(data), Path(strangers), Path(out), seed)
    print(f"{out}: {len(mess.swapped)} under a wrong label, {len(mess.exact)} exact and {len(mess.near)} near copies, "
          f"{len(mess.broken)} broken files, {len(mess.strangers)} strangers")
