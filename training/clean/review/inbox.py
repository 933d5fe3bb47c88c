"""Review the photos of an inbox, which have no label yet: those first whose label teaches the model most.

Reads  what the export says of the photos in DATA/_inbox, and of those that have a label
Gives  a `ReviewedPhoto` of each, but for copies; a `MultiLabelPhoto` where photos may have several labels
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier import Classifier
from classifier.inference.confidence import familiarity
from training.data.labels import SEPARATOR
from training.next_photos import doubt_of_one_label, doubt_of_several_labels, find_copies, next_photos

from .analysis import PhotoAnalysis
from .multi_label_photo import MultiLabelPhoto
from .multi_label_review import Opinion, can_be_listed
from .reviewed_photo import ReviewedPhoto

IN_DOUBT = 0.5  # from which on a photo's reason names what the model hesitates between
STRANGE = "unlike the photos that the model learned from: perhaps none of the labels"


def review_inbox(
    classifier: Classifier,
    folder: Path,
    inbox: dict[Path, PhotoAnalysis],
    labelled: dict[Path, PhotoAnalysis],
    several: bool = False,
    suggests: bool = True,
) -> list[ReviewedPhoto]:
    """Return the photos of an inbox, the one that teaches most first; copies of others are left out.

    folder: the inbox; several: whether photos may have several labels, or none; suggests: whether the export knows
    labels of this data set: if not, distance alone counts.
    """
    if not inbox:
        return []
    copies = find_copies([one.hashes for one in inbox.values()], [one.hashes for one in labelled.values()])
    files = [file for i, file in enumerate(inbox) if i not in copies.of_labelled | copies.of_others]
    if not files:
        return []
    opinion, features = Opinion.of(classifier), np.stack([inbox[file].features for file in files])
    doubt = np.ones(len(files))
    if suggests:
        doubt = _doubt(classifier, np.stack([inbox[file].probabilities for file in files]))
    reference = [one.features for one in labelled.values()]
    familiar = _familiar(classifier, features) if suggests else None
    order = next_photos(doubt, features, np.stack(reference) if reference else features[:0], familiar)
    found: list[ReviewedPhoto] = []
    for place, i in enumerate(order):
        photo = _photo(files[i], inbox[files[i]], opinion, several, suggests)
        photo.inbox, photo.reviewed_suspicion = folder, 1 - place / len(order)
        photo.reviewed_reason = _reason(photo, doubt[i], familiar is None or bool(familiar[i]), suggests)
        found.append(photo)
    return found


def _doubt(classifier: Classifier, probabilities: np.ndarray) -> np.ndarray:
    """Return (N,) how unsure an export is of photos, 0 to 1."""
    if classifier.multi_label:
        thresholds = np.array([classifier.thresholds[label] for label in classifier.labels])
        return doubt_of_several_labels(probabilities, thresholds)
    return doubt_of_one_label(probabilities)


def _familiar(classifier: Classifier, features: np.ndarray) -> np.ndarray | None:
    """Return (N,) whether photos are familiar; None where the export cannot tell."""
    known = classifier.familiarity
    return None if known is None else familiarity(features, known.reference, known.k) >= known.threshold


def _photo(file: Path, analysis: PhotoAnalysis, opinion: Opinion, several: bool, suggests: bool) -> ReviewedPhoto:
    """Return a photo without a label; what an export of other labels says of it is left out."""
    probabilities = dict(zip(opinion.labels, map(float, analysis.probabilities))) if suggests else {}
    if not several:
        return ReviewedPhoto(file, analysis.sha256, "", probabilities, "", 0, "")
    photo = MultiLabelPhoto(file, analysis.sha256, "", probabilities, "", 0, "")
    photo.thresholds = dict(opinion.thresholds)
    photo.likely = SEPARATOR.join(sorted(filter(can_be_listed, photo.answer)))
    return photo


def _reason(photo: ReviewedPhoto, doubt: float, familiar: bool, suggests: bool) -> str:
    """Return why a photo has its place in the order."""
    if not suggests:
        return "it resembles photos that have no label, and none that has one"
    if not familiar:
        return STRANGE
    if doubt < IN_DOUBT:
        return "the model is rather sure of it"
    return f"the model is in doubt: {_between(photo)}"


def _between(photo: ReviewedPhoto) -> str:
    """Return what the model hesitates between, with probabilities."""
    by_label = photo.probabilities
    if isinstance(photo, MultiLabelPhoto):
        nearest: Sequence[str] = sorted(by_label, key=lambda label: abs(by_label[label] - photo.thresholds[label]))[:1]
    else:
        nearest = sorted(by_label, key=lambda label: -by_label[label])[:2]
    return " or ".join(f"{label} ({by_label[label]:.0%})" for label in nearest)
