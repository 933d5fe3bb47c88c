"""Predictions for photos of which each may have several labels, or none.

Gives  `MultiLabelPredictions`, a `Predictions` whose targets and predictions are marks: whether a photo shows a label
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from training.data.labels_csv import SEPARATOR
from training.statistics import wilson

from .predictions import Predictions

NONE = "no label"  # in place of a photo's labels; labels of labels.csv have no space in their name


@dataclass(frozen=True, kw_only=True)
class MultiLabelPredictions(Predictions):
    """Predictions for N photos of which each may have several labels, or none.

    `targets` is (N, C), whether each photo shows each label, and every probability is one on its own.
    """

    WRONG: ClassVar[str] = "with a label too many or too few"
    predicted_labels: np.ndarray  # (N, C), whether each photo gets each label

    @property
    def predicted(self) -> np.ndarray:
        """(N, C), whether each photo gets each label."""
        return self.predicted_labels

    @property
    def losses(self) -> np.ndarray:
        """(N,) binary cross-entropy, the mean over labels, 0 and up."""
        of_truth = np.where(self.targets, self.probabilities, 1 - self.probabilities)
        return -np.log(of_truth.clip(1e-12)).mean(1)

    @property
    def right(self) -> np.ndarray:
        """(N,) whether all labels are right."""
        return np.asarray((self.predicted == self.targets).all(1))

    @property
    def average_precision(self) -> np.ndarray:
        """(C,) average precision, 0 to 1: of the photos ranked by a label's probability; NaN where none shows it."""
        from sklearn.metrics import average_precision_score  # imported here: it takes most of a second

        return np.array(
            [
                average_precision_score(shown, ranked) if shown.any() else np.nan
                for shown, ranked in zip(self.targets.T, self.probabilities.T)
            ]
        )

    @property
    def mean_average_precision(self) -> float:
        """The mean over the labels that some photo shows, 0 to 1; NaN where none shows any."""
        known = self.average_precision[self.targets.any(0)]
        return float(known.mean()) if len(known) else float("nan")

    def of_labels(self, labels: Collection[str]) -> "MultiLabelPredictions":
        """Return the predictions for those of the labels that are in the vocab, in its order."""
        kept = [i for i, label in enumerate(self.vocab) if label in labels]
        return replace(
            self,
            vocab=[self.vocab[i] for i in kept],
            targets=self.targets[:, kept],
            probabilities=self.probabilities[:, kept],
            predicted_labels=self.predicted_labels[:, kept],
        )

    def answer(self, i: int) -> str:
        """Return the labels that a photo gets, as text."""
        return labels_text(self.vocab, self.predicted[i])

    def truth(self, i: int) -> str:
        """Return the labels that it should get."""
        return labels_text(self.vocab, self.targets[i])

    def confidence(self, i: int) -> float:
        """Return the probability that all of a photo's answer is right, if its labels were independent."""
        return float(np.where(self.predicted[i], self.probabilities[i], 1 - self.probabilities[i]).prod())

    def by_label(self) -> dict[str, dict[str, Any]]:
        """Return for each label: n photos that show it, how many get it (`said`) and rightly so (`found`), precision,
        recall (with 95% intervals), F1 and average precision; None for what cannot be said.
        """
        rows = {}
        for label, shown, said, ranking in zip(self.vocab, self.targets.T, self.predicted.T, self.average_precision):
            n, n_said, found = int(shown.sum()), int(said.sum()), int((shown & said).sum())
            rows[label] = {
                "n": n,
                "said": n_said,
                "found": found,
                "precision": round(found / n_said, 4) if n_said else None,
                "precision_interval": [round(end, 4) for end in wilson(found, n_said)] if n_said else None,
                "recall": round(found / n, 4) if n else None,
                "recall_interval": [round(end, 4) for end in wilson(found, n)] if n else None,
                "f1": round(2 * found / (n + n_said), 4) if n + n_said else None,
                "average_precision": None if np.isnan(ranking) else round(float(ranking), 4),
            }
        return rows

    def wrong_by_label(self) -> dict[str, tuple[int, int]]:
        """Return for each label how many photos there are, and how many get the label wrongly or lack it."""
        wrong = (self.predicted != self.targets).sum(0)
        return {label: (len(self.files), int(n)) for label, n in zip(self.vocab, wrong)}

    def co_occurrence(self) -> np.ndarray:
        """Return (C, C) counts: how many photos that show a row's label get a column's label."""
        return self.targets.T.astype(int) @ self.predicted.astype(int)

    def confusion(self) -> np.ndarray:
        """Raise TypeError: with several labels a photo, none stands in place of another; see `co_occurrence`."""
        raise TypeError("Labels of one photo are not confused with each other.")


def labels_text(vocab: Sequence[str], marks: np.ndarray) -> str:
    """Return the marked labels as text, NONE where there is none."""
    return SEPARATOR.join(label for label, mark in zip(vocab, marks) if mark) or NONE
