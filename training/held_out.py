"""Keep what models say of photos that they did not learn from: no export can say it again.

Reads  out-of-fold scores, or the answers for a validation set
Gives  `HeldOut`, which lies in metrics.json; `answers` holds them against the labels that the photos have now
"""
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifier.files import sha256
from training.data.files import parent_label

from .predictions import Answers
from .statistics import wilson

MOST_KEPT = 8  # labels of a photo, the most probable ones; the rest share what is left


@dataclass(frozen=True)
class HeldOut:
    """Answers for N photos, each by a model that had not seen it."""

    labels: list[str]
    hashes: list[str]  # (N,) SHA-256 of the photos
    probabilities: np.ndarray  # (N, C), calibrated
    familiarity: np.ndarray | None = None  # (N,); None where it cannot be told

    def hashes_of(self, photos: Sequence[Path]) -> list[str]:
        """Return the SHA-256 of those of the photos that are among these."""
        known = set(self.hashes)
        return [name for name in map(sha256, photos) if name in known]

    def to_data(self) -> dict:
        """Return this as plain data for metrics.json."""
        order = np.argsort(-self.probabilities, axis=1)[:, :MOST_KEPT]
        return {"labels": self.labels, "answers": {
            name: {str(i): round(float(row[i]), 5) for i in best}
            for name, row, best in zip(self.hashes, self.probabilities, order)},
            "familiarity": None if self.familiarity is None else {
                name: round(float(score), 4) for name, score in zip(self.hashes, self.familiarity)}}

    @classmethod
    def from_metrics(cls, metrics: dict) -> "HeldOut | None":
        """Return what metrics.json keeps; None where it keeps nothing, or nothing that makes sense."""
        try:
            data = metrics["held_out"]
            labels, hashes = [str(label) for label in data["labels"]], list(data["answers"])
            known = np.full((len(hashes), len(labels)), np.nan)
            for row, answer in zip(known, data["answers"].values()):
                for i, probability in answer.items():
                    if int(i) not in range(len(labels)) or not 0 <= probability <= 1:
                        raise ValueError(f"{probability} for label {i}")
                    row[int(i)] = probability
            unknown = np.isnan(known)
            left = (1 - np.nansum(known, axis=1)).clip(0) / unknown.sum(1).clip(1)
            scores = data.get("familiarity")
            familiarity = None if scores is None else np.array([float(scores[name]) for name in hashes])
            if familiarity is not None and not np.isfinite(familiarity).all():
                raise ValueError("familiarity that is no number")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return None
        return cls(labels, hashes, np.where(unknown, left[:, None], known), familiarity) if hashes else None

    def answers(self, photos: Sequence[Path]) -> Answers | None:
        """Return the answers for those of the photos that are among these, under the labels they have now."""
        row_of = {name: i for i, name in enumerate(self.hashes)}
        found = {}
        for file in photos:
            name = sha256(file)
            if name in row_of and parent_label(file) in self.labels:
                found[file] = row_of[name]
        rows = list(found.values())
        targets = np.array([self.labels.index(parent_label(file)) for file in found], dtype=int)
        return Answers(list(found), self.labels, targets, self.probabilities[rows],
                       None if self.familiarity is None else self.familiarity[rows]) if found else None


def by_label(labels: Sequence[str], targets: np.ndarray, predictions: np.ndarray) -> dict[str, dict]:
    """Return for each label: n photos, how many are wrong, and the 95% interval of that share."""
    rows = {}
    for i, label in enumerate(labels):
        own = targets == i
        n, wrong = int(own.sum()), int((predictions[own] != i).sum())
        low, high = wilson(wrong, n) if n else (0.0, 1.0)
        rows[label] = {"n": n, "wrong": wrong, "low": round(low, 4), "high": round(high, 4)}
    return rows
