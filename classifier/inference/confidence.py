"""Confidence in a prediction: calibrated probabilities, and how near the photo lies to the training photos.

Calibration: of the photos that get 90%, 9 in 10 are right. A network's plain softmax does not have this property.
Familiarity: a softmax always gives a label; for a mug, a classifier of bears answers "teddy". The features of the
mug, which the network computes too, lie far from those of every training photo: its familiarity is low.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

log = logging.getLogger(__name__)

TEMPERATURES = (0.05, 20.0)  # lowest and highest that a fit may give
DATA_ERRORS = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RuntimeError)
MAX_NUMBERS = 5_000_000  # in the training photos' features
K = 5  # of the k-th nearest neighbour: not 1, so that one odd training photo makes no other photo familiar


def probabilities(scores: np.ndarray, temperature: float = 1) -> np.ndarray:
    """Return the softmax of (..., C) scores divided by a temperature: above 1 less confident, below 1 more.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    scores = np.asarray(scores, dtype=np.float64) / temperature
    exponentials = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(-1, keepdims=True))


def read_temperature(facts: object) -> float | None:
    """Return the temperature in an export's calibration data; None, with a line in the log, where it is invalid."""
    if facts is None:
        return None
    try:
        temperature = as_number(as_mapping(facts)["temperature"])
        if not TEMPERATURES[0] <= temperature <= TEMPERATURES[1]:  # not-a-number is outside too
            raise ValueError(f"temperature {temperature}")
    except DATA_ERRORS as error:
        log.warning("The export's calibration data cannot be used (%s): serving plain softmax.", error)
        return None
    return temperature


def as_mapping(facts: object) -> Mapping[str, Any]:
    """Return facts that are a dictionary; TypeError for any others."""
    if not isinstance(facts, Mapping):
        raise TypeError(f"{type(facts).__name__} in place of a dictionary")
    return facts


def as_number(value: object) -> float:
    """Return a fact that is a number; TypeError for any other, also for a truth value."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def normalised(features: np.ndarray) -> np.ndarray:
    """Return (N, D) features scaled to length 1; rows of zeros stay zeros, and not-a-number becomes 0."""
    features = np.nan_to_num(np.asarray(features, dtype=np.float32), posinf=0, neginf=0)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(lengths > 0, lengths, 1))


def familiarity(features: np.ndarray, reference: np.ndarray, k: int = K) -> np.ndarray:
    """Return how near each photo lies to the training photos.

    features: (N, D) pooled backbone features; reference: (M, D), of length 1, M at least k.
    Returns (N,) cosine similarity to the k-th nearest reference, 0 to 1, higher is nearer.
    Source: Sun et al. 2022, Out-of-Distribution Detection with Deep Nearest Neighbors.
    """
    similarities = normalised(features) @ reference.T
    return np.asarray(np.partition(similarities, -k, axis=1)[:, -k].clip(0, 1))


def usable(reference: np.ndarray, threshold: float, k: int) -> bool:
    """Return whether (M, D) normalised features and a threshold can separate photos.

    False where fewer than k features have a direction, as those of a dead network, and at a threshold of 0, which
    every photo reaches.
    """
    return 0 < threshold <= 1 and int((np.linalg.norm(reference, axis=1) > 0.99).sum()) >= k


@dataclass(frozen=True)
class Familiarity:
    """The training photos' features, and the lowest score of a familiar photo."""

    reference: np.ndarray  # (M, D) float32, of length 1
    threshold: float  # 0 to 1
    k: int = K

    def score(self, features: np.ndarray) -> float:
        """Return the familiarity, 0 to 1, of one photo's (D,) features."""
        return float(familiarity(features[None], self.reference, self.k)[0])

    def to_facts(self) -> dict[str, Any]:
        """Return plain data for the export, with the features in 8 bits: only their directions count."""
        import torch

        largest = np.abs(self.reference).max(axis=1, keepdims=True)
        rows = np.round(self.reference / np.where(largest > 0, largest, 1) * 127).astype(np.int8)
        return {"reference": torch.from_numpy(rows), "threshold": float(self.threshold), "k": int(self.k)}

    @classmethod
    def from_facts(cls, facts: object, n_features: int | None) -> "Familiarity | None":
        """Return the familiarity data of an export; None, with a line in the log, for data that is invalid.

        n_features: D of the features that the export's model gives; None if it gives none.
        """
        if facts is None:
            return None
        try:
            data = as_mapping(facts)
            rows = np.asarray(data["reference"])
            threshold, k = as_number(data["threshold"]), as_number(data["k"])
            if (
                rows.ndim != 2
                or not 0 < rows.size <= MAX_NUMBERS
                or rows.shape[1] != n_features
                or k not in range(1, len(rows) + 1)
            ):
                raise ValueError(f"features of shape {rows.shape} for {n_features}, k={k}")
            if rows.dtype.kind not in "if":
                raise TypeError(f"features that are {rows.dtype}")
            reference = normalised(rows)
            if not usable(reference, threshold, int(k)):
                raise ValueError(f"threshold {threshold}, {len(rows)} features, some of them without a direction")
        except DATA_ERRORS as error:
            log.warning("The export's familiarity data cannot be used (%s): serving without it.", error)
            return None
        return cls(reference, threshold, int(k))
