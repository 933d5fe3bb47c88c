"""Keep the predictions for held-out photos in metrics.json: the finished export could not make them again.

Reads  out-of-fold predictions, or those for a validation set
Gives  `HeldOutPredictions`, which compares them with the labels that the photos have now
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.files import sha256
from training.data.files import parent_label

from .predictions import Predictions
from .statistics import wilson

MAX_LABELS_KEPT = 8  # of a photo, the most probable ones; the others share what is left


@dataclass(frozen=True)
class HeldOutPredictions:
    """Predictions for N photos, each by a model that was not trained on it."""

    labels: list[str]
    hashes: list[str]  # (N,) SHA-256 of the photos
    probabilities: np.ndarray  # (N, C), calibrated
    familiarity: np.ndarray | None = None  # (N,), 0 to 1; None where the model cannot tell

    def hashes_of(self, photos: Sequence[Path]) -> list[str]:
        """Return the SHA-256 of those of the photos that have a prediction."""
        known = set(self.hashes)
        return [digest for digest in map(sha256, photos) if digest in known]

    def to_data(self) -> dict[str, Any]:
        """Return this as plain data for metrics.json."""
        order = np.argsort(-self.probabilities, axis=1)[:, :MAX_LABELS_KEPT]
        return {
            "labels": self.labels,
            "answers": {
                digest: {str(i): round(float(row[i]), 5) for i in best}
                for digest, row, best in zip(self.hashes, self.probabilities, order)
            },
            "familiarity": None
            if self.familiarity is None
            else {digest: round(float(score), 4) for digest, score in zip(self.hashes, self.familiarity)},
        }

    @classmethod
    def from_metrics(cls, metrics: dict[str, Any]) -> "HeldOutPredictions | None":
        """Return what metrics.json keeps; None where it keeps nothing, or nothing that makes sense."""
        try:
            data = metrics["held_out"]
            labels, hashes = [str(label) for label in data["labels"]], list(data["answers"])
            probabilities = np.array([_row(answer, len(labels)) for answer in data["answers"].values()])
            scores = data.get("familiarity")
            familiarity = None if scores is None else np.array([float(scores[digest]) for digest in hashes])
            if familiarity is not None and not np.isfinite(familiarity).all():
                raise ValueError("familiarity that is no number")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return None
        return cls(labels, hashes, probabilities, familiarity) if hashes else None

    def predictions_for(self, photos: Sequence[Path]) -> Predictions | None:
        """Return the predictions for those of the photos that have one, under the labels they have now; None if none.

        Photos are found by their SHA-256, wherever they lie; those under an unknown label are left out.
        """
        index_of = {digest: i for i, digest in enumerate(self.hashes)}
        found = {}
        for file in photos:
            digest = sha256(file)
            if digest in index_of and parent_label(file) in self.labels:
                found[file] = index_of[digest]
        if not found:
            return None
        rows = list(found.values())
        targets = np.array([self.labels.index(parent_label(file)) for file in found], dtype=int)
        return Predictions(
            list(found),
            self.labels,
            targets,
            self.probabilities[rows],
            None if self.familiarity is None else self.familiarity[rows],
        )


def _row(answer: dict[str, float], n_labels: int) -> np.ndarray:
    """Return (C,) probabilities of a recorded answer; labels that are not recorded share what is left.

    Raises ValueError, TypeError or AttributeError for anything else than probabilities by the index of a label.
    """
    row = np.full(n_labels, np.nan)
    for i, probability in answer.items():
        if int(i) not in range(n_labels) or not 0 <= probability <= 1:
            raise ValueError(f"{probability} for label {i}")
        row[int(i)] = probability
    unknown = np.isnan(row)
    return np.where(unknown, max(0.0, 1 - np.nansum(row)) / max(1, unknown.sum()), row)


def by_label(labels: Sequence[str], targets: np.ndarray, predicted: np.ndarray) -> dict[str, dict[str, Any]]:
    """Return for each label: n photos, how many are wrong, and the 95% interval of that share, low to high.

    targets, predicted: (N,) indices of labels.
    """
    rows = {}
    for i, label in enumerate(labels):
        own = targets == i
        n, wrong = int(own.sum()), int((predicted[own] != i).sum())
        low, high = wilson(wrong, n) if n else (0.0, 1.0)
        rows[label] = {"n": n, "wrong": wrong, "low": round(low, 4), "high": round(high, 4)}
    return rows
