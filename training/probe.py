"""Fit a linear probe: multinomial logistic regression on the standardised features of a frozen backbone.

Reads  (N, D) features and the labels of N photos
Gives  a `Probe`, and what probes that did not learn from a photo say of it (out-of-fold scores)

Source: Alain & Bengio 2016, Understanding intermediate layers using linear classifier probes; Kornblith et al. 2019,
Do Better ImageNet Models Transfer Better? A probe on a network of ImageNet comes close to fine-tuning, in seconds.
"""
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import nn

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)  # C of the logistic regression: the smaller, the more regularised
EPS = 1e-5  # as in batch norm, which standardises in the network
MOST_UNEVEN = 3  # times as many photos as another label: beyond, the photos of the rarer label count for more
ENOUGH = 5000  # photos to choose the regularisation with


@dataclass(frozen=True)
class Probe:
    """A linear classifier of standardised features."""

    mean: np.ndarray  # (D,)
    var: np.ndarray  # (D,)
    weight: np.ndarray  # (C, D)
    bias: np.ndarray  # (C,)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return (..., C) scores of (..., D) features, whose softmax are probabilities."""
        return (features - self.mean) / np.sqrt(self.var + EPS) @ self.weight.T + self.bias

    def to_layers(self) -> list[nn.Module]:
        """Return batch norm and a linear layer that score pooled features as this does."""
        n_labels, n_features = self.weight.shape
        norm, linear = nn.BatchNorm1d(n_features, eps=EPS), nn.Linear(n_features, n_labels)
        with torch.no_grad():
            for to, values in ((norm.running_mean, self.mean), (norm.running_var, self.var),
                               (linear.weight, self.weight), (linear.bias, self.bias)):
                to.copy_(torch.from_numpy(np.asarray(values, dtype=np.float32)))
        return [norm, linear]


def weights_of(targets: np.ndarray) -> np.ndarray:
    """Return (N,) weights, 1 or more: a label counts for at least 1 / MOST_UNEVEN of the most frequent one."""
    counts = np.bincount(targets)
    return np.maximum(1, counts.max() / MOST_UNEVEN / counts.clip(1))[targets]


def fit_probes(features: np.ndarray, targets: np.ndarray, n_labels: int,
               strengths: Sequence[float]) -> list[Probe]:
    """Return the probes of (N, V, D) features and (N,) targets, one for each strength in ascending order.

    The V views of a photo count as much as one photo. Every label from 0 to n_labels - 1 needs a photo. Labels that
    are more than MOST_UNEVEN times rarer than another are weighted.
    """
    n_views = features.shape[1]
    weights, targets = (np.repeat(of, n_views) for of in (weights_of(targets) / n_views, targets))
    x = features.reshape(len(targets), -1)
    mean, var = x.mean(0, dtype=np.float64), x.var(0, dtype=np.float64)
    x = ((x - mean) / np.sqrt(var + EPS)).astype(np.float32)
    model, probes = LogisticRegression(max_iter=300, tol=1e-3, warm_start=True), []
    for strength in strengths:  # each fit starts from the one before
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # near enough
            model.set_params(C=strength).fit(x, targets, weights)
        weight, bias = model.coef_, model.intercept_
        if n_labels == 2:  # sklearn keeps the difference of the two
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        probes.append(Probe(mean, var, weight.copy(), bias.copy()))
    return probes


def cross_entropy(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return (N, ...) losses of (N, ..., C) scores: -log of the probability of the photo's own label, 0 and up."""
    scores = scores - scores.max(-1, keepdims=True)
    own = np.take_along_axis(scores, targets.reshape(-1, *[1] * (scores.ndim - 1)), axis=-1)[..., 0]
    return np.log(np.exp(scores).sum(-1)) - own


def cross_validate(features: np.ndarray, targets: np.ndarray, folds: np.ndarray,
                   n_labels: int) -> tuple[float, np.ndarray]:
    """Return the strength with the lowest out-of-fold loss, and the (N, V, C) out-of-fold scores at it.

    features: (N, V, D), V views of each photo. folds: (N,), see `folds.assign_folds`. The scores of a fold come from
    a probe of the other folds.
    """
    strengths = STRENGTHS
    if len(targets) > ENOUGH:  # so many photos leave no doubt which is best
        some = np.random.default_rng(0).permutation(len(targets))[:ENOUGH]
        if all(len(np.unique(targets[some][folds[some] != fold])) == n_labels for fold in np.unique(folds)):
            strengths = (_best(_out_of_fold(features[some], targets[some], folds[some], n_labels, STRENGTHS),
                               targets[some]),)
    scores = _out_of_fold(features, targets, folds, n_labels, strengths)
    best = _best(scores, targets)
    return best, scores[best]


def _out_of_fold(features: np.ndarray, targets: np.ndarray, folds: np.ndarray, n_labels: int,
                 strengths: Sequence[float]) -> dict[float, np.ndarray]:
    """Return (N, V, C) out-of-fold scores by strength."""
    scores = {strength: np.empty((*features.shape[:2], n_labels)) for strength in strengths}
    for fold in np.unique(folds):
        held_out = folds == fold
        for strength, probe in zip(strengths, fit_probes(features[~held_out], targets[~held_out], n_labels,
                                                         strengths)):
            scores[strength][held_out] = probe.scores(features[held_out])
    return scores


def _best(scores: dict[float, np.ndarray], targets: np.ndarray) -> float:
    """Return the strength with the lowest weighted loss."""
    weights = weights_of(targets)
    return min(scores, key=lambda strength: float(weights @ cross_entropy(scores[strength], targets).mean(1)))
