"""Predictions for labelled photos, and where they are wrong: losses, confusion matrix, top losses.

Gives  `Predictions`; see `multi_label_predictions` for photos that may have several labels
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from training.statistics import wilson

N_TOP_LOSSES = 12


@dataclass(frozen=True)
class Predictions:
    """Predictions for N labelled photos."""

    WRONG: ClassVar[str] = "wrong"  # what `n_wrong` photos are, in words
    files: list[Path]
    vocab: list[str]
    targets: np.ndarray  # (N,) indices into vocab: the photo's own label
    probabilities: np.ndarray  # (N, C)
    familiarity: np.ndarray | None = None  # (N,); None where the export cannot tell

    @property
    def predicted(self) -> np.ndarray:
        """(N,) indices into vocab: the most probable label."""
        return self.probabilities.argmax(1)

    @property
    def losses(self) -> np.ndarray:
        """(N,) cross-entropy losses: -log of the probability of the photo's own label, 0 and up."""
        own = self.probabilities[np.arange(len(self.targets)), self.targets]
        return -np.log(own.clip(1e-12))

    @property
    def right(self) -> np.ndarray:
        """(N,) whether the most probable label is the photo's own."""
        return np.asarray(self.predicted == self.targets)

    @property
    def n_wrong(self) -> int:
        """How many photos have a wrong answer."""
        return int((~self.right).sum())

    def answer(self, i: int) -> str:
        """Return what is said of a photo, as text."""
        return self.vocab[self.predicted[i]]

    def truth(self, i: int) -> str:
        """Return what should be said of it."""
        return self.vocab[self.targets[i]]

    def confidence(self, i: int) -> float:
        """Return the probability of what is said of a photo."""
        return float(self.probabilities[i].max())

    def subset(self, files: Sequence[Path]) -> "Predictions":
        """Return the predictions for some of the files, in the order given."""
        index_of = {file: i for i, file in enumerate(self.files)}
        rows = np.array([index_of[file] for file in files], dtype=int)
        of_photos = ("targets", "probabilities", "familiarity", "predicted_labels")
        kept = {name: getattr(self, name, None) for name in of_photos}
        return replace(self, files=list(files), **{name: of[rows] for name, of in kept.items() if of is not None})

    def joined(self, other: "Predictions") -> "Predictions":
        """Return the predictions for these files and then for others, with the same vocab, without the familiarity."""
        of_photos = [name for name in ("targets", "probabilities", "predicted_labels") if hasattr(self, name)]
        both: dict[str, Any] = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in of_photos}
        return replace(self, files=[*self.files, *other.files], familiarity=None, **both)

    def wrong_by_label(self) -> dict[str, tuple[int, int]]:
        """Return for each label how many photos have it, and how many of them have a wrong answer."""
        own = [self.targets == i for i in range(len(self.vocab))]
        return {label: (int(of.sum()), int((of & ~self.right).sum())) for label, of in zip(self.vocab, own)}

    def top_losses(self, k: int = N_TOP_LOSSES) -> list[int]:
        """Return the indices of the k photos with the highest loss, highest first."""
        return [int(i) for i in self.losses.argsort()[::-1][:k]]

    def by_label(self) -> dict[str, dict[str, Any]]:
        """Return for each label: n photos, how many are wrong, and the 95% interval of that share, low to high."""
        rows = {}
        for i, label in enumerate(self.vocab):
            own = self.targets == i
            n, wrong = int(own.sum()), int((self.predicted[own] != i).sum())
            low, high = wilson(wrong, n) if n else (0.0, 1.0)
            rows[label] = {"n": n, "wrong": wrong, "low": round(low, 4), "high": round(high, 4)}
        return rows

    def confusion(self) -> np.ndarray:
        """Return (C, C) counts: rows are the photos' own labels, columns the predictions."""
        from sklearn.metrics import confusion_matrix  # imported here: it takes most of a second

        return confusion_matrix(self.targets, self.predicted, labels=range(len(self.vocab)))

    def most_confused(self, min_val: int = 1) -> list[tuple[str, str, int]]:
        """Return (label, prediction, count) off the diagonal, most frequent first."""
        matrix = self.confusion()
        pairs = [(self.vocab[i], self.vocab[j], int(matrix[i, j])) for i, j in np.argwhere(matrix >= min_val) if i != j]
        return sorted(pairs, key=lambda pair: -pair[2])
