"""Calibrate the probability of each label on its own, and choose the threshold from which on a photo gets the label.

Reads  scores of photos by models that did not learn from them, and marks: whether each photo shows each label
Gives  `LabelCalibration` and thresholds for the export, and their measured calibration error for metrics.json
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from classifier.inference.multi_label import LabelCalibration

from .calibration import calibration_error, reliability

PRIOR = 1.0  # standard deviation of the logarithm of a label's slope around that of all labels, and of its bias
HIGHEST = 0.999  # a threshold that hardly any photo passes


def fit_label_calibration(scores: np.ndarray, marks: np.ndarray) -> LabelCalibration:
    """Return the sigmoid of each label with the lowest cross-entropy on (N, V, C) scores with (N, C) marks.

    A label with few photos stays near the sigmoid that fits all labels together. Targets are smoothed as Platt (1999)
    does. Source: Platt 1999, Probabilistic outputs for support vector machines.
    """
    n, n_views, n_labels = scores.shape
    positive = marks.sum(0)
    high, low = (positive + 1) / (positive + 2), 1 / (n - positive + 2)
    wanted = np.repeat(np.where(marks, high, low)[:, None], n_views, axis=1)

    def fitted(own: np.ndarray, targets: np.ndarray, centre: float | None) -> np.ndarray:
        def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
            logits = np.exp(x[0]) * own + x[1]
            slope = (expit(logits) - targets) / n_views
            total = float((np.logaddexp(0, logits) - targets * logits).sum()) / n_views
            gradient = np.array([(slope * own).sum() * np.exp(x[0]), slope.sum()])
            if centre is not None:
                away = np.array([x[0] - centre, x[1]]) / PRIOR**2
                total, gradient = total + float(away @ away) * PRIOR**2 / 2, gradient + away
            return total, gradient

        bounds = [(np.log(0.05), np.log(20)), (-20, 20)]
        return np.asarray(minimize(loss, [centre or 0.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds).x)

    of_all = fitted(scores, wanted, None)
    each = np.array([fitted(scores[..., i], wanted[..., i], of_all[0]) for i in range(n_labels)])
    return LabelCalibration(np.exp(each[:, 0]), each[:, 1])


def calibrate_labels(scores: np.ndarray, marks: np.ndarray, folds: np.ndarray) -> dict[str, Any] | None:
    """Return what metrics.json records of the calibration, `slopes` and `biases` first; None for no numbers.

    scores: (N, V, C) of V views of photos that the model did not learn from; marks: (N, C); folds: (N,). "after" is
    cross-fitted: the photos of each fold are measured by the sigmoids of the other folds.
    """
    if not np.isfinite(scores).all():
        print("The probabilities stay plain sigmoids: the model's scores are no numbers; try a lower --base-lr.")
        return None
    return {
        **fit_label_calibration(scores, marks).to_facts(),
        "n_photos": len(marks),
        "n_folds": len(np.unique(folds)),
        "before": measure_labels(expit(scores), marks),
        "after": measure_labels(cross_fitted(scores, marks, folds), marks),
    }


def cross_fitted(scores: np.ndarray, marks: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Return (N, V, C) probabilities, the photos of each fold by the sigmoids of the other folds."""
    calibrated = np.empty_like(scores, dtype=np.float64)
    for fold in np.unique(folds):
        own = folds == fold
        others = own if own.all() else ~own
        calibrated[own] = fit_label_calibration(scores[others], marks[others]).probabilities(scores[own])
    return calibrated


def measure_labels(probabilities: np.ndarray, marks: np.ndarray) -> dict[str, Any]:
    """Return the expected calibration error of (N, V, C) probabilities, the mean over labels, and one reliability.

    The bins have every label's probability of every view: their mean, and the share of photos that show the label.
    """
    shown = np.broadcast_to(marks[:, None], probabilities.shape)
    errors = [
        calibration_error(reliability(probabilities[..., i].ravel(), shown[..., i].ravel()))
        for i in range(marks.shape[1])
    ]
    bins = reliability(probabilities.ravel(), shown.ravel())
    return {
        "error": round(float(np.mean(errors)), 4),
        "by_label": [round(error, 4) for error in errors],
        "bins": [{name: round(value, 4) for name, value in row.items()} for row in bins],
    }


def choose_thresholds(probabilities: np.ndarray, precision: float = 0) -> np.ndarray:
    """Return (C,) thresholds of (N, C) calibrated probabilities: those with the best F1 or with a wanted precision.

    precision: 0 to 1, then it is the lowest threshold with it; 0 for the best F1. A label that nowhere reaches the
    wanted precision gets HIGHEST. F1 and precision are those that the probabilities let expect: counting right photos
    instead follows chance, and is worse on photos that were not counted, most of all where a label has few.
    Source: Lipton et al. 2014, Optimal Thresholding of Classifiers to Maximize F1 Measure.
    """
    return np.array([_threshold(np.sort(own)[::-1], precision) for own in probabilities.T])


def _threshold(ranked: np.ndarray, precision: float) -> float:
    """Return the threshold of one label: between the last of (N,) falling probabilities that passes and the next."""
    found, given = np.cumsum(ranked), np.arange(1, len(ranked) + 1)
    if precision:
        enough = np.flatnonzero(found / given >= precision)  # the mean falls with every photo
        last = int(enough[-1]) if len(enough) else None
    else:
        last = int((2 * found / (given + found[-1])).argmax())
    if last is None:
        return HIGHEST
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float(((ranked[last] + below) / 2).clip(0.001, HIGHEST))
