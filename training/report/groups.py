"""Find groups of photos that a model gets wrong more often than the others of the same labels: "in the dark it fails".

Reads  predictions for photos that were held out, and the photos themselves: their traits and their features
Gives  `Group`, at most MOST_SHOWN of them

A group is the fifth of the photos with most or least of a trait, or photos that look alike to the network. It is named
where so many of its photos would hardly be wrong if the errors of each label fell on its photos at random. So a label
that is hard by itself makes no group; the table of labels shows it. cleanlab's Datalab looks for such groups too, by
clusters of features alone, and asks for no probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from classifier import Classifier
from classifier.photo import PhotoError, open_photo
from training.data.contents import INSPECTED_SIDE
from training.data.traits import EXTREMES, traits_of
from training.evaluation.predictions import Predictions
from training.progress import progress_bar

MAX_PHOTOS = 2000  # that are looked at, spread evenly
MIN_PHOTOS, MIN_WRONG = 10, 3  # of a group
EXTREME = 0.2  # share of the photos that have most of a trait
PER_CLUSTER, MOST_CLUSTERS = 30, 12
ALPHA = 0.05  # probability that any group is named where errors hit photos at random
SAME = 0.5  # share of a group's photos that a likelier group has too, from which on it is the same one
MOST_SHOWN, N_EXAMPLES = 3, 6


@dataclass(frozen=True)
class Group:
    """Photos of which more are wrong than of the others."""

    name: str
    members: np.ndarray  # (N,) whether a photo is one of them
    wrong: np.ndarray  # (N,) whether its answer is wrong
    p: float  # probability of so many wrong ones by chance, for all groups that were looked at

    def __str__(self) -> str:
        n, n_wrong = int(self.members.sum()), int(self.wrong[self.members].sum())
        rest = self.wrong[~self.members]
        return (
            f"{self.name}: {n_wrong} of {n} wrong ({n_wrong / n:.0%}); of the other photos {int(rest.sum())} of "
            f"{len(rest)} ({rest.mean():.0%})"
        )

    @property
    def examples(self) -> np.ndarray:
        """The indices of some of its photos, wrong ones first."""
        own = np.flatnonzero(self.members)
        return np.asarray(own[np.argsort(~self.wrong[own], kind="stable")][:N_EXAMPLES])


def groups_of(classifier: Classifier, predictions: Predictions) -> tuple[list[Group], list[Path]]:
    """Return the groups, the surest first, and the photos that were looked at, in the order of their members."""
    wrong = ~predictions.right
    if wrong.sum() < MIN_WRONG:
        return [], []
    rows = np.linspace(0, len(wrong) - 1, min(len(wrong), MAX_PHOTOS)).astype(int)
    seen, traits, features = _look_at(classifier, [predictions.files[i] for i in rows])
    rows = rows[seen]
    labels = [predictions.truth(i) for i in rows]
    return find_groups(wrong[rows], labels, traits, features), [predictions.files[i] for i in rows]


def find_groups(
    wrong: np.ndarray, labels: Sequence[str], traits: np.ndarray, features: np.ndarray | None
) -> list[Group]:
    """Return the groups among N photos, the surest first.

    wrong: (N,); traits: (N, T), see `traits_of`; features: (N, D), None where the export gives none.
    """
    candidates = [*_extremes(traits), *_clusters(features)] if len(wrong) >= 2 * MIN_PHOTOS else []
    codes = np.unique(np.asarray(labels), return_inverse=True)[1]
    found: list[Group] = []
    for name, members in candidates:
        rate, others = wrong[members].mean(), wrong[~members].mean()
        if wrong[members].sum() >= MIN_WRONG and rate > others:
            p = chance(wrong, codes, members) * len(candidates)
            if p < ALPHA:
                found.append(Group(name, members, wrong, p))
    shown: list[Group] = []
    for group in sorted(found, key=lambda one: one.p):
        if all((group.members & one.members).sum() < SAME * group.members.sum() for one in shown):
            shown.append(group)
    return shown[:MOST_SHOWN]


def chance(wrong: np.ndarray, labels: np.ndarray, members: np.ndarray) -> float:
    """Return the probability, 0 to 1, that a group has as many wrong photos if each label's errors fall at random.

    The number of a label's errors in the group is hypergeometric, that of all labels their sum: an exact test of a
    group's errors, stratified by label. wrong, labels, members: (N,).
    """
    from scipy import stats  # imported here: it takes most of a second

    parts = []
    for label in np.unique(labels):
        own = labels == label
        n_in = int((own & members).sum())
        parts.append(stats.hypergeom(int(own.sum()), int(wrong[own].sum()), n_in).pmf(np.arange(n_in + 1)))
    return float(reduce(np.convolve, parts)[int(wrong[members].sum()) :].sum())


def _look_at(classifier: Classifier, files: list[Path]) -> tuple[list[int], np.ndarray, np.ndarray | None]:
    """Return which photos could be opened, their traits, and their features; None where the export gives none."""
    seen, traits, features = [], [], []
    for i, file in enumerate(progress_bar(files, leave=False)):
        try:
            photo = open_photo(file)
        except PhotoError:  # it was changed since
            continue
        seen.append(i)
        features.append(classifier.predict_with_features(photo)[1])
        size = photo.size
        photo.thumbnail((INSPECTED_SIDE, INSPECTED_SIDE))
        traits.append(traits_of(photo, size))
    if any(row is None for row in features):
        return seen, np.array(traits), None
    return seen, np.array(traits), np.array(features)


def _extremes(traits: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the photos with most of each trait, and with least, by name; none where too many have the same."""
    groups = []
    for i, (most, least) in enumerate(EXTREMES.values()):
        low, high = np.quantile(traits[:, i], (EXTREME, 1 - EXTREME))
        for name, members in ((most, traits[:, i] >= high), (least, traits[:, i] <= low)):
            if MIN_PHOTOS <= members.sum() <= 2 * EXTREME * len(traits):
                groups.append((name, members))
    return groups


def _clusters(features: np.ndarray | None) -> list[tuple[str, np.ndarray]]:
    """Return groups of photos that look alike to the network."""
    if features is None:
        return []
    from sklearn.cluster import KMeans  # imported here: it takes most of a second

    k = int(np.clip(len(features) // PER_CLUSTER, 2, MOST_CLUSTERS))
    rows = features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)
    group_of = KMeans(k, n_init=3, random_state=0).fit_predict(rows)
    groups = [group_of == i for i in range(k)]
    return [("photos that look like these", members) for members in groups if members.sum() >= MIN_PHOTOS]


def groups_context(found: list[Group], files: list[Path], small: Any) -> list[dict[str, Any]]:
    """Return what the page shows of the groups; small: returns the address of a small picture of a file."""
    return [
        {
            "text": f"{str(group)[0].upper()}{str(group)[1:]}",
            "p": group.p,
            "examples": [
                {"url": small(files[i]), "name": files[i].name, "wrong": bool(group.wrong[i])} for i in group.examples
            ],
        }
        for group in found
    ]
