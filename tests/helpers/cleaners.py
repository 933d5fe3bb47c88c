"""Cleaners over photos that no model looked at, for the tests of what is decided about them."""

from pathlib import Path

from classifier.files import sha256
from helpers.photos import noisy_photo
from training.clean.multi_label_session import MultiLabelCleaner
from training.clean.review.multi_label_photo import MultiLabelPhoto
from training.clean.review.reviewed_photo import ReviewedPhoto
from training.clean.session import Cleaner
from training.data.labels import ListedPhoto, read_labels, write_labels
from training.data.photos import get_photos
from training.feedback import suggested_labels
from training.journal.label_edits import labels_of

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


def reviewed_listed(file: Path, labels: tuple[str, ...], suspicion: float = 0.5, likely: str = "") -> MultiLabelPhoto:
    """Return a photo with several labels of which the export is sure."""
    probabilities = {other: 0.9 if other in labels else 0.1 for other in LABELS}
    photo = MultiLabelPhoto(file, sha256(file), "", probabilities, "|".join(labels), suspicion, "odd")
    photo.thresholds, photo.labels_now, photo.likely = dict.fromkeys(LABELS, 0.5), labels, likely or "|".join(labels)
    return photo


def open_multi_label_cleaner(data: Path) -> MultiLabelCleaner:
    """Return a cleaner of the photos that labels.csv names, and of users' suggestions."""
    files, labels = get_photos(data), read_labels(data)
    suggestions = []
    for file, own in suggested_labels(data).items():
        suggestions.append(reviewed_listed(file, own, 1.0))
        suggestions[-1].from_user = True
    photos = [reviewed_listed(file, labels(file), 1 - i / len(files)) for i, file in enumerate(files)]
    return MultiLabelCleaner(data, [*suggestions, *photos], LABELS)


def listed_id(cleaner: Cleaner, name: str) -> str:
    return next(key for key, photo in cleaner.by_id.items() if photo.file.name == name)


ROWS = {"0": "red", "1": "blue|red", "2": "", "3": "green"}


def write(data: Path, rows: dict[str, str]) -> None:
    """Write labels.csv, as its owner may do at any time."""
    write_labels(data, {data / "photos" / f"{name}.png": ListedPhoto(labels_of(text)) for name, text in rows.items()})


def rows(data: Path) -> dict[str, str]:
    """Return the labels in labels.csv, by the photo's name."""
    labels = read_labels(data)
    return {file.stem: labels.text(file) for file in labels.listed}


def listed_photos(data: Path) -> Path:
    """Write a photo for each of ROWS, and labels.csv; return the folder."""
    (data / "photos").mkdir(parents=True)
    for name in ROWS:
        noisy_photo((90, 90, 90), int(name)).save(data / "photos" / f"{name}.png")
    write(data, ROWS)
    return data
