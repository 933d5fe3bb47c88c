"""Find the training photos that a photo of the report resembles most, for its card.

Reads  what the export tells of the photos that it learned from, and these photos where they are still there
Gives  what `sections.html` shows of each
"""

import base64
from pathlib import Path
from typing import Any

from classifier import Classifier
from classifier.photo import PhotoError
from training.train.neighbours import name_of, thumbnail

N_SHOWN = 3


def resembling(classifier: Classifier, data: Path, file: Path) -> list[dict[str, Any]]:
    """Return the training photos nearest to a photo, itself left out; [] for an export that names none.

    Each has name, labels, similarity and url: a small picture, of the file below `data` or of the export, or "".
    """
    features = classifier.predict_with_features(file)[1]
    if classifier.neighbours is None or features is None:
        return []
    itself = name_of(file, data)
    found = [one for one in classifier.neighbours.nearest(features, N_SHOWN + 1) if one.file != itself]
    return [
        {
            "name": one.file,
            "labels": ", ".join(one.labels) or "none of the labels",
            "similarity": one.similarity,
            "url": picture_url(_file_below(data, one.file), classifier.neighbours.picture(one)),
        }
        for one in found[:N_SHOWN]
    ]


def _file_below(data: Path, name: str) -> Path | None:
    """Return the file of that name below a folder; None for a name that leads out of it, or to nothing."""
    file = data / name
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts
    return file if inside and file.is_file() else None


def picture_url(file: Path | None, kept: bytes | None) -> str:
    """Return a small picture as a data URL: of a file, or the one that the export keeps; "" where there is neither."""
    picture = kept
    if file:
        try:
            picture = thumbnail(file)
        except PhotoError:  # it was changed since
            picture = kept
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}" if picture else ""
