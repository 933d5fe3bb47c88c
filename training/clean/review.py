"""Review labelled photos with an export before a person looks at them: each with its prediction, and how suspicious.

Reads  photos in one folder a label, an export, metrics.json beside it where there is one
Gives  `ReviewedPhoto`s, the most suspicious first
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log
from pathlib import Path

import numpy as np
from fastcore.script import CliError

from classifier.files import sha256
from training.data.duplicates import find_near_pairs
from training.data.files import parent_label
from training.data.photos import get_photos
from training.feedback import SUGGESTED, pending_suggestions
from training.metrics import read_metrics
from training.predict import load_classifier

from .analysis import PhotoAnalysis, analyse_all
from .decisions import FOLDER, PhotoKey
from .label_errors import rank_suspects


@dataclass
class ReviewedPhoto:
    """A photo, what the export says of it, and how suspicious it is under the label it had when it was reviewed."""

    file: Path  # where it lies now
    sha256: str
    split: str  # "train" or "valid"; "" where the export does not tell
    probabilities: dict[str, float]
    reviewed_label: str  # the label it had
    reviewed_suspicion: float
    reviewed_reason: str
    from_user: bool = False  # came as a user's suggestion

    @property
    def suggested(self) -> bool:
        """Whether it still is a suggestion, which nobody trains on."""
        return self.from_user and self.file.parent.parent.name == SUGGESTED

    @property
    def as_reviewed(self) -> bool:
        """Whether no person has given it a label since the review."""
        return self.label == self.reviewed_label and self.suggested == self.from_user

    @property
    def label(self) -> str:
        """The label that it has now."""
        return parent_label(self.file)

    @property
    def key(self) -> PhotoKey:
        """The key of the decisions about the photo."""
        return self.file, self.sha256

    @property
    def prediction(self) -> str:
        """The most probable label."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def loss(self) -> float:
        """-log of the probability of the photo's own label, 0 and up; infinite where the export knows no such label."""
        return -log(max(self.probabilities[self.label], 1e-12)) if self.label in self.probabilities else inf

    @property
    def suspicion(self) -> float:
        """How suspicious the photo is, 0 to 1; 0 once a person gave it a label."""
        return self.reviewed_suspicion if self.as_reviewed else 0

    @property
    def reason(self) -> str:
        """A sentence that says what speaks against the label; "" where nothing does."""
        if self.as_reviewed:
            return self.reviewed_reason
        if self.label != self.reviewed_label:
            return f"it was moved here from {self.reviewed_label}"
        return "kept; a user suggested it"


def review(export: str | Path, data: str | Path) -> tuple[list[ReviewedPhoto], list[str], dict[Path, str]]:
    """Return the photos under `data`, the most suspicious first, the labels there are, and what cannot be opened.

    Users' suggestions come first, and have no influence on how suspicious the other photos are. Labels are the export's
    and those of the folders, sorted. Raises CliError where there is nothing to review.
    """
    files, classifier = get_photos(data), load_classifier(export)
    if not files:
        raise CliError(f"No photos under {data}. Photos lie in one folder a label: {data}/<label>/.")
    labels = {parent_label(file) for file in files}
    if not labels & set(classifier.labels):
        raise CliError(
            f"This export knows none of the labels under {data}; it knows "
            f"{', '.join(classifier.labels[:12])}. Is it the folder that it was trained on?"
        )
    suggestions, cache = pending_suggestions(data), Path(data) / FOLDER / "views.npz"
    analyses, unreadable = analyse_all(classifier, sha256(Path(export)), [*files, *suggestions], cache)
    suggested = {file: analyses.pop(file) for file in suggestions if file in analyses}
    if not analyses:
        raise CliError(f"None of the {len(files)} photos under {data} can be opened.")
    held_out = set(read_metrics(export).get("valid_sha256", []))
    reviewed = review_suggestions(suggested, suggestions, analyses, classifier.labels)
    reviewed += review_photos(analyses, classifier.labels, held_out)
    return reviewed, sorted(labels | set(classifier.labels) | set(map(parent_label, suggested))), unreadable


def review_photos(
    analyses: dict[Path, PhotoAnalysis],
    labels: Sequence[str],
    held_out: set[str],
) -> list[ReviewedPhoto]:
    """Return the photos, the most suspicious first; labels: the export's; held_out: SHA-256 of validation photos."""
    suspects = rank_suspects(
        list(analyses),
        np.stack([analysis.features for analysis in analyses.values()]),
        [analysis.sha256 for analysis in analyses.values()],
        find_copies(analyses),
    )
    reviewed = []
    for suspect in suspects:
        analysis, label = analyses[suspect.file], parent_label(suspect.file)
        split = ("valid" if analysis.sha256 in held_out else "train") if held_out else ""
        reason = suspect.reason if label in labels else f"the export knows no label {label}"
        probabilities = dict(zip(labels, map(float, analysis.probabilities)))
        reviewed.append(
            ReviewedPhoto(suspect.file, analysis.sha256, split, probabilities, label, suspect.suspicion, reason)
        )
    return reviewed


def review_suggestions(
    suggested: dict[Path, PhotoAnalysis],
    reasons: dict[Path, str],
    others: dict[Path, PhotoAnalysis],
    labels: Sequence[str],
) -> list[ReviewedPhoto]:
    """Return users' suggestions, each with its reason, and of which photo it is a copy; labels: the export's."""
    copies = find_copies({**others, **suggested}) if suggested else {}
    return [
        ReviewedPhoto(
            file,
            analysis.sha256,
            "",
            dict(zip(labels, map(float, analysis.probabilities))),
            parent_label(file),
            1.0,
            reasons[file] + (f"; a copy {copies[file]}" if file in copies else ""),
            from_user=True,
        )
        for file, analysis in suggested.items()
    ]


def find_copies(analyses: dict[Path, PhotoAnalysis]) -> dict[Path, str]:
    """Return of which photo each is a copy, for all but the first of each group; under other labels, of both."""
    files, found = list(analyses), dict[Path, str]()
    for i, j in find_near_pairs([analysis.hashes for analysis in analyses.values()]):
        first, second = files[i], files[j]
        found.setdefault(second, f"of {parent_label(first)}/{first.name}")
        if parent_label(first) != parent_label(second):
            found.setdefault(first, f"of {parent_label(second)}/{second.name}")
    return found
