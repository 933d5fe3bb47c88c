"""Fit what lets a model say "this is none of the things I know", from its own photos alone.

Reads  the frozen backbone's features of the training photos, as they are and as strangers would send them
Gives  `classifier.inference.confidence.Familiarity`: centres of the training photos, and the threshold; and how well that works

The threshold is set on photos that the centres were not made from. What is told of photos of no label is measured
the same way: each label in turn is treated as if nobody had ever shown a photo of it.
"""
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import roc_auc_score

from classifier.inference.confidence import Familiarity, familiarity, normalised, usable

TAIL = 1.8  # of a normal distribution 99% would pass, of photos' familiarity, which has a longer tail, 97 to 99%
LEAST_ACCEPTED = 0.95  # share of the held-out views that must count as familiar
CENTRES = 20  # of a label: 5 to 60 tell strangers apart as well as all photos do
MAX_BYTES = 2_000_000  # of centres in the export, of a byte a number
MOST_OF_A_LABEL = 300  # photos that its centres are made from
MOST_LEFT_OUT = 20  # labels that are left out in turn


def centres_of(features: np.ndarray, targets: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (M, D) centres of length 1 and the (M,) labels they belong to, at most MAX_BYTES of them.

    features: (N, V, D), V views of each photo; targets: (N,). A label's centres are those of k-means over the
    directions of its photos' features.
    """
    labels = np.unique(targets)
    most = min(CENTRES, max(1, MAX_BYTES // features.shape[2] // len(labels)))
    rng, rows, owners = np.random.default_rng(seed), [], []
    line = rng.normal(size=features.shape[2]).astype(np.float32)  # on which no two different photos meet
    for label in labels:
        own = features[targets == label]
        own = own[rng.permutation(len(own))[:MOST_OF_A_LABEL]]
        own = normalised(own.reshape(-1, own.shape[2]))
        own = own[np.unique(own @ line, return_index=True)[1]]  # copies would be empty clusters
        rows.append(_clustered(own, most, seed))
        owners.append(np.full(len(rows[-1]), label))
    rows, owners = np.concatenate(rows), np.concatenate(owners)
    if rows.size > MAX_BYTES:  # more labels than centres: like labels share one
        fewer = _clustered(rows, MAX_BYTES // rows.shape[1], seed)
        rows, owners = fewer, owners[(fewer @ rows.T).argmax(1)]
    return rows, owners


def _clustered(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return at most `most` centres, of length 1, of (N, D) rows; the rows themselves where they are no more."""
    if len(rows) <= most:
        return rows
    return normalised(KMeans(most, n_init=1, max_iter=50, random_state=seed).fit(rows).cluster_centers_)


def similarities(features: np.ndarray, targets: np.ndarray, folds: np.ndarray,
                 views: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return how near each view of each photo is to each label, by centres that were not made from that photo.

    features: (N, V, D); views: (indices of M photos, (M, D) features) for each view, the plain one first. Returns an
    (M, C) array of cosine similarities for each view, and the C labels.
    """
    labels = np.unique(targets)
    near = [np.full((len(which), len(labels)), -1.0) for which, _ in views]
    for fold in np.unique(folds):
        rows, owners = centres_of(features[folds != fold], targets[folds != fold])
        for (which, seen), into in zip(views, near):
            held_out = folds[which] == fold
            if held_out.any():
                similar = normalised(seen[held_out]) @ rows.T
                into[held_out] = np.stack([similar[:, owners == label].max(1, initial=-1) for label in labels], axis=1)
    return near, labels


def threshold_of(scores: Sequence[np.ndarray]) -> float:
    """Return the familiarity that nearly all held-out views reach, 0 to 1, each kind of view counting alike.

    It lies TAIL times as far below the median as the first decile does. The lowest scores themselves would be the few
    oddest of a few hundred photos, and move with every draw of the folds; these two quantiles rest on many. It accepts
    at least LEAST_ACCEPTED of the views, and is never below all of them.
    """
    values = np.concatenate(scores)
    weights = np.concatenate([np.full(len(of), 1 / len(of)) for of in scores if len(of)])
    median, decile, most = np.quantile(values, [0.5, 0.1, 1 - LEAST_ACCEPTED], weights=weights, method="inverted_cdf")
    return float(min(max(median - TAIL * (median - decile), values.min()), most).clip(0, 1))


@dataclass(frozen=True)
class OnFamiliarity:
    """How well familiarity works on a set of photos, measured on the set itself; None for what cannot be told."""

    accepted: float | None = None  # share of held-out photos that count as familiar, 0 to 1
    unfamiliar: float | None = None  # share told to be unfamiliar of photos whose label was left out, 0 to 1
    auroc: float | None = None  # of photos of known labels against those of a label left out; 0.5 is chance
    left_out: dict[int, dict] = field(default_factory=dict)  # by index of the label: n, unfamiliar, auroc


def measure(near: np.ndarray, targets: np.ndarray, labels: np.ndarray, threshold: float) -> OnFamiliarity:
    """Return how well familiarity works: each label in turn is treated as if no photo of it had been shown.

    near: (N, C) similarities to each label's centres, from `similarities`; targets: (N,).
    """
    accepted = float(np.mean(near.max(1) >= threshold))
    if len(labels) < 2:
        return OnFamiliarity(accepted)
    rows = {}
    counts = np.array([(targets == label).sum() for label in labels])
    for i in np.argsort(-counts)[:MOST_LEFT_OUT]:
        own, others = targets == labels[i], np.delete(near, i, axis=1).max(1)
        if own.any() and not own.all():
            rows[int(labels[i])] = {"n": int(own.sum()), "unfamiliar": float(np.mean(others[own] < threshold)),
                                    "auroc": float(roc_auc_score(~own, others))}
    if not rows:  # a validation set of one label alone
        return OnFamiliarity(accepted)
    n = sum(row["n"] for row in rows.values())
    return OnFamiliarity(accepted, sum(row["n"] * row["unfamiliar"] for row in rows.values()) / n,
                         float(np.mean([row["auroc"] for row in rows.values()])), rows)


def fit_familiarity(features: np.ndarray, targets: np.ndarray, folds: np.ndarray,
                    views: Sequence[tuple[np.ndarray, np.ndarray]],
                    ) -> tuple[Familiarity | None, OnFamiliarity, np.ndarray | None]:
    """Return the familiarity fitted on a model's photos, how well it works, and (N,) scores of the first view.

    features: (N, V, D), views to make centres from; folds: (N,), see `folds.assign_folds`; views: see `similarities`.
    The scores are out of fold. Familiarity and scores are None for features that tell nothing.
    """
    near, labels = similarities(features, targets, folds, views)
    scores = [of.max(1).clip(0, 1) for of in near]
    threshold, (rows, _) = threshold_of(scores), centres_of(features, targets)
    if not usable(rows, threshold, 1):
        print("what is familiar cannot be learned: the network's features tell nothing apart. Page and API say so.")
        return None, OnFamiliarity(), None
    return Familiarity(rows, threshold, 1), measure(near[0], targets[views[0][0]], labels, threshold), scores[0]


def score_all(known: Familiarity, features: np.ndarray) -> np.ndarray:
    """Return (N,) familiarity of (N, D) features, 0 to 1."""
    return familiarity(features, known.reference, known.k)
