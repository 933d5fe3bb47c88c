"""Fit the familiarity of a model, with which it detects photos of other things, from its own photos alone.

Reads  the frozen backbone's features of the training photos, as they are and as users would send them
Gives  `classifier.inference.confidence.Familiarity`: centres of the training photos, and the threshold
       `FamiliarityMetrics`: how well that works

The threshold is set on photos that the centres were not made from. How well photos of other things are detected is
measured the same way: each label in turn is treated as if no photo of it had been shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import roc_auc_score

from classifier.inference.confidence import Familiarity, familiarity, normalised, usable

TAIL = 1.8  # 99% of a normal distribution would pass; of photos' familiarity, which has a longer tail, 97 to 99% do
MIN_ACCEPTED = 0.95  # share of the held-out views that must count as familiar
CENTRES_PER_LABEL = 20  # 5 to 60 detect other things as well as all photos do
MAX_BYTES = 2_000_000  # of centres in the export, at one byte a number
MAX_PHOTOS_PER_LABEL = 300  # photos that its centres are made from
MAX_LEFT_OUT = 20  # labels that are left out in turn, the most frequent ones


def cluster_centres(
    features: np.ndarray, targets: np.ndarray, seed: int = 0, which: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (M, D) centres of length 1 and the (M,) labels they belong to, at most MAX_BYTES of them.

    features: (N, V, D), V views of each photo; targets: (N,) labels or groups of labels; which: indices of the photos
    to use, where not all. A label's centres are those of k-means over the directions of its photos' features.
    """
    which = np.arange(len(targets)) if which is None else which
    labels = np.unique(targets[which])
    most = min(CENTRES_PER_LABEL, max(1, MAX_BYTES // features.shape[2] // len(labels)))
    rng = np.random.default_rng(seed)
    centres, owners = [], []
    # different photos have different projections on it
    direction = np.asarray(rng.normal(size=features.shape[2]), np.float32)
    for label in labels:
        photos = which[targets[which] == label]
        own = features[photos[rng.permutation(len(photos))[:MAX_PHOTOS_PER_LABEL]]]
        own = normalised(own.reshape(-1, own.shape[2]))
        own = own[np.unique(own @ direction, return_index=True)[1]]  # copies would make empty clusters
        centres.append(_cluster(own, most, seed))
        owners.append(np.full(len(centres[-1]), label))
    rows, labels_of_rows = np.concatenate(centres), np.concatenate(owners)
    if rows.size > MAX_BYTES:  # more labels than centres: similar labels share one
        fewer = _cluster(rows, MAX_BYTES // rows.shape[1], seed)
        return fewer, labels_of_rows[(fewer @ rows.T).argmax(1)]
    return rows, labels_of_rows


def _cluster(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return at most `most` k-means centres, of length 1, of (N, D) rows; the rows themselves where they are fewer."""
    if len(rows) <= most:
        return rows
    return normalised(KMeans(most, n_init=1, max_iter=50, random_state=seed).fit(rows).cluster_centers_)


def similarities(
    features: np.ndarray, targets: np.ndarray, folds: np.ndarray, views: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the similarity of each view of each photo to each label's centres, which were not made from that photo.

    features: (N, V, D); targets: (N,) labels or groups of labels; views: (indices of M photos, (M, D) features) for
    each view, the plain one first. Returns an (M, C) array of cosine similarities for each view, and the C labels.
    """
    labels = np.unique(targets)
    near = [np.full((len(which), len(labels)), -1.0) for which, _ in views]
    for fold in np.unique(folds):
        rows, owners = cluster_centres(features, targets, which=np.flatnonzero(folds != fold))
        for (which, view), into in zip(views, near):
            held_out = folds[which] == fold
            if held_out.any():
                similar = normalised(view[held_out]) @ rows.T
                into[held_out] = np.stack([similar[:, owners == label].max(1, initial=-1) for label in labels], axis=1)
    return near, labels


def fit_threshold(scores: Sequence[np.ndarray]) -> float:
    """Return the familiarity that nearly all held-out views reach, 0 to 1, each kind of view counting alike.

    It lies TAIL times as far below the median as the first decile does. The lowest scores are those of a few odd photos
    and change with every draw of the folds; these two quantiles rest on many photos. The threshold accepts at least
    MIN_ACCEPTED of the views, and is never below all of them.
    """
    values = np.concatenate(scores)
    weights = np.concatenate([np.full(len(of), 1 / len(of)) for of in scores if len(of)])
    median, decile, most = np.quantile(values, [0.5, 0.1, 1 - MIN_ACCEPTED], weights=weights, method="inverted_cdf")
    return float(min(max(median - TAIL * (median - decile), values.min()), most).clip(0, 1))


@dataclass(frozen=True)
class FamiliarityMetrics:
    """How well familiarity works on a set of photos, measured on the set itself; None for what cannot be measured."""

    accepted: float | None = None  # share of held-out photos that count as familiar, 0 to 1
    unfamiliar: float | None = None  # share of the photos of left-out labels that count as unfamiliar, 0 to 1
    auroc: float | None = None  # of photos of known labels against those of a label left out; 0.5 is chance
    left_out: dict[int, dict[str, Any]] = field(default_factory=dict)  # by index of the label: n, unfamiliar, auroc


def measure_familiarity(
    near: np.ndarray, targets: np.ndarray, groups: np.ndarray, threshold: float, members: np.ndarray | None = None
) -> FamiliarityMetrics:
    """Return how well familiarity works: each label in turn is treated as if no photo of it had been shown.

    near: (N, G) similarities to each group's centres, from `similarities`; targets: (N,) groups; groups: (G,).
    members: (G, C), whether a group's photos show a label, where photos have several; None where a group is a label.
    """
    accepted = float(np.mean(near.max(1) >= threshold))
    if len(groups) < 2:
        return FamiliarityMetrics(accepted)
    labels = groups if members is None else np.arange(members.shape[1])
    members = np.eye(len(groups), dtype=bool) if members is None else members
    group_of = np.searchsorted(groups, targets)
    shows, alone = members[group_of], members[group_of].sum(1) == 1
    rows = {}
    for i in np.argsort(-shows.sum(0))[:MAX_LEFT_OUT]:
        own, known = shows[:, i] & alone, ~shows[:, i]
        if own.any() and known.any():
            others = near[:, ~members[:, i]].max(1)
            rows[int(labels[i])] = {
                "n": int(own.sum()),
                "unfamiliar": float(np.mean(others[own] < threshold)),
                "auroc": float(roc_auc_score(known[own | known], others[own | known])),
            }
    if not rows:  # a validation set of one label alone
        return FamiliarityMetrics(accepted)
    n = sum(row["n"] for row in rows.values())
    return FamiliarityMetrics(
        accepted,
        sum(row["n"] * row["unfamiliar"] for row in rows.values()) / n,
        float(np.mean([row["auroc"] for row in rows.values()])),
        rows,
    )


def fit_familiarity(
    features: np.ndarray,
    targets: np.ndarray,
    folds: np.ndarray,
    views: Sequence[tuple[np.ndarray, np.ndarray]],
    members: np.ndarray | None = None,
) -> tuple[Familiarity | None, FamiliarityMetrics, np.ndarray | None]:
    """Return the familiarity fitted on a model's photos, how well it works, and (N,) scores of the first view.

    features: (N, V, D), views to make centres from; targets: (N,) labels, or groups of photos with the same labels;
    folds: (N,), see `cross_validation.assign_folds`; views: see `similarities`; members: see `measure_familiarity`.
    The scores are out of fold. Familiarity and scores are None for features that do not separate photos.
    """
    near, groups = similarities(features, targets, folds, views)
    scores = [of.max(1).clip(0, 1) for of in near]
    threshold, (centres, _) = fit_threshold(scores), cluster_centres(features, targets)
    if not usable(centres, threshold, 1):
        print("what is familiar cannot be learned: the network's features tell nothing apart. Page and API say so.")
        return None, FamiliarityMetrics(), None
    metrics = measure_familiarity(near[0], targets[views[0][0]], groups, threshold, members)
    return Familiarity(centres, threshold, 1), metrics, scores[0]


def score_photos(known: Familiarity, features: np.ndarray) -> np.ndarray:
    """Return (N,) familiarity of (N, D) features, 0 to 1."""
    return familiarity(features, known.reference, known.k)
