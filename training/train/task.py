"""What a training has to know of its labels: one a photo, or several or none.

Gives  `Task`, of which there are two: `one_label.OneLabel` and `several_labels.SeveralLabels`
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastai.callback.core import Callback

from classifier.inference.confidence import Familiarity
from training.data.labels import Labels
from training.evaluation.held_out import HeldOutPredictions

from .probes.cross_validation import ProbePath
from .probes.familiarity import FamiliarityMetrics
from .verdict import Verdict

Views = Sequence[tuple[np.ndarray, np.ndarray]]  # see `familiarity.similarities`


@dataclass(frozen=True)
class Scored:
    """N photos that a model did not learn from, and its scores."""

    hashes: list[str]  # (N,) SHA-256
    scores: np.ndarray  # (N, C)
    folds: np.ndarray  # (N,): the fold that a photo was held out with; -1 for a photo of a given validation set
    familiarity: np.ndarray | None  # (N,), 0 to 1
    targets: np.ndarray  # (N,) or (N, C)


class Task(ABC):
    """What a training has to know of its labels; (N,) or (N, C) targets say which label or labels N photos have."""

    def __init__(self, vocab: Sequence[str], labels: Labels):
        """vocab: all labels, in the order of the scores; labels: of the photos."""
        self.vocab, self.labels = list(vocab), labels

    @abstractmethod
    def targets(self, files: Sequence[Path]) -> np.ndarray:
        """Return the targets of photos."""

    @abstractmethod
    def path(self, features: np.ndarray, targets: np.ndarray) -> ProbePath:
        """Return the probes of (N, V, D) features and the targets of N photos."""

    @abstractmethod
    def loss(self, scores: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean loss of (N, V, C) scores, calibrated."""

    @abstractmethod
    def can_learn(self, targets: np.ndarray) -> bool:
        """Return whether these photos teach every label."""

    @abstractmethod
    def error(self, scores: np.ndarray, targets: np.ndarray) -> tuple[float, str]:
        """Return how wrong (N, C) scores are, 0 to 1, and the same in words."""

    @abstractmethod
    def calibrate(
        self, scores: np.ndarray, targets: np.ndarray, folds: np.ndarray, shrink: bool = False
    ) -> dict[str, Any] | None:
        """Return what metrics.json records of the calibration; None for scores that are no numbers.

        scores: (N, V, C) of V views of photos that the model did not learn from, the plain view first; folds: (N,).
        shrink: be careful, since these are the photos of one validation set.
        """

    @abstractmethod
    def held_out(self, of: Scored, calibration: dict[str, Any] | None) -> tuple[HeldOutPredictions, np.ndarray | None]:
        """Return the predictions for held-out photos, and (C,) thresholds; None with one label a photo."""

    @abstractmethod
    def fit_familiarity(
        self, features: np.ndarray, targets: np.ndarray, folds: np.ndarray, views: Views
    ) -> tuple[Familiarity | None, FamiliarityMetrics, np.ndarray | None]:
        """Return the familiarity fitted on a model's photos, how well it works, and (N,) scores of the first view.

        The arguments and what is None are those of `familiarity.fit_familiarity`.
        """

    @abstractmethod
    def fine_tuning_callbacks(self, targets: np.ndarray) -> list[Callback]:
        """Return the callbacks with which a network learns from photos with these targets."""

    @abstractmethod
    def judge(self, before: np.ndarray, after: np.ndarray, targets: np.ndarray, learned: np.ndarray) -> Verdict:
        """Return the verdict of N held-out photos on (N, C) scores before and after; learned: targets of the others."""
