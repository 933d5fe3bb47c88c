"""Keep the predictions for held-out photos in metrics.json: the finished export could not make them again.

Reads  out-of-fold predictions, or those for a validation set
Gives  `HeldOutPredictions`, which compares them with the labels that the photos have now
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.data.contents import sha256_of
from training.data.labels import BY_FOLDER, Labels

from .multi_label_predictions import MultiLabelPredictions
from .predictions import Predictions

MAX_LABELS_KEPT = 8  # of a photo, the most probable ones; the others share what is left
LEAST_KEPT = 0.001  # probability of one of several labels: others are taken to have none


@dataclass(frozen=True)
class HeldOutPredictions:
    """Predictions for N photos, each by a model that was not trained on it."""

    labels: list[str]
    hashes: list[str]  # (N,) SHA-256 of the photos
    probabilities: np.ndarray  # (N, C), calibrated
    familiarity: np.ndarray | None = None  # (N,), 0 to 1; None where the model cannot tell
    predicted_labels: np.ndarray | None = None  # (N, C), which labels each photo gets; None with one label each
    targets: np.ndarray | None = None  # (N,) or (N, C): the labels they had then; None in files of an earlier version

    def hashes_of(self, photos: Sequence[Path]) -> list[str]:
        """Return the SHA-256 of those of the photos that have a prediction."""
        known = set(self.hashes)
        return [digest for digest in map(sha256_of, photos) if digest in known]

    def to_data(self) -> dict[str, Any]:
        """Return this as plain data for metrics.json."""
        most = MAX_LABELS_KEPT if self.predicted_labels is None else len(self.labels)
        order = np.argsort(-self.probabilities, axis=1)[:, :most]
        several = self.predicted_labels is not None
        return {
            "labels": self.labels,
            "answers": {
                digest: {str(i): round(float(row[i]), 5) for i in best if not several or row[i] >= LEAST_KEPT}
                for digest, row, best in zip(self.hashes, self.probabilities, order)
            },
            **({} if self.predicted_labels is None else {"predicted": self._indices_by_hash(self.predicted_labels)}),
            **({} if self.targets is None else {"targets": self._targets_by_hash()}),
            "familiarity": None
            if self.familiarity is None
            else {digest: round(float(score), 4) for digest, score in zip(self.hashes, self.familiarity)},
        }

    def _indices_by_hash(self, marks: np.ndarray) -> dict[str, list[int]]:
        return {digest: np.flatnonzero(row).tolist() for digest, row in zip(self.hashes, marks)}

    def _targets_by_hash(self) -> dict[str, Any]:
        """Return the index of each photo's label by its SHA-256; a list of them where it may have several."""
        assert self.targets is not None
        if self.targets.ndim == 2:
            return self._indices_by_hash(self.targets)
        return dict(zip(self.hashes, self.targets.tolist()))

    @classmethod
    def from_metrics(cls, metrics: dict[str, Any]) -> "HeldOutPredictions | None":
        """Return what metrics.json keeps; None where it keeps nothing, or nothing that makes sense."""
        try:
            data = metrics["held_out"]
            labels, hashes = [str(label) for label in data["labels"]], list(data["answers"])
            said = data.get("predicted")
            probabilities = np.array([_row(answer, len(labels), said is None) for answer in data["answers"].values()])
            predicted = None if said is None else np.array([_marks(said[digest], len(labels)) for digest in hashes])
            own = data.get("targets")
            targets = None if own is None else _targets([own[digest] for digest in hashes], len(labels), said is None)
            scores = data.get("familiarity")
            familiarity = None if scores is None else np.array([float(scores[digest]) for digest in hashes])
            if familiarity is not None and not np.isfinite(familiarity).all():
                raise ValueError("familiarity that is no number")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return None
        return cls(labels, hashes, probabilities, familiarity, predicted, targets) if hashes else None

    def predictions_for(self, photos: Sequence[Path], labels: Labels = BY_FOLDER) -> Predictions | None:
        """Return the predictions for those of the photos that have one, under the labels they have now; None if none.

        labels: of the photos. Photos are found by their SHA-256, wherever they lie; those with an unknown label are
        left out, and those with several or none where the model tells one.
        """
        index_of = {digest: i for i, digest in enumerate(self.hashes)}
        found, known = {}, set(self.labels)
        for file in photos:
            digest, own = sha256_of(file), labels(file)
            if digest in index_of and known.issuperset(own) and (self.predicted_labels is not None or len(own) == 1):
                found[file] = index_of[digest]
        if not found:
            return None
        rows, files = list(found.values()), list(found)
        if self.predicted_labels is None:
            return self._predictions(files, rows, np.array([self.labels.index(labels(file)[0]) for file in files]))
        marks = np.array([[label in labels(file) for label in self.labels] for file in files])
        return self._predictions(files, rows, marks)

    def predictions(self) -> Predictions | None:
        """Return the predictions under the labels that the photos had then; None where those were not recorded.

        In place of its file, each photo has its SHA-256.
        """
        if self.targets is None:
            return None
        return self._predictions(list(map(Path, self.hashes)), list(range(len(self.hashes))), self.targets)

    def _predictions(self, files: list[Path], rows: list[int], targets: np.ndarray) -> Predictions:
        """Return the predictions in some rows, for files with these labels."""
        familiarity = None if self.familiarity is None else self.familiarity[rows]
        if self.predicted_labels is None:
            return Predictions(files, self.labels, targets, self.probabilities[rows], familiarity)
        said = self.predicted_labels[rows]
        return MultiLabelPredictions(
            files, self.labels, targets, self.probabilities[rows], familiarity, predicted_labels=said
        )


def _row(answer: dict[str, float], n_labels: int, together_1: bool) -> np.ndarray:
    """Return (C,) probabilities of a recorded answer; labels that are not recorded share what is left of 1, or have 0.

    Raises ValueError, TypeError or AttributeError for anything else than probabilities by the index of a label.
    """
    row = np.full(n_labels, np.nan)
    for i, probability in answer.items():
        if int(i) not in range(n_labels) or not 0 <= probability <= 1:
            raise ValueError(f"{probability} for label {i}")
        row[int(i)] = probability
    unknown = np.isnan(row)
    if not together_1:
        return np.where(unknown, 0, row)
    return np.where(unknown, max(0.0, 1 - np.nansum(row)) / max(1, unknown.sum()), row)


def _targets(own: Sequence[Any], n_labels: int, one_each: bool) -> np.ndarray:
    """Return (N,) indices of the photos' labels, or (N, C) marks; ValueError or TypeError for anything else."""
    if not one_each:
        return np.array([_marks(indices, n_labels) for indices in own])
    if not all(type(i) is int and 0 <= i < n_labels for i in own):
        raise ValueError("a photo without its one label")
    return np.array(own)


def _marks(indices: Sequence[int], n_labels: int) -> np.ndarray:
    """Return (C,) whether a photo gets each label, for the indices of those that it gets; ValueError for no index."""
    if not set(indices) <= set(range(n_labels)):
        raise ValueError(f"labels {indices}")
    return np.isin(np.arange(n_labels), indices)
