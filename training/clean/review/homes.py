"""Find the folder that a photo goes to when it gets its first label.

Reads  where the photos lie that have a label
"""

from collections.abc import Iterable
from pathlib import Path

from training.data.splits import split_of

from .reviewed_photo import ReviewedPhoto


class Homes:
    """The folder of each label's photos to train on: DATA/<label>, or DATA/train/<label> where there are sets."""

    def __init__(self, data: Path, photos: Iterable[ReviewedPhoto]):
        self._data = data
        self._of_label = {
            photo.label: photo.file.parent
            for photo in photos
            if not (photo.suggested or photo.unlabelled)
            and {split_of(part) for part in photo.file.relative_to(data).parts[:-2]}.isdisjoint(("valid", "test"))
        }

    def of(self, label: str) -> Path:
        """Return the folder of a label; for a new label one beside the others."""
        return self._of_label.get(label) or next(iter(self._of_label.values()), self._data / label).with_name(label)
