"""Make "90%" mean "right 9 times in 10": fit a temperature on out-of-fold answers, and measure what it does.

Reads  `folds.OutOfFold`
Gives  the temperature for the export, and its reliability before and after for metrics.json
"""
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from fastai.learner import Learner
from scipy.optimize import minimize_scalar

from classifier.trust import TEMPERATURES, probabilities

from .folds import OutOfFold, of_validation, out_of_fold

ENOUGH = 1000  # validation photos that tell as much as folds would, and cost nothing
N_BINS = 15  # of equal width over 0 to 1, as in Guo et al. 2017


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature with the lowest cross-entropy on (N, V, C) scores with (N,) targets.

    Targets are smoothed as Platt (1999) does, for one photo right or wrong that was not drawn: without it
    the temperature runs to zero where nothing is wrong.
    """
    n, _, n_labels = scores.shape
    doubt = 1 / (n + 2)
    wanted = np.full((n, 1, n_labels), doubt / max(n_labels - 1, 1))
    wanted[np.arange(n), 0, targets] = 1 - doubt

    def loss(log_temperature: float) -> float:
        return -(wanted * np.log(probabilities(scores, np.exp(log_temperature)).clip(1e-12))).sum(2).mean()

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def reliability(confidences: np.ndarray, right: np.ndarray, n_bins: int = N_BINS) -> list[dict]:
    """Return a dict a bin that holds any: n, mean confidence, and accuracy, the share that is right.

    confidences: (N,) probabilities of the most probable label; right: (N,) whether it is the photo's own.
    """
    bins = np.minimum((confidences * n_bins).astype(int), n_bins - 1)
    return [{"n": int((bins == i).sum()), "confidence": float(confidences[bins == i].mean()),
             "accuracy": float(right[bins == i].mean())} for i in range(n_bins) if (bins == i).any()]


def calibration_error(bins: Sequence[dict]) -> float:
    """Return the expected calibration error, 0 to 1, 0 is perfect: mean distance of confidence and accuracy."""
    return sum(row["n"] * abs(row["confidence"] - row["accuracy"]) for row in bins) / sum(row["n"] for row in bins)


def measured(by_label: np.ndarray, targets: np.ndarray) -> dict:
    """Return the reliability and its error for (N, V, C) probabilities."""
    right = by_label.argmax(2) == targets[:, None]
    bins = reliability(by_label.max(2).ravel(), right.ravel())
    return {"error": round(calibration_error(bins), 4), "bins": [
        {name: round(value, 4) for name, value in row.items()} for row in bins]}


def calibrate(answers: OutOfFold) -> dict | None:
    """Return what metrics.json records of the calibration, `temperature` first; None for scores that are no numbers.

    "after" is cross-fitted: the photos of each fold are measured at the temperature of the other folds.
    """
    scores, targets = answers.scores, answers.targets
    if not np.isfinite(scores).all():
        return None
    after = np.empty_like(scores)
    for fold in np.unique(answers.folds):
        own = answers.folds == fold
        others = own if own.all() else ~own
        after[own] = probabilities(scores[own], fit_temperature(scores[others], targets[others]))
    wrong = answers.wrong()
    return {"temperature": fit_temperature(scores, targets), "n_photos": len(targets),
            "n_folds": int(answers.folds.max()) + 1, "error_rate": float(wrong[0]),
            "error_rate_thumbnails": float(wrong[1]),
            "before": measured(probabilities(scores), targets), "after": measured(after, targets)}


def learn_calibration(learn: Learner, photos: Sequence[Path], fit: Callable[[list[str]], Learner],
                      n_folds: int = 5) -> dict | None:
    """Return what `calibrate` does for a trained model; None, and a line that says why, where it cannot be told.

    photos: all of them; fit: as `folds.out_of_fold` takes it; n_folds: 0 leaves calibration out.
    """
    if n_folds == 0:
        print("--folds 0: the probabilities stay plain softmax, and page and API say so.")
        return None
    enough = len(learn.dls.valid_ds) >= ENOUGH
    answers = of_validation(learn, ENOUGH) if enough else out_of_fold(photos, fit, n_folds)
    result = answers and calibrate(answers)
    if result is None:
        print("The probabilities stay plain softmax: " + (
            "a label has too few different photos to learn without some of them." if answers is None else
            "the model's scores are no numbers; try a lower --base-lr."))
    return result
