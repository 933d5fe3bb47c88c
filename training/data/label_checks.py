"""Check whether each label of a data set has the photos that a training needs.

Gives  a sentence on what is missing, for the error of `training.data.photos.readable_photos`
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .files import parent_label
from .labels import FILE_NAME
from .splits import Photos, n_photos

MIN_PHOTOS = 5  # of a label: fewer leave nothing to validate with


def problem_with_labels(path: Path, labels: Sequence[str], photos: Photos) -> str:
    """Return why nothing can be trained on these photos, "" where all is well.

    labels: all labels of photos to train on, with those of photos that cannot be opened. One is enough where photos
    may have none.
    """
    counts = Counter(label for file in photos.train for label in photos.labels(file))
    few = [f"{label} ({counts[label]})" for label in labels if counts[label] < MIN_PHOTOS]
    if too_few_labels := _too_few_labels(path, labels, photos):
        return too_few_labels
    if few:
        away = f"take it out of {FILE_NAME}" if photos.labels.multi_label else "take its folder away"
        return (
            f"Too few readable photos under {path}: {', '.join(few)}. Each label needs at least "
            f"{MIN_PHOTOS} to train on; add photos or {away}."
        )
    return ""


def _too_few_labels(path: Path, labels: Sequence[str], photos: Photos) -> str:
    """Return a sentence where there is nothing to tell apart, else ""."""
    if len(labels) > 1:
        return ""
    if not photos.labels.multi_label:
        return (
            f"Only one label under {path} has photos to train on: {labels[0]}. A classifier needs two or "
            "more, a folder each."
        )
    if not labels:
        return f"No photo to train on has a label in {path / FILE_NAME}."
    without = sum(not photos.labels(file) for file in photos.train)
    if without < MIN_PHOTOS:
        return (
            f"{path / FILE_NAME} has one label, {labels[0]}, and {n_photos(without)} to train on without it. Add "
            f"photos without it, {MIN_PHOTOS} or more, or a second label."
        )
    return ""


def labels_of_all(photos: Photos) -> list[str]:
    """Return the labels that every photo to train on has, where photos may have several: nothing tells them apart."""
    if not photos.labels.multi_label or not photos.train:
        return []
    return sorted(set.intersection(*(set(photos.labels(file)) for file in photos.train)))


def same_photos_note(path: Path, groups: Sequence[Sequence[Path]]) -> str:
    """Return a sentence on photos that lie in folders of several labels, "" where none does.

    groups: of the files with the same content and several labels.
    """
    if not groups:
        return ""
    first = ", ".join(sorted({parent_label(file) for file in groups[0]}))
    return (
        f"{n_photos(len(groups))} {'lies' if len(groups) == 1 else 'lie'} in folders of several labels, such as "
        f"{groups[0][0].name} in {first}. If these are photos with several labels: `python -m training.gather "
        f"--source {path} --labels-per-photo several --out NEW`."
    )
