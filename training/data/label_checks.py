"""Check whether each label of a data set has the photos that a training needs.

Gives  a sentence on what is missing, for the error of `training.data.photos.readable_photos`
"""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from .files import parent_label
from .labels import FILE_NAME, Labels
from .splits import Photos, n_photos

MIN_PHOTOS = 5  # of a label: fewer leave nothing to validate with
WORDS_FOR_NONE = {"none", "none of these", "none of them", "no label", "nothing", "null", "nan", "n/a"}


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


def same_photos_note(path: Path, groups: Sequence[Sequence[Path]], labels: Labels) -> str:
    """Return a sentence on photos that are there more than once, with different labels; "" where none is.

    groups: of the files with the same content and different labels.
    """
    if not groups:
        return ""
    if labels.multi_label:
        first, second = groups[0][0], next(file for file in groups[0] if labels(file) != labels(groups[0][0]))
        pair = " and ".join(f"{file.relative_to(path)} ({labels.text(file) or 'no label'})" for file in (first, second))
        return (
            f"{n_photos(len(groups))} {'has' if len(groups) == 1 else 'have'} several files with different labels in "
            f"{FILE_NAME}: the same photo is {pair}. Correct the rows, or move the copies away."
        )
    names = ", ".join(sorted({parent_label(file) for file in groups[0]}))
    return (
        f"{n_photos(len(groups))} {'lies' if len(groups) == 1 else 'lie'} in folders of several labels, such as "
        f"{groups[0][0].name} in {names}. If these are photos with several labels: `python -m training.gather "
        f"--source {path} --labels-per-photo several --out NEW`."
    )


def named_none_note(labels: Collection[str], several: bool) -> str:
    """Return a sentence on labels whose name reads as if a photo had none, such as None; "" where none is.

    several: whether photos may have several labels, or none.
    """
    names = sorted(label for label in labels if label.replace("_", " ").casefold() in WORDS_FOR_NONE)
    if not names:
        return ""
    instead = (
        "A photo that shows none of the labels has an empty cell instead."
        if several
        else "Photos of other things need no label: the app recognises photos that are unlike those it learned from."
    )
    return f"{', '.join(names)} is taken for the name of a label, as any other. {instead}"
