"""Cross-validate linear probes: photos are divided into folds that are held out in turn.

Reads  (N, V, D) features and the targets of N photos, one label each or several
Gives  folds, with each label spread evenly and copies of a photo together; the strength of regularisation with the
       lowest out-of-fold loss; and out-of-fold scores: those of probes that did not learn from the photo
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from training.data.drawn_split import strata

from .linear import Probe

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)  # C of the logistic regression: a smaller one regularises more
MAX_TUNING_VIEWS = 5000  # views of photos that choose the regularisation


def assign_folds(
    labels: Sequence[Sequence[str]], hashes: Sequence[str], n_folds: int, seed: int = 0
) -> np.ndarray | None:
    """Return (N,) fold numbers, each label spread evenly and copies of a photo together.

    labels: (N,) those of each photo: one, several or none; hashes: (N,) a name for each photo, which its copies share.
    There are fewer folds where a label has fewer different photos than `n_folds`; None where a fold would leave a label
    without photos to learn from, or, if there are any, without photos that do not show it.
    """
    names = sorted({label for own in labels for label in own})
    different = {name: {h for own, h in zip(labels, hashes) if name in own} for name in names}
    n_folds = min(n_folds, *map(len, different.values()))
    if n_folds < 2:
        return None
    kinds, everywhere = strata(labels), {name for name in names if all(name in own for own in labels)}
    for fewer in range(n_folds, 1, -1):  # many copies of a few photos can leave a fold's others without a label
        folds = np.zeros(len(labels), dtype=int)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a kind of few photos is in some folds only
            spread = list(StratifiedGroupKFold(fewer, shuffle=True, random_state=seed).split(kinds, kinds, hashes))
        complete = True
        for i, (kept, held_out) in enumerate(spread):
            folds[held_out] = i
            complete = complete and _complete([labels[j] for j in kept], names, everywhere)
        if complete:
            return folds
    return None


def _complete(labels: Sequence[Sequence[str]], names: Sequence[str], everywhere: set[str]) -> bool:
    """Return whether some photo shows each label, and some photo does not; everywhere: labels that all photos show."""
    return all(
        any(name in own for own in labels) and (name in everywhere or not all(name in own for own in labels))
        for name in names
    )


class ProbePath(Protocol):
    """The probes of the same photos at several strengths of regularisation."""

    def at(self, strength: float) -> Probe:
        """Return the probe of a strength; ascending strengths are the fastest."""


class ProbeKind(Protocol):
    """What fitting a probe has to know of the labels; see `probe.OneOf`, `multi_label_probe.AnyOf`."""

    def path(self, features: np.ndarray, targets: np.ndarray) -> ProbePath:
        """Return the probes of (N, V, D) features and the targets of N photos."""

    def loss(self, scores: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean loss of (N, V, C) scores, calibrated."""

    def can_learn(self, targets: np.ndarray) -> bool:
        """Return whether these photos teach every label."""


def cross_validate(
    features: np.ndarray, targets: np.ndarray, folds: np.ndarray, kind: ProbeKind
) -> tuple[float, np.ndarray]:
    """Return the strength with the lowest out-of-fold loss, and the (N, V, C) out-of-fold scores at it.

    features: (N, V, D), V views of each photo, the plain one first. folds: (N,), see `cross_validation.assign_folds`.
    The scores of a fold come from a probe of the other folds.
    """
    strength = choose_strength(features, targets, folds, kind)
    return strength, out_of_fold(
        features, folds, lambda others: kind.path(features[others], targets[others]).at(strength)
    )


def out_of_fold(features: np.ndarray, folds: np.ndarray, probe_of: Callable[[np.ndarray], Probe]) -> np.ndarray:
    """Return (N, V, C) scores of each fold's photos by the probe of the others, which (N,) marks select."""
    by_fold = {fold: probe_of(folds != fold).scores(features[folds == fold]) for fold in np.unique(folds)}
    scores = np.empty((*features.shape[:2], next(iter(by_fold.values())).shape[2]))
    for fold, own in by_fold.items():
        scores[folds == fold] = own
    return scores


def choose_strength(features: np.ndarray, targets: np.ndarray, folds: np.ndarray, kind: ProbeKind) -> float:
    """Return the strength with the lowest out-of-fold loss of (N, V, D) features, each calibrated on its own.

    A strongly regularised probe is not sure enough; since it is calibrated afterwards, that must not count against it.
    Only MAX_TUNING_VIEWS are used. Strengths are tried from the lowest on, until the loss rises.
    """
    subset = np.random.default_rng(0).permutation(len(targets))[: max(1, MAX_TUNING_VIEWS // features.shape[1])]
    if not all(kind.can_learn(targets[subset][folds[subset] != fold]) for fold in np.unique(folds)):
        subset = np.arange(len(targets))  # a label is too rare for a random subset
    features, targets, folds = features[subset], targets[subset], folds[subset]
    paths = {fold: kind.path(features[folds != fold], targets[folds != fold]) for fold in np.unique(folds)}
    best, lowest = STRENGTHS[0], np.inf
    for strength in STRENGTHS:
        scores = np.concatenate([path.at(strength).scores(features[folds == fold]) for fold, path in paths.items()])
        order = np.concatenate([np.flatnonzero(folds == fold) for fold in paths])
        loss = kind.loss(scores[order.argsort()], targets)
        if loss >= lowest:
            break
        best, lowest = strength, loss
    return best
