"""Data sets with photos that have no label yet, and cleaners of them that no model looked at."""

from pathlib import Path

from helpers.cleaners import LABELS, reviewed, reviewed_listed
from helpers.photos import COLOURS, noisy_photo
from training.clean.multi_label_session import MultiLabelCleaner
from training.clean.review.reviewed_photo import ReviewedPhoto
from training.clean.session import Cleaner
from training.data.files import INBOX
from training.data.labels import read_labels
from training.data.photos import get_photos, inbox_photos


def put(data: Path, n: int = 3) -> list[Path]:
    (data / INBOX).mkdir()
    files = [data / INBOX / f"new-{i}.png" for i in range(n)]
    for i, file in enumerate(files):
        noisy_photo(list(COLOURS.values())[i % 3], 700 + i).save(file)
    return files


def waiting(file: Path, place: int, photo: ReviewedPhoto) -> ReviewedPhoto:
    """Return a photo as one without a label, of which the export thinks blue."""
    photo.inbox, photo.reviewed_label, photo.reviewed_suspicion = file.parent, "", 1 - place / 10
    photo.probabilities = {"blue": 0.6, "green": 0.3, "red": 0.1}
    return photo


def opened(data: Path) -> Cleaner:
    photos = [reviewed(file) for file in get_photos(data)]
    return Cleaner(
        data, [*photos, *(waiting(file, i, reviewed(file)) for i, file in enumerate(inbox_photos(data)))], LABELS
    )


def ids(cleaner: Cleaner) -> list[str]:
    return [name for name, *_ in cleaner.select(INBOX)]


def opened_several(data: Path) -> MultiLabelCleaner:
    labels = read_labels(data)
    photos = [reviewed_listed(file, labels(file)) for file in get_photos(data)]
    for i, file in enumerate(inbox_photos(data)):
        photos.append(waiting(file, i, reviewed_listed(file, (), likely="blue|red")))
    return MultiLabelCleaner(data, photos, LABELS)
