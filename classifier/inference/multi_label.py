"""Probabilities of a model that gives a photo several labels, or none: a sigmoid and a threshold for each label.

    calibration, thresholds = read_label_calibration(facts, n_labels=3, threshold=0.5)
    given = (calibration or LabelCalibration.plain(3)).probabilities(scores) > thresholds

Of the photos that get 90% for a label, 9 in 10 show it, where the export has calibration data.
Source: Platt 1999, Probabilistic outputs for support vector machines.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .confidence import DATA_ERRORS, as_mapping, as_number

log = logging.getLogger(__name__)

MAX_SLOPE, MAX_BIAS = 100.0, 100.0  # highest slope, and bias as a magnitude, that a fit may give
MAX_EXPONENT = 700.0  # beyond it, the exponential is no number


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """Return the sigmoid of scores of any shape, 0 to 1, in float64."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(scores, dtype=np.float64).clip(-MAX_EXPONENT, MAX_EXPONENT))))


@dataclass(frozen=True)
class LabelCalibration:
    """One sigmoid for each label, from its score to its probability."""

    slopes: np.ndarray
    """(C,) above 0, at most MAX_SLOPE"""
    biases: np.ndarray
    """(C,) from -MAX_BIAS to MAX_BIAS"""

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Return (..., C) probabilities of (..., C) scores, each 0 to 1 on its own."""
        return sigmoid(np.asarray(scores, dtype=np.float64) * self.slopes + self.biases)

    def to_facts(self) -> dict[str, list[float]]:
        """Return plain data for the export's `facts["calibration"]`, in the order of its labels."""
        return {"slopes": [float(slope) for slope in self.slopes], "biases": [float(bias) for bias in self.biases]}

    @classmethod
    def plain(cls, n_labels: int) -> "LabelCalibration":
        """Return the sigmoids of a model that is not calibrated: slopes of 1 without biases."""
        return cls(np.ones(n_labels), np.zeros(n_labels))

    @classmethod
    def from_facts(cls, facts: object, n_labels: int) -> "LabelCalibration":
        """Return the calibration in facts; one of DATA_ERRORS for facts that are invalid."""
        data = as_mapping(facts)
        slopes, biases = (_numbers(data[name], n_labels) for name in ("slopes", "biases"))
        if not ((slopes > 0) & (slopes <= MAX_SLOPE) & (np.abs(biases) <= MAX_BIAS)).all():  # false for not-a-number
            raise ValueError(f"a slope that is not above 0 and at most {MAX_SLOPE:g}, or a bias beyond {MAX_BIAS:g}")
        return cls(slopes, biases)


def read_label_calibration(
    facts: Mapping[str, Any], n_labels: int, threshold: float
) -> tuple[LabelCalibration | None, np.ndarray]:
    """Return the calibration in an export's facts, None where there is none, and (C,) thresholds of probabilities.

    facts: all of the export's, of which `calibration` and `thresholds` are read; threshold: in place of missing ones.
    Where one of the two is invalid both are dropped, with a line in the log: thresholds belong to a calibration.
    """
    given, thresholds = facts.get("calibration"), facts.get("thresholds")
    try:
        calibration = None if given is None else LabelCalibration.from_facts(given, n_labels)
        if thresholds is not None:
            return calibration, _thresholds(thresholds, n_labels)
    except DATA_ERRORS as error:
        log.warning("The export's calibration data cannot be used (%s): serving plain sigmoids.", error)
        calibration = None
    return calibration, np.full(n_labels, threshold)


def _thresholds(values: object, n_labels: int) -> np.ndarray:
    """Return (C,) thresholds, each between 0 and 1, exclusive; one of DATA_ERRORS for any other facts."""
    thresholds = _numbers(values, n_labels)
    if not ((thresholds > 0) & (thresholds < 1)).all():
        raise ValueError("a threshold that is not between 0 and 1")
    return thresholds


def _numbers(values: object, n: int) -> np.ndarray:
    """Return n facts that are numbers, (n,) float64; TypeError or ValueError for any other."""
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"{type(values).__name__} in place of a list")
    if len(values) != n:
        raise ValueError(f"{len(values)} numbers for {n} labels")
    return np.array([as_number(value) for value in values], dtype=np.float64)
