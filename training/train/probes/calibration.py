"""Calibrate probabilities, so that "90%" is right 9 times in 10: fit a temperature, and measure the reliability.

Reads  scores of photos by models that did not learn from them
Gives  the temperature for the export, and its reliability before and after for metrics.json
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from classifier.inference.confidence import TEMPERATURES, probabilities

SHRINKAGE_PHOTOS = 100  # a temperature fitted on so many photos of one validation set is moved half way to 1
N_BINS = 15  # of equal width over 0 to 1, as in Guo et al. 2017


def fit_temperature(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the temperature with the lowest cross-entropy on (N, V, C) scores with (N,) targets and weights.

    Targets are smoothed as Platt (1999) does, for one photo right or wrong that was not drawn: without it the
    temperature goes to zero where nothing is wrong.
    """
    n, _, n_labels = scores.shape
    doubt = 1 / (n + 2)
    wanted = np.full((n, 1, n_labels), doubt / max(n_labels - 1, 1))
    wanted[np.arange(n), 0, targets] = 1 - doubt
    if weights is not None:
        wanted *= (weights / weights.mean())[:, None, None]

    def loss(log_temperature: float) -> float:
        return float(-(wanted * np.log(probabilities(scores, np.exp(log_temperature)).clip(1e-12))).sum(2).mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def reliability(
    confidences: np.ndarray, right: np.ndarray, n_bins: int = N_BINS, weights: np.ndarray | None = None
) -> list[dict[str, Any]]:
    """Return a dict a bin that holds any: n, mean confidence, and accuracy, the share that is right.

    confidences: (N,) probabilities of the most probable label; right: (N,) whether it is the photo's own; weights:
    (N,), how much each counts.
    """
    weights = np.ones(len(right)) if weights is None else weights / weights.mean()
    bins = np.minimum((confidences * n_bins).astype(int), n_bins - 1)
    return [
        {
            "n": round(float(weights[bins == i].sum())),
            "confidence": float(np.average(confidences[bins == i], weights=weights[bins == i])),
            "accuracy": float(np.average(right[bins == i], weights=weights[bins == i])),
        }
        for i in range(n_bins)
        if (bins == i).any()
    ]


def calibration_error(bins: Sequence[dict[str, Any]]) -> float:
    """Return the expected calibration error, 0 to 1, 0 is perfect: mean distance of confidence and accuracy."""
    distances = sum(row["n"] * abs(row["confidence"] - row["accuracy"]) for row in bins)
    return float(distances / sum(row["n"] for row in bins))


def measure_reliability(by_label: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> dict[str, Any]:
    """Return the expected calibration error and the reliability of (N, V, C) probabilities, for (N,) targets."""
    right = by_label.argmax(2) == targets[:, None]
    each_view = None if weights is None else np.repeat(weights, by_label.shape[1])
    bins = reliability(by_label.max(2).ravel(), right.ravel(), weights=each_view)
    return {
        "error": round(calibration_error(bins), 4),
        "bins": [{name: round(value, 4) for name, value in row.items()} for row in bins],
    }


def calibrate(
    scores: np.ndarray, targets: np.ndarray, folds: np.ndarray, shrink: bool = False, weights: np.ndarray | None = None
) -> dict[str, Any] | None:
    """Return what metrics.json records of the calibration, `temperature` first; None for scores that are no numbers.

    scores: (N, V, C) of V views of photos that the model did not learn from, the plain view first; folds: (N,).
    "after" is cross-fitted: the photos of each fold are measured at the temperature of the other folds.
    shrink: move the temperature towards 1, with the exponent N / (N + SHRINKAGE_PHOTOS); for one validation set.
    weights: (N,) of photos of imbalanced labels, as `probe.sample_weights` gives them.
    """
    weights = np.ones(len(targets)) if weights is None else weights
    if not np.isfinite(scores).all():
        print("The probabilities stay plain softmax: the model's scores are no numbers; try a lower --base-lr.")
        return None

    def fitted(which: np.ndarray) -> float:
        temperature, n = fit_temperature(scores[which], targets[which], weights[which]), int(which.sum())
        return float(temperature ** (n / (n + SHRINKAGE_PHOTOS))) if shrink else temperature

    after = np.empty_like(scores, dtype=np.float64)
    for fold in np.unique(folds):
        own = folds == fold
        after[own] = probabilities(scores[own], fitted(own if own.all() else ~own))
    wrong = scores[:, 0].argmax(1) != targets
    return {
        "temperature": fitted(np.ones(len(targets), dtype=bool)),
        "n_photos": len(targets),
        "n_folds": len(np.unique(folds)),
        "error_rate": float(wrong.mean()),
        "before": measure_reliability(probabilities(scores), targets, weights),
        "after": measure_reliability(after, targets, weights),
    }
