"""Train for one label a photo: a softmax over all labels, one temperature."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback

from classifier.inference.confidence import Familiarity, probabilities
from training.data.labels import Labels
from training.evaluation.held_out import HeldOutPredictions

from .fine_tune import verdict_of
from .probes.calibration import calibrate, fit_temperature
from .probes.familiarity import FamiliarityMetrics, fit_familiarity
from .probes.linear import OneOf, cross_entropy, label_weights, sample_weights
from .task import Scored, Task, Views
from .verdict import Verdict


class ExpectEachLabel(Callback):
    """Have the loss see scores without the adjustment for imbalanced labels, which the probe's bias has in it.

    So the network stays adjusted while it learns from photos as they are. Source: Menon et al. 2021, Long-tail learning
    via logit adjustment.
    """

    def __init__(self, adjustment: np.ndarray):
        """adjustment: (C,), the logarithm of `probe.label_weights`."""
        self._adjustment = torch.as_tensor(adjustment, dtype=torch.float32)

    def after_pred(self) -> None:
        """Take the adjustment out of the scores that the loss is of."""
        self.learn.pred = self.pred - self._adjustment.to(self.pred.device)


class OneLabel(OneOf, Task):
    """One label a photo; (N,) targets are its index."""

    def __init__(self, vocab: Sequence[str], labels: Labels):
        Task.__init__(self, vocab, labels)
        OneOf.__init__(self, len(self.vocab))

    def targets(self, files: Sequence[Path]) -> np.ndarray:
        """Return (N,) indices of the photos' labels."""
        return np.array([self.vocab.index(self.labels(file)[0]) for file in files])

    def error(self, scores: np.ndarray, targets: np.ndarray) -> tuple[float, str]:
        """Return the share of wrong answers."""
        error = float(np.mean(scores.argmax(1) != targets))
        return error, f"{error:.1%} of the photos held out in turn are wrong"

    def calibrate(
        self, scores: np.ndarray, targets: np.ndarray, folds: np.ndarray, shrink: bool = False
    ) -> dict[str, Any] | None:
        """Return `temperature` and its figures; see `Task.calibrate`."""
        return calibrate(scores, targets, folds, shrink, sample_weights(targets, self.n_labels))

    def held_out(self, of: Scored, calibration: dict[str, Any] | None) -> tuple[HeldOutPredictions, None]:
        """Return the predictions for held-out photos."""
        by_label = probabilities(of.scores, calibration["temperature"] if calibration else 1)
        return HeldOutPredictions(self.vocab, of.hashes, by_label, of.familiarity, targets=of.targets), None

    def fit_familiarity(
        self, features: np.ndarray, targets: np.ndarray, folds: np.ndarray, views: Views
    ) -> tuple[Familiarity | None, FamiliarityMetrics, np.ndarray | None]:
        """Return what `familiarity.fit_familiarity` does."""
        return fit_familiarity(features, targets, folds, views)

    def fine_tuning_callbacks(self, targets: np.ndarray) -> list[Callback]:
        """Return the adjustment for imbalanced labels."""
        return [ExpectEachLabel(np.log(label_weights(targets, self.n_labels)))]

    def judge(self, before: np.ndarray, after: np.ndarray, targets: np.ndarray, learned: np.ndarray) -> Verdict:
        """Return the verdict by the cross-entropy, imbalanced labels alike; see `judge`."""
        return judge(before, after, targets, label_weights(learned, self.n_labels)[targets])


def judge(before: np.ndarray, after: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> Verdict:
    """Return the verdict of N held-out photos on (N, C) scores before and after.

    weights: (N,) of photos of imbalanced labels, as `probe.sample_weights` gives them.
    Each half is measured at the temperature of the other one, so that a surer model is not taken for a better one.
    """
    weights = np.ones(len(targets)) if weights is None else weights / weights.mean()
    losses = np.empty((2, len(targets)))
    halves = np.arange(len(targets)) % 2
    for row, scores in zip(losses, (before, after)):
        for half in np.unique(halves):  # a single photo is measured at its own temperature
            own, others = halves == half, (halves != half if len(targets) > 1 else halves == half)
            temperature = fit_temperature(scores[others][:, None], targets[others], weights[others])
            log_probabilities = np.log(probabilities(scores[own], temperature).clip(1e-12))
            row[own] = cross_entropy(log_probabilities, targets[own]) * weights[own]
    return verdict_of(losses)
