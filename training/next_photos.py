"""Decide which photos without a label teach a model most: those that resemble many photos that it is in doubt about.

Reads  what an export says of the photos in an inbox: probabilities, features, familiarity, hashes; and the features and
       hashes of the photos that have a label
Gives  the order in which a person is to label them, and which of them are copies

`training.clean` shows them in this order; `benchmarks.active` measures it, beside others.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from classifier.inference.confidence import normalised
from training.data.duplicates import groups_of_hashes
from training.progress import progress_bar

N_GREEDY = 500  # photos whose places depend on those before them; nobody labels more before training again
MAX_LABELLED = 10_000  # photos with a label that others are compared with, spread evenly
MAX_RESEMBLED = 2000  # photos in the inbox that the chosen ones are to resemble, spread evenly
CHUNK = 1000  # photos whose similarities are in memory at a time
AT_ONCE = 16  # photos whose gain is computed anew at once
UNFAMILIAR_EVERY = 5  # the photo of so many that is unlike what the model learned from
LEAST_DOUBT = 1e-3  # of a photo that the model is sure of: it still has a place among such photos


class Copies(NamedTuple):
    """Photos in an inbox that need no label of their own, by index."""

    of_labelled: set[int]  # copies of photos that have a label
    of_others: set[int]  # copies of an earlier photo in the inbox


def doubt_of_one_label(probabilities: np.ndarray) -> np.ndarray:
    """Return (N,) how unsure a model is of the one label of each photo, 0 to 1: how near the two best labels are.

    probabilities: (N, C), calibrated. Source: Scheffer et al. 2001, margin sampling.
    """
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities))
    best = np.sort(probabilities, axis=1)[:, -2:]
    return np.asarray(1 - (best[:, 1] - best[:, 0]))


def doubt_of_several_labels(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return (N,) how unsure a model is of the labels of each photo, 0 to 1: how near one is to its threshold.

    probabilities: (N, C), calibrated; thresholds: (C,), from which on a photo gets each label.
    """
    low, high = thresholds.clip(1e-6, 1), (1 - thresholds).clip(1e-6, 1)
    above = (probabilities - thresholds) / np.where(probabilities < thresholds, low, high)
    return np.asarray(1 - np.abs(above).min(1, initial=1))


def next_photos(
    doubt: np.ndarray, features: np.ndarray, labelled: np.ndarray, familiar: np.ndarray | None = None
) -> np.ndarray:
    """Return the (N,) indices of the photos to label, the one that teaches most first.

    doubt: (N,), 0 to 1, all equal where there is no model; features: (N, D); labelled: (M, D), of photos with a label,
    M may be 0. familiar: (N,), False for photos unlike those that the model learned from. Every fifth photo is such:
    they show other things, or the labels as nobody has shown them yet.
    Each next photo resembles most of the photos in doubt that none with a label resembles, and none before it. So one
    odd photo waits, and of many alike one comes soon.
    Source: Wei et al. 2015, Submodularity in Data Subset Selection and Active Learning, facility location.
    """
    features, doubt = normalised(features), doubt.clip(LEAST_DOUBT, 1)
    labelled = normalised(labelled[_spread(len(labelled), MAX_LABELLED)])
    groups = [np.arange(len(doubt))] if familiar is None else [np.flatnonzero(familiar), np.flatnonzero(~familiar)]
    orders = [own[_by_gain(doubt[own], features[own], labelled)] for own in groups if len(own)]
    return _mixed(*orders) if len(orders) == 2 else np.concatenate([np.empty(0, dtype=int), *orders])


def _mixed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return both orders as one, in which a share of the photos is of the second; what is left of either comes last."""
    n, m = np.arange(len(first)), np.arange(len(second))
    places = np.concatenate([n + n // (UNFAMILIAR_EVERY - 1), (m + 1) * UNFAMILIAR_EVERY - 1])
    return np.concatenate([first, second])[np.argsort(places, kind="stable")]


def distance_to(features: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return (N,) cosine distance, 0 to 2, of each photo to the nearest reference; all 1 where there is none.

    features: (N, D); reference: (M, D), both of length 1.
    """
    if not len(reference):
        return np.ones(len(features), dtype=np.float32)
    parts = (features[start : start + CHUNK] for start in range(0, len(features), CHUNK))
    return np.concatenate([1 - (part @ reference.T).max(1) for part in parts] or [np.empty(0, dtype=np.float32)])


def _spread(n: int, most: int) -> np.ndarray:
    """Return the indices of at most so many of n photos, spread evenly."""
    return np.linspace(0, n - 1, min(n, most)).astype(int)


def _by_gain(doubt: np.ndarray, features: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return the order of N photos, of which the first ones are chosen one by one.

    What a photo adds only falls as others are chosen: it is computed anew only where it may be the highest.
    """
    to_resemble = _spread(len(doubt), MAX_RESEMBLED)
    rows, weights = features[to_resemble], doubt[to_resemble].astype(np.float32)
    covered = 1 - distance_to(rows, labelled)

    def gains_of(which: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(features[which] @ rows.T - covered, 0) @ weights)

    every = np.arange(len(doubt))
    gains = np.concatenate([gains_of(every[start : start + CHUNK]) for start in range(0, len(every), CHUNK)])
    chosen: list[int] = []
    for _ in progress_bar(range(min(N_GREEDY, len(doubt))), leave=False):
        best = _highest(gains, gains_of)
        chosen.append(best)
        gains[best] = -1
        np.maximum(covered, rows @ features[best], out=covered)
    rest = np.setdiff1d(every, chosen)
    return np.concatenate([np.array(chosen, dtype=int), rest[np.argsort(-gains[rest], kind="stable")]])


def _highest(gains: np.ndarray, gains_of: Callable[[np.ndarray], np.ndarray]) -> int:
    """Return the index of the highest gain, of which (N,) upper bounds are known; they are lowered on the way."""
    fresh = np.zeros(len(gains), dtype=bool)
    while not fresh[best := int(gains.argmax())]:
        stale = np.flatnonzero(~fresh & (gains >= 0))
        which = stale[np.argpartition(-gains[stale], min(AT_ONCE, len(stale)) - 1)[:AT_ONCE]]
        gains[which] = np.minimum(gains[which], gains_of(which))
        fresh[which] = True
    return best


def find_copies(hashes: Sequence[tuple[int, ...]], of_labelled: Sequence[tuple[int, ...]]) -> Copies:
    """Return which photos in an inbox are copies, also rescaled or recompressed ones.

    hashes: (N,) of the photos in the inbox; of_labelled: (M,) of those with a label. Of copies in the inbox the first
    is none.
    """
    n, every = len(hashes), [*hashes, *of_labelled]
    copies = Copies(set(), set())
    for group in groups_of_hashes(every, max(5, len(every) // 10)):
        own = [i for i in group if i < n]
        if len(own) < len(group):
            copies.of_labelled.update(own)
        else:
            copies.of_others.update(own[1:])
    return copies
