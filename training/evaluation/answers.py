"""Answers for held-out photos, and what comes of acting alone on those above a threshold.

Reads  `Predictions` for photos that the models had not seen
Gives  `Answers`, and an `Outcome` for thresholds: how many answers are right, and how many photos go to a person
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.statistics import wilson

from .multi_label_predictions import MultiLabelPredictions
from .predictions import Predictions


@dataclass(frozen=True)
class Answers:
    """N photos with M answers: one each, or one for each label that a photo gets."""

    vocab: list[str]
    photos: np.ndarray  # (M,) index of the photo
    labels: np.ndarray  # (M,) index of the label given
    probabilities: np.ndarray  # (M,)
    right: np.ndarray  # (M,)
    n_photos: int
    familiar: np.ndarray  # (N,): answers for other photos are for a person in any case

    @classmethod
    def of(cls, predictions: Predictions, familiar_from: float = 0.0) -> "Answers":
        """Return the answers in predictions; familiar_from: the familiarity from which on a photo is familiar."""
        n, scores = len(predictions.files), predictions.familiarity
        familiar = np.ones(n, bool) if scores is None else scores >= familiar_from
        if isinstance(predictions, MultiLabelPredictions):
            photos, labels = np.nonzero(predictions.predicted_labels)
            right = predictions.targets[photos, labels]
        else:
            photos, labels = np.arange(n), predictions.predicted
            right = predictions.right
        return cls(predictions.vocab, photos, labels, predictions.probabilities[photos, labels], right, n, familiar)

    def only(self, label: int) -> "Answers":
        """Return the answers that give one label."""
        return self.subset(self.labels == label)

    def subset(self, which: np.ndarray) -> "Answers":
        """Return those of the answers that (M,) marks select; photos stay."""
        kept = (self.photos[which], self.labels[which], self.probabilities[which], self.right[which])
        return Answers(self.vocab, *kept, self.n_photos, self.familiar)

    def outcome(self, thresholds: np.ndarray) -> "Outcome":
        """Return what comes of (C,) thresholds: a photo is answered where all its labels reach theirs."""
        sure = self.probabilities >= thresholds[self.labels]
        answered = self.familiar & np.isin(np.arange(self.n_photos), self.photos)
        answered[self.photos[~sure]] = False
        own = answered[self.photos]
        return Outcome(int(own.sum()), int(self.right[own].sum()), int(answered.sum()), self.n_photos)


@dataclass(frozen=True)
class Outcome:
    """What comes of thresholds on held-out photos."""

    n: int  # answers that are given alone
    n_right: int  # how many of them are right
    n_answered: int  # photos that are answered alone
    n_photos: int

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of the share of right answers (Wilson), lowest and highest."""
        return wilson(self.n_right, self.n) if self.n else (0.0, 1.0)

    @property
    def asked(self) -> float:
        """Share of the photos that a person is asked about, 0 to 1."""
        return 1 - self.n_answered / max(1, self.n_photos)

    def __str__(self) -> str:
        if not self.n:
            return f"none of {self.n_photos} photos is answered alone, all go to a person"
        low, high = self.interval
        right, least = (int(100 * share + 1e-9) for share in (self.n_right / self.n, low))  # 99.9 is not 100 of 100
        return f"right {right} of 100 ({least} to {100 * high:.0f}), {100 * self.asked:.0f} of 100 go to a person"


def curve(answers: Answers, thresholds: Sequence[float]) -> list[Outcome]:
    """Return what comes of each threshold for all labels."""
    return [answers.outcome(np.full(len(answers.vocab), t)) for t in thresholds]
