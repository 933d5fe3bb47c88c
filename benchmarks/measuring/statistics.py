"""Calibration error with its interval, and how well a score tells two groups apart."""

from collections.abc import Sequence
from statistics import quantiles

import numpy as np
from sklearn.metrics import roc_auc_score

from classifier.inference.confidence import probabilities
from training.train.probes.calibration import calibration_error, reliability

RESAMPLED = 2000  # times, for the 95% interval of the calibration error


def uncalibrated(by_label: np.ndarray, temperature: float) -> np.ndarray:
    """Return (N, C) plain softmax: the temperature taken back out of calibrated probabilities."""
    return probabilities(np.log(by_label.clip(1e-300)), 1 / temperature)


def error_of(by_label: np.ndarray, targets: np.ndarray) -> float:
    """Return the expected calibration error of (N, C) probabilities, 15 bins."""
    return calibration_error(reliability(by_label.max(1), by_label.argmax(1) == targets))


def interval(by_label: np.ndarray, targets: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the 95% bootstrap interval of the calibration error."""
    rng, n = np.random.default_rng(seed), len(targets)
    errors = [error_of(by_label[drawn], targets[drawn]) for drawn in rng.integers(0, n, (RESAMPLED, n))]
    return tuple(np.quantile(errors, [0.025, 0.975]))


def auroc(known: np.ndarray, other: np.ndarray) -> float:
    """Return how well a score tells two groups apart: 0.5 is chance, 1 is always."""
    return float(roc_auc_score([1] * len(known) + [0] * len(other), np.concatenate([known, other])))


def rates(name: str, known: np.ndarray, other: np.ndarray, threshold: float) -> dict:
    """Return what passes a threshold, and how well the score tells the groups apart."""
    return {
        "name": name,
        "threshold": float(threshold),
        "known": float(np.mean(known >= threshold)),
        "other": float(np.mean(other >= threshold)),
        "auroc": auroc(known, other),
    }


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return quantiles(values, n=20, method="inclusive")[-1]
