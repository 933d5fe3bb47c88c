"""Fit a linear probe: multinomial logistic regression on the standardised features of a frozen backbone.

Reads  (N, D) features and the labels of N photos
Gives  a `Probe`, and out-of-fold scores: those of probes that did not learn from the photo

Source: Alain & Bengio 2016, Understanding intermediate layers using linear classifier probes; Kornblith et al. 2019,
Do Better ImageNet Models Transfer Better? On a network trained on ImageNet, a probe comes close to fine-tuning, in
seconds.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from .calibration import fit_temperature

if TYPE_CHECKING:
    from torch import nn

EPS = 1e-5  # as in batch norm, which standardises in the network
PART = 16_384  # rows of features that are computed with in float64 at once
MAX_IMBALANCE = 3  # if a label has more times as many photos as another one, all are taken to be equally frequent


@dataclass(frozen=True)
class Probe:
    """A linear classifier of standardised features."""

    mean: np.ndarray  # (D,)
    var: np.ndarray  # (D,)
    weight: np.ndarray  # (C, D)
    bias: np.ndarray  # (C,)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return (..., C) scores of (..., D) features, whose softmax are probabilities."""
        scores = np.empty((*features.shape[:-1], len(self.weight)))
        for part in parts(len(features)):
            standard = (features[part] - self.mean) / np.sqrt(self.var + EPS)
            scores[part] = standard @ self.weight.T + self.bias
        return scores

    def to_layers(self) -> list["nn.Module"]:
        """Return batch norm and a linear layer that give the same scores for pooled features."""
        import torch  # imported here: commands that only cross-validate start without it
        from torch import nn

        n_labels, n_features = self.weight.shape
        norm, linear = nn.BatchNorm1d(n_features, eps=EPS), nn.Linear(n_features, n_labels)
        with torch.no_grad():
            for name, values in (("running_mean", self.mean), ("running_var", self.var)):
                norm.get_buffer(name).copy_(torch.from_numpy(np.asarray(values, dtype=np.float32)))
            for parameter, values in ((linear.weight, self.weight), (linear.bias, self.bias)):
                parameter.copy_(torch.from_numpy(np.asarray(values, dtype=np.float32)))
        return [norm, linear]


def parts(n: int) -> Iterator[slice]:
    """Yield slices of n rows: float64 copies of all the features of 100,000 photos would take gigabytes."""
    return (slice(start, start + PART) for start in range(0, n, PART))


def standardised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (N, D) features with a mean of 0 and a variance of 1, as float32, and the mean and variance of each."""
    mean = x.mean(0, dtype=np.float64)
    var = np.sum([np.square(x[part] - mean).sum(0) for part in parts(len(x))], axis=0) / len(x)
    standard = np.empty_like(x, dtype=np.float32)
    for part in parts(len(x)):
        standard[part] = (x[part] - mean) / np.sqrt(var + EPS)
    return standard, mean, var


def label_weights(targets: np.ndarray, n_labels: int) -> np.ndarray:
    """Return (C,) weights with which all labels count as much; all 1 where none is MAX_IMBALANCE times rarer."""
    counts = np.bincount(targets, minlength=n_labels).clip(1)
    return counts.max() / counts if counts.max() > MAX_IMBALANCE * counts.min() else np.ones(n_labels)


def sample_weights(targets: np.ndarray, n_labels: int) -> np.ndarray:
    """Return (N,) weights of photos, the weights of their labels; see `label_weights`."""
    return label_weights(targets, n_labels)[targets]


class ProbePath:
    """The probes of the same photos at several strengths of regularisation: each fit starts from the one before."""

    def __init__(self, features: np.ndarray, targets: np.ndarray, n_labels: int):
        """features: (N, V, D), whose V views count as much as one photo; targets: (N,), every label among them.

        Where labels are imbalanced, their logits are adjusted so that the probe expects all equally often: the shares
        of the photos that somebody found say little about those that will be asked about. Weights in the fit do less.
        Source: Menon et al. 2021, Long-tail learning via logit adjustment.
        """
        n_views = features.shape[1]
        self._weights = np.full(len(targets) * n_views, 1 / n_views)
        self._adjustment = np.log(label_weights(targets, n_labels))
        self._targets, self._binary = np.repeat(targets, n_views), n_labels == 2
        self._x, self._mean, self._var = standardised(features.reshape(len(self._targets), -1))
        self._model = LogisticRegression(max_iter=300, tol=1e-3, warm_start=True)

    def at(self, strength: float) -> Probe:
        """Return the probe of a strength; ascending strengths are the fastest."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is near enough
            self._model.set_params(C=strength).fit(self._x, self._targets, self._weights)
        weight, bias = self._model.coef_, self._model.intercept_
        if self._binary:  # sklearn keeps the difference of the two labels
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        return Probe(self._mean, self._var, weight.copy(), bias + self._adjustment)


def fit_probe(features: np.ndarray, targets: np.ndarray, n_labels: int, strength: float) -> Probe:
    """Return the probe of (N, V, D) features and (N,) targets; see `ProbePath`."""
    return ProbePath(features, targets, n_labels).at(strength)


def cross_entropy(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return (N, ...) losses of (N, ..., C) scores: -log of the probability of the photo's own label, 0 and up."""
    scores = scores - scores.max(-1, keepdims=True)
    own = np.take_along_axis(scores, targets.reshape(-1, *[1] * (scores.ndim - 1)), axis=-1)[..., 0]
    return np.log(np.exp(scores).sum(-1)) - own


class OneOf:
    """Probes of photos with one of C labels each."""

    def __init__(self, n_labels: int):
        self.n_labels = n_labels

    def path(self, features: np.ndarray, targets: np.ndarray) -> ProbePath:
        """Return the probes of (N, V, D) features and the targets of N photos."""
        return ProbePath(features, targets, self.n_labels)

    def loss(self, scores: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean cross-entropy of (N, V, C) scores, at their own temperature, imbalanced labels alike."""
        weights = sample_weights(targets, self.n_labels)
        losses = cross_entropy(scores / fit_temperature(scores, targets, weights), targets).mean(1)
        return float(np.average(losses, weights=weights))

    def can_learn(self, targets: np.ndarray) -> bool:
        """Return whether all labels are among these."""
        return len(np.unique(targets)) == self.n_labels
