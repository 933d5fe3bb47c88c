"""How far to believe an answer: calibrated probabilities, and whether the photo is any of the known things.

Calibration: of the photos that get 90%, 9 in 10 are right. A network's own softmax promises no such thing.
Familiarity: a softmax must answer; shown a mug, a classifier of bears says "teddy". The features that
the network computes on the way know better, since a mug's lie far from every training photo's.
"""
import logging
from dataclasses import dataclass

import numpy as np

log = logging.getLogger(__name__)

TEMPERATURES = (0.05, 20.0)  # what a fit may give; beyond, a probability says nothing of the scores
UNUSABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RuntimeError)  # as facts
MOST_NUMBERS = 5_000_000  # in the training photos' features
K = 5  # the neighbour whose similarity counts: one odd training photo must not let a stranger in


def probabilities(scores: np.ndarray, temperature: float = 1) -> np.ndarray:
    """Return the softmax of (..., C) scores divided by a temperature: above 1 less sure, below 1 surer.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    scores = np.asarray(scores, dtype=np.float64) / temperature
    odds = np.exp(scores - scores.max(-1, keepdims=True))
    return odds / odds.sum(-1, keepdims=True)


def read_temperature(facts: object) -> float | None:
    """Return the temperature in an export's calibration data, or None, with a line in the log, if it makes no sense."""
    if facts is None:
        return None
    try:
        temperature = _number(facts["temperature"])
        if not TEMPERATURES[0] <= temperature <= TEMPERATURES[1]:  # not-a-number is outside too
            raise ValueError(f"temperature {temperature}")
    except UNUSABLE as error:
        log.warning("The export's calibration data cannot be used (%s): serving plain softmax.", error)
        return None
    return temperature


def _number(value: object) -> float:
    """Return a fact that is to be a number; TypeError for any other, a truth value among them."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def normalised(features: np.ndarray) -> np.ndarray:
    """Return (N, D) features scaled to length 1; zeros and not-a-number become zeros, near nothing."""
    features = np.nan_to_num(np.asarray(features, dtype=np.float32), posinf=0, neginf=0)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1)


def familiarity(features: np.ndarray, reference: np.ndarray, k: int = K) -> np.ndarray:
    """Return how near each photo lies to the training photos.

    features: (N, D) pooled backbone features; reference: (M, D), of length 1, M at least k.
    Returns (N,) cosine similarity to the k-th nearest reference, 0 to 1, higher is nearer.
    Source: Sun et al. 2022, Out-of-Distribution Detection with Deep Nearest Neighbors.
    """
    similarities = normalised(features) @ reference.T
    return np.partition(similarities, -k, axis=1)[:, -k].clip(0, 1)


def usable(reference: np.ndarray, threshold: float, k: int) -> bool:
    """Return whether (M, D) normalised features and a threshold can tell photos apart.

    Not where fewer than k features have a direction, as those of a dead network, and not at a threshold of 0,
    which everything reaches.
    """
    return 0 < threshold <= 1 and int((np.linalg.norm(reference, axis=1) > 0.99).sum()) >= k


@dataclass(frozen=True)
class Familiarity:
    """The training photos' features, and the score from which on a photo counts as familiar."""

    reference: np.ndarray  # (M, D) float32, of length 1
    threshold: float  # 0 to 1
    k: int = K

    def score(self, features: np.ndarray) -> float:
        """Return the familiarity, 0 to 1, of one photo's (D,) features."""
        return float(familiarity(features[None], self.reference, self.k)[0])

    def to_facts(self) -> dict:
        """Return plain data for the export: features in 8 bits, since only their directions count."""
        import torch

        largest = np.abs(self.reference).max(axis=1, keepdims=True)
        rows = np.round(self.reference / np.where(largest > 0, largest, 1) * 127).astype(np.int8)
        return {"reference": torch.from_numpy(rows), "threshold": float(self.threshold), "k": int(self.k)}

    @classmethod
    def from_facts(cls, facts: object, n_features: int | None) -> "Familiarity | None":
        """Return what an export holds of this, or None, with a line in the log, where that makes no sense.

        n_features: D of the features that the export's model gives; None if it gives none.
        """
        if facts is None:
            return None
        try:
            rows = np.asarray(facts["reference"])
            threshold, k = _number(facts["threshold"]), _number(facts["k"])
            if rows.ndim != 2 or not 0 < rows.size <= MOST_NUMBERS or rows.shape[1] != n_features or k not in range(
                    1, len(rows) + 1):
                raise ValueError(f"features of shape {rows.shape} for {n_features}, k={k}")
            if rows.dtype.kind not in "if":
                raise TypeError(f"features that are {rows.dtype}")
            reference = normalised(rows)
            if not usable(reference, threshold, int(k)):
                raise ValueError(f"threshold {threshold}, {len(rows)} features, some of them without a direction")
        except UNUSABLE as error:
            log.warning("The export's familiarity data cannot be used (%s): serving without it.", error)
            return None
        return cls(reference, threshold, int(k))
