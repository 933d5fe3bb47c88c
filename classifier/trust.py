"""Familiarity: how near a photo lies to the training photos, and whether that is near enough.

A softmax must answer: shown a mug, a classifier of bears says "teddy, 98%". The features that the
network computes on the way know better, since a mug's lie far from every training photo's.
"""
import logging
import math
from dataclasses import dataclass

import numpy as np

log = logging.getLogger(__name__)

K = 5  # the neighbour whose similarity counts: one odd training photo must not let a stranger in


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
            reference = normalised(facts["reference"].numpy())
            threshold, k = float(facts["threshold"]), int(facts["k"])
            if reference.ndim != 2 or reference.shape[1] != n_features or not 1 <= k <= len(reference):
                raise ValueError(f"features of shape {reference.shape} for {n_features}, k={k}")
            if not (math.isfinite(threshold) and 0 <= threshold <= 1):
                raise ValueError(f"threshold {threshold}")
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            log.warning("The export's familiarity data cannot be used (%s): serving without it.", error)
            return None
        return cls(reference, threshold, k)
