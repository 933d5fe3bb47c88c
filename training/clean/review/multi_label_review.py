"""Review photos that may have several labels, or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fastcore.script import CliError

from classifier import Classifier
from training.data.files import folder_name
from training.data.labels import SEPARATOR

from .analysis import PhotoAnalysis
from .copies import find_copies
from .multi_label_errors import PhotoLabels, rank_multi_label_suspects
from .multi_label_photo import MultiLabelPhoto

PLAIN_THRESHOLD = 0.5  # of an export that gives one label a photo: that label, where it is more probable than not


@dataclass(frozen=True)
class Opinion:
    """How an export answers."""

    labels: Sequence[str]
    thresholds: Mapping[str, float]  # probabilities above them are its answer

    @classmethod
    def of(cls, classifier: Classifier) -> "Opinion":
        """Return how a classifier answers; one that gives one label a photo may be asked too."""
        plain = dict.fromkeys(classifier.labels, PLAIN_THRESHOLD)
        return cls(classifier.labels, classifier.thresholds if classifier.multi_label else plain)


def can_be_listed(label: str) -> bool:
    """Return whether labels.csv can have a label: an export that others made may have any text."""
    try:
        return folder_name(label) == label
    except CliError:
        return False


def review_listed_photos(
    analyses: dict[Path, PhotoAnalysis],
    opinion: Opinion,
    labels: Mapping[Path, PhotoLabels],
    held_out: set[str],
) -> list[MultiLabelPhoto]:
    """Return the photos, the most suspicious first; held_out: SHA-256 of validation photos."""
    if not analyses:
        return []
    suspects = rank_multi_label_suspects(
        list(analyses),
        [labels[file] for file in analyses],
        np.stack([analysis.features for analysis in analyses.values()]),
        [analysis.sha256 for analysis in analyses.values()],
        find_copies(analyses, labels.__getitem__, name_labels=True),
    )
    reviewed = []
    for suspect in suspects:
        analysis, own = analyses[suspect.file], labels[suspect.file]
        split = ("valid" if analysis.sha256 in held_out else "train") if held_out else ""
        unknown = [f"the export knows no label {label}" for label in own if label not in opinion.labels]
        reason = "; ".join(filter(None, [suspect.reason, *unknown]))
        photo = _reviewed(suspect.file, analysis, opinion, own, split, suspect.suspicion, reason)
        photo.likely = suspect.likely
        reviewed.append(photo)
    return reviewed


def review_listed_suggestions(
    suggested: dict[Path, PhotoAnalysis],
    reasons: dict[Path, str],
    others: dict[Path, PhotoAnalysis],
    opinion: Opinion,
    labels: Mapping[Path, PhotoLabels],
) -> list[MultiLabelPhoto]:
    """Return users' suggestions, each with its reason, and of which photo it is a copy.

    No other photo judged them: likely is what the export says.
    """
    analyses = {**others, **suggested}
    copies = find_copies(analyses, labels.__getitem__, name_labels=True) if suggested else {}
    reviewed = []
    for file, analysis in suggested.items():
        reason = reasons[file] + (f"; a copy {copies[file]}" if file in copies else "")
        photo = _reviewed(file, analysis, opinion, labels[file], "", 1.0, reason)
        photo.from_user = True
        photo.likely = SEPARATOR.join(sorted(filter(can_be_listed, photo.answer)))
        reviewed.append(photo)
    return reviewed


def _reviewed(
    file: Path,
    analysis: PhotoAnalysis,
    opinion: Opinion,
    labels: PhotoLabels,
    split: str,
    suspicion: float,
    reason: str,
) -> MultiLabelPhoto:
    probabilities = dict(zip(opinion.labels, map(float, analysis.probabilities)))
    photo = MultiLabelPhoto(
        file, analysis.sha256, split, probabilities, SEPARATOR.join(labels), suspicion, reason, labels_now=labels
    )
    photo.thresholds = dict(opinion.thresholds)
    return photo
