"""Train for several labels a photo, or none: a sigmoid for each label, calibrated and with a threshold on its own.

Photos without a label teach what shows none of them; what is familiar is learned from the others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastai.callback.core import Callback
from scipy.special import expit
from sklearn.metrics import average_precision_score

from classifier.inference.confidence import Familiarity
from classifier.inference.multi_label import LabelCalibration
from training.data.labels import Labels
from training.evaluation.held_out import HeldOutPredictions

from .fine_tune import verdict_of
from .probes.familiarity import FamiliarityMetrics, fit_familiarity, score_photos
from .probes.multi_label import AnyOf, binary_cross_entropy
from .probes.multi_label_calibration import calibrate_labels, choose_thresholds, cross_fitted
from .task import Scored, Task, Views
from .verdict import Verdict


class SeveralLabels(AnyOf, Task):
    """Several labels a photo, or none; (N, C) targets are marks: whether it shows each label."""

    def __init__(self, vocab: Sequence[str], labels: Labels, precision: float = 0):
        """precision: that each label's threshold is to have, 0 to 1; 0 for the best F1."""
        super().__init__(vocab, labels)
        self._precision = precision

    def targets(self, files: Sequence[Path]) -> np.ndarray:
        """Return (N, C) whether photos show each label."""
        return np.array([[label in self.labels(file) for label in self.vocab] for file in files])

    def error(self, scores: np.ndarray, targets: np.ndarray) -> tuple[float, str]:
        """Return 1 minus the mean average precision."""
        shown = np.flatnonzero(targets.any(0))
        precision = float(np.mean([average_precision_score(targets[:, i], scores[:, i]) for i in shown]))
        return 1 - precision, f"mean average precision {precision:.3f} of the photos held out in turn"

    def calibrate(
        self, scores: np.ndarray, targets: np.ndarray, folds: np.ndarray, shrink: bool = False
    ) -> dict[str, Any] | None:
        """Return `slopes`, `biases` and their figures; see `Task.calibrate`. A label's sigmoid is careful by itself."""
        return calibrate_labels(scores, targets, folds)

    def held_out(self, of: Scored, calibration: dict[str, Any] | None) -> tuple[HeldOutPredictions, np.ndarray]:
        """Return the predictions for held-out photos, and the thresholds.

        The labels of a fold are given by the thresholds of the other folds, so that these are measured too.
        """
        sigmoids = (
            LabelCalibration(np.array(calibration["slopes"]), np.array(calibration["biases"])) if calibration else None
        )
        by_label = sigmoids.probabilities(of.scores) if sigmoids else expit(of.scores)
        thresholds = self._thresholds(by_label[of.folds >= 0])
        above = by_label > thresholds
        for fold in np.unique(of.folds[of.folds >= 0]):
            others = (of.folds >= 0) & (of.folds != fold)
            if others.any():
                own = of.folds == fold
                above[own] = by_label[own] > self._thresholds(by_label[others])
        return HeldOutPredictions(self.vocab, of.hashes, by_label, of.familiarity, above, of.targets), thresholds

    def _thresholds(self, by_label: np.ndarray) -> np.ndarray:
        return choose_thresholds(by_label, self._precision)

    def fit_familiarity(
        self, features: np.ndarray, targets: np.ndarray, folds: np.ndarray, views: Views
    ) -> tuple[Familiarity | None, FamiliarityMetrics, np.ndarray | None]:
        """Return what `familiarity.fit_familiarity` does, of groups of photos with the same labels.

        Photos without a label show anything: they are scored, but what is familiar does not come from them.
        """
        labelled = np.asarray(targets.any(1))
        members, group_of = np.unique(targets[labelled], axis=0, return_inverse=True)
        index_of = np.cumsum(labelled) - 1
        of_labelled = [(index_of[which[labelled[which]]], view[labelled[which]]) for which, view in views]
        known, metrics, scores = fit_familiarity(
            features[labelled], group_of.ravel(), folds[labelled], of_labelled, members
        )
        if known is None or scores is None:
            return None, metrics, None
        which, view = views[0]
        all_scores = score_photos(known, view)
        all_scores[labelled[which]] = scores
        return known, metrics, all_scores

    def fine_tuning_callbacks(self, targets: np.ndarray) -> list[Callback]:
        """Return none: a rare label's threshold is its own."""
        return []

    def judge(self, before: np.ndarray, after: np.ndarray, targets: np.ndarray, learned: np.ndarray) -> Verdict:
        """Return the verdict by the binary cross-entropy, each half calibrated on the other one."""
        halves = np.arange(len(targets)) % 2
        calibrated = (cross_fitted(scores[:, None], targets, halves)[:, 0] for scores in (before, after))
        return verdict_of(np.stack([binary_cross_entropy(own, targets).mean(1) for own in calibrated]))
