"""Fit a linear probe of several labels a photo: a logistic regression for each label, all of them at once.

Reads  (N, V, D) features and (N, C) marks: whether each of N photos shows each of C labels
Gives  a `Probe`, whose scores are logits: each label's sigmoid is its probability
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from threadpoolctl import threadpool_limits

from .linear import Probe, standardised
from .multi_label_calibration import fit_label_calibration

MAX_STEPS = 300
TOLERANCE = 1e-4  # of a loss a photo, relative


class MultiLabelPath:
    """The probes of the same photos at several strengths of regularisation: each fit starts from the one before.

    The loss is that of scikit-learn's LogisticRegression at the same C for every label on its own. All labels are
    fitted at once, since they share the features: with 20 labels this takes a tenth of the time.
    """

    def __init__(self, features: np.ndarray, marks: np.ndarray):
        """features: (N, V, D), whose V views count as much as one photo; marks: (N, C) of 0 and 1."""
        n_views = features.shape[1]
        self._x, self._mean, self._var = standardised(features.reshape(-1, features.shape[2]))
        self._marks, self._weight = np.repeat(marks, n_views, axis=0).astype(np.float32), 1 / n_views
        share = marks.mean(0).clip(1e-3, 1 - 1e-3)
        self._start = np.concatenate([np.zeros((features.shape[2], marks.shape[1])), np.log(share / (1 - share))[None]])

    def at(self, strength: float) -> Probe:
        """Return the probe of a strength; ascending strengths are the fastest."""
        shape = self._start.shape

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            coefficients = flat.reshape(shape)
            weight, bias = coefficients[:-1], coefficients[-1]
            scores = self._x @ weight.astype(np.float32) + bias.astype(np.float32)
            losses = np.logaddexp(0, scores) - self._marks * scores
            slope = (expit(scores) - self._marks) * np.float32(strength * self._weight)
            gradient = np.concatenate([self._x.T @ slope + weight, slope.sum(0, dtype=np.float64)[None]])
            total = strength * self._weight * losses.sum(dtype=np.float64) + (weight**2).sum() / 2
            return total / len(self._x), gradient.ravel() / len(self._x)

        options = {"maxiter": MAX_STEPS, "ftol": TOLERANCE * 1e-2, "gtol": 0}
        # a step is short: on a busy machine, threads that wait for each other would take 40 times as long
        with threadpool_limits(1):
            found = minimize(loss, self._start.ravel(), jac=True, method="L-BFGS-B", options=options)
        self._start = found.x.reshape(shape)
        return Probe(self._mean, self._var, self._start[:-1].T.copy(), self._start[-1].copy())


class AnyOf:
    """Probes of photos with any of C labels each: several, one or none."""

    def path(self, features: np.ndarray, targets: np.ndarray) -> MultiLabelPath:
        """Return the probes of (N, V, D) features and the (N, C) marks of N photos."""
        return MultiLabelPath(features, targets)

    def loss(self, scores: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean binary cross-entropy of (N, V, C) scores, each label calibrated."""
        probabilities = fit_label_calibration(scores, targets).probabilities(scores)
        return float(binary_cross_entropy(probabilities, targets[:, None]).mean())

    def can_learn(self, targets: np.ndarray) -> bool:
        """Return whether some of these photos show each label, and some do not."""
        return bool((targets.any(0) & ~targets.all(0)).all())


def binary_cross_entropy(probabilities: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Return -log of the probability of what is true: that a photo shows a label, or that it does not; 0 and up."""
    return -np.log(np.where(marks, probabilities, 1 - probabilities).clip(1e-12))
