"""Rules that choose which photos to label next, for `benchmarks.active` to compare.

Each takes a `State` and a number of photos, and returns the indices of the photos to label, the most wanted first.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans

from training.next_photos import distance_to, doubt_of_one_label, next_photos

WIDER = 5  # times as many photos as are wanted, of which those unlike each other are taken
MOST_CLUSTERS = 400
NEIGHBOURS = 20


@dataclass(frozen=True)
class State:
    """What is known when photos are to be chosen."""

    probabilities: np.ndarray  # (N, C) of the photos without a label, calibrated
    features: np.ndarray  # (N, D), of length 1
    labelled: np.ndarray  # (M, D) of the photos with a label, of length 1
    familiar: np.ndarray  # (N,)
    rng: np.random.Generator


Rule = Callable[[State, int], np.ndarray]


def at_random(state: State, n: int) -> np.ndarray:
    """Choose as somebody who begins anywhere."""
    return state.rng.permutation(len(state.features))[:n]


def margin(state: State, n: int) -> np.ndarray:
    """Choose where the two best labels are near each other."""
    return np.argsort(-doubt_of_one_label(state.probabilities), kind="stable")[:n]


def entropy(state: State, n: int) -> np.ndarray:
    """Choose where the probabilities are spread most."""
    p = state.probabilities.clip(1e-12)
    return np.argsort((p * np.log(p)).sum(1), kind="stable")[:n]


def k_centre(state: State, n: int) -> np.ndarray:
    """Choose what is farthest from all that has a label or is chosen. Source: Sener & Savarese 2018, core-set."""
    return farthest(state, n, np.ones(len(state.features)))


def product(state: State, n: int) -> np.ndarray:
    """Choose by doubt times that distance."""
    return farthest(state, n, doubt_of_one_label(state.probabilities))


def farthest(state: State, n: int, factors: np.ndarray) -> np.ndarray:
    """Return the photos with the highest product of a factor and the distance to the nearest one with a label."""
    far, chosen = distance_to(state.features, state.labelled).clip(0), []
    for _ in range(min(n, len(factors))):
        score = factors * far
        score[chosen] = -1
        chosen.append(int(score.argmax()))
        far = np.minimum(far, 1 - state.features @ state.features[chosen[-1]]).clip(0)
    return np.array(chosen)


def resembling(state: State, n: int) -> np.ndarray:
    """Choose what resembles most of the photos in doubt, as `training.next_photos` does."""
    return next_photos(doubt_of_one_label(state.probabilities), state.features, state.labelled)[:n]


def inbox_order(state: State, n: int) -> np.ndarray:
    """Choose the same, every fifth of photos unlike those with a label: this is the order of the inbox."""
    doubt = doubt_of_one_label(state.probabilities)
    return next_photos(doubt, state.features, state.labelled, state.familiar)[:n]


def familiar_first(state: State, n: int) -> np.ndarray:
    """Choose the same, of photos unlike those with a label none before all others."""
    own, other = np.flatnonzero(state.familiar), np.flatnonzero(~state.familiar)
    doubt = doubt_of_one_label(state.probabilities)
    orders = [part[next_photos(doubt[part], state.features[part], state.labelled)] for part in (own, other)]
    return np.concatenate(orders)[:n]


def representative(state: State, n: int) -> np.ndarray:
    """Choose what resembles most of all photos, whatever the model says: the order without an export."""
    return next_photos(np.ones(len(state.features)), state.features, state.labelled)[:n]


def margin_of_familiar(state: State, n: int) -> np.ndarray:
    """Choose where the two best labels are near each other, photos of other things last."""
    return np.lexsort((-doubt_of_one_label(state.probabilities), ~state.familiar))[:n]


def clustered_margin(state: State, n: int) -> np.ndarray:
    """Choose the photo in most doubt of each of n clusters of the photos in doubt. Source: Citovsky et al. 2021."""
    first, doubt = margin(state, WIDER * n), doubt_of_one_label(state.probabilities)
    if len(first) <= n:
        return first
    groups = KMeans(n, n_init=1, random_state=0).fit_predict(state.features[first])
    return np.array([first[groups == g][doubt[first[groups == g]].argmax()] for g in np.unique(groups)])


def badge(state: State, n: int) -> np.ndarray:
    """Choose by k-means++ on the gradients of the head. Source: Ash et al. 2020, BADGE."""
    gradient = -state.probabilities
    gradient[np.arange(len(gradient)), state.probabilities.argmax(1)] += 1
    lengths = (gradient**2).sum(1)
    far, chosen = lengths.copy(), []
    for _ in range(min(n, len(gradient))):
        weights = far.clip(0)
        weights[chosen] = 0
        total = weights.sum()
        best = int(state.rng.choice(len(far), p=weights / total)) if chosen and total > 0 else int(weights.argmax())
        chosen.append(best)
        like = (gradient @ gradient[best]) * (state.features @ state.features[best])
        far = np.minimum(far, lengths + lengths[best] - 2 * like)
    return np.array(chosen)


def typical(state: State, n: int) -> np.ndarray:
    """Choose the most typical photo of each of the largest clusters without a label. Source: Hacohen et al. 2022."""
    every = np.concatenate([state.features, state.labelled])
    groups = KMeans(min(len(state.labelled) + n, MOST_CLUSTERS, len(every)), n_init=1, random_state=0).fit_predict(
        every
    )
    own, covered = groups[: len(state.features)], set(groups[len(state.features) :].tolist())
    sizes = np.bincount(own, minlength=groups.max() + 1)
    wanted = sorted(np.flatnonzero(sizes), key=lambda g: (g in covered, -sizes[g]))[:n]
    chosen = []
    for g in wanted:
        members = np.flatnonzero(own == g)
        like = state.features[members] @ state.features[members].T
        nearest = np.sort(like, axis=1)[:, -NEIGHBOURS - 1 :]
        chosen.append(members[nearest.mean(1).argmax()])
    return np.array(chosen)


def dense_margin(state: State, n: int) -> np.ndarray:
    """Choose what is in doubt and typical. Source: Settles & Craven 2008, information density."""
    like = state.features @ state.features.T
    typical_of = np.sort(like, axis=1)[:, -NEIGHBOURS - 1 :].mean(1)
    return np.argsort(-doubt_of_one_label(state.probabilities) * typical_of**4, kind="stable")[:n]


RULES: dict[str, Rule] = {
    "random": at_random,
    "inbox": inbox_order,
    "familiar_first": familiar_first,
    "resembling": resembling,
    "representative": representative,
    "margin": margin,
    "familiar_margin": margin_of_familiar,
    "entropy": entropy,
    "dense_margin": dense_margin,
    "k_centre": k_centre,
    "product": product,
    "clusters": clustered_margin,
    "badge": badge,
    "typical": typical,
}
