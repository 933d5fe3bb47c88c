"""Cleaners over photos that no model looked at, for the tests of what is decided about them."""

from pathlib import Path

from classifier.files import sha256
from training.clean.review import ReviewedPhoto
from training.clean.session import Cleaner
from training.data.photos import get_photos

LABELS = ["blue", "green", "red"]


def reviewed(file: Path, suspicion: float = 0.5, split: str = "train") -> ReviewedPhoto:
    label = file.parent.name
    probabilities = {other: 0.8 if other == label else 0.1 for other in LABELS}
    return ReviewedPhoto(file, sha256(file), split, probabilities, label, suspicion, "odd")


def open_cleaner(data: Path) -> Cleaner:
    files = get_photos(data)
    return Cleaner(
        data,
        [reviewed(file, 1 - i / len(files), "valid" if i % 4 == 3 else "train") for i, file in enumerate(files)],
        LABELS,
    )


def id_of(cleaner: Cleaner, name: str) -> str:
    return next(key for key, photo in cleaner.by_id.items() if f"{photo.label}/{photo.file.name}" == name)


def names(folder: Path) -> list[str]:
    return [f"{file.parent.name}/{file.name}" for file in get_photos(folder)]
