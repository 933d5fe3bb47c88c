"""Rank photos by how likely their label is wrong, or how unlike they are to all others.

Reads  the features of labelled photos by any export
Gives  `Suspect`s, the most suspicious first, each with its reason

There are two measures: confident learning on out-of-fold probabilities, and the distance to the other photos. In both,
a photo is judged by the others alone. They need one pass of the export over the photos and no training: linear probes
of the export's features are cross-validated over the labels as they are on the disk.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cleanlab.rank import get_label_quality_scores

from classifier.inference.confidence import K, familiarity, normalised, probabilities
from training.data.files import parent_label
from training.train.probes.cross_validation import assign_folds, cross_validate
from training.train.probes.linear import OneOf

N_FOLDS = 5
CHUNK = 1000  # photos whose distances are in memory at a time
AGREE = "the other photos agree"
NOTABLE = 0.5  # share of less suspicious photos from which on a photo's place is explained
OUTLIERS = 0.05  # share of the photos, the least familiar ones, that are called unlike the others


@dataclass(frozen=True)
class Suspect:
    """A labelled photo, how suspicious it is, and why."""

    file: Path
    suspicion: float  # 0 to 1: the share of the photos that are less suspicious by the measure that says most
    likely: str  # the label that the other photos make most probable; where there may be several, all of them, joined
    reason: str  # what speaks against the photo, or why it has its place in the list where nothing does


def out_of_fold_probabilities(
    features: np.ndarray, labels: Sequence[str], hashes: Sequence[str], seed: int = 0
) -> np.ndarray | None:
    """Return (N, C) probabilities of the sorted labels, each photo judged by a probe that did not learn from it.

    features: (N, D); hashes: SHA-256 of the photos, whose copies stay together. None where there is one label, or one
    has too few different photos.
    """
    vocab, targets = np.unique(labels, return_inverse=True)
    folds = assign_folds([(label,) for label in labels], hashes, N_FOLDS, seed)
    if folds is None or len(vocab) < 2:
        return None
    _, scores = cross_validate(normalised(features)[:, None], targets, folds, OneOf(len(vocab)))
    return probabilities(scores[:, 0])


def familiarity_to_others(features: np.ndarray, k: int = K) -> np.ndarray | None:
    """Return (N,) cosine similarity of each photo to its k-th nearest other, 0 to 1; None where k others lack."""
    reference = normalised(features)
    if len(reference) <= k:
        return None
    return np.concatenate(
        [
            familiarity(reference[i : i + CHUNK], reference, k + 1)  # itself is the nearest
            for i in range(0, len(reference), CHUNK)
        ]
    )


def percentile_ranks(scores: np.ndarray) -> np.ndarray:
    """Return the (N,) share of the scores that are lower than each, 0 to 1, which makes two measures comparable."""
    return np.searchsorted(np.sort(scores), scores, side="left") / max(1, len(scores) - 1)


def rank_suspects(
    files: Sequence[Path], features: np.ndarray, hashes: Sequence[str], copies: dict[Path, str] | None = None
) -> list[Suspect]:
    """Return every photo, the most suspicious first.

    features: (N, D) of the export for `files`; hashes: their SHA-256; copies: for photos that are a copy, of which one:
    these come first.
    Source: Northcutt et al. 2021, Confident Learning; cleanlab's normalized margin.
    """
    labels, copies = np.array(list(map(parent_label, files))), copies or {}
    vocab, targets = np.unique(labels, return_inverse=True)
    by_label = out_of_fold_probabilities(features, list(labels), hashes)
    near = familiarity_to_others(features)
    doubt = np.zeros(len(files))
    if by_label is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            doubt = 1 - get_label_quality_scores(targets, by_label, method="normalized_margin")
    copied = np.array([file in copies for file in files], dtype=bool)
    ranking = combine(doubt, near, copied)
    found = []
    for i in ranking.order:
        likely, reasons, unsure = labels[i], [], ""
        if files[i] in copies:
            reasons.append(f"a copy {copies[files[i]]}")
        if by_label is not None:
            likely = vocab[by_label[i].argmax()]
            unsure = f"are less sure of {likely} than usual ({by_label[i].max():.0%})"
            if likely != labels[i]:
                reasons.append(f"the other photos make it {likely} ({by_label[i].max():.0%})")
        judged = AGREE if by_label is not None else "its label cannot be judged"
        reason = reason_of(ranking, near, i, reasons, judged, unsure)
        found.append(Suspect(files[i], float(ranking.suspicion[i]), str(likely), reason))
    return found


class Ranking(NamedTuple):
    """How N photos are ranked."""

    order: np.ndarray  # (N,) indices, the most suspicious photo first
    suspicion: np.ndarray  # (N,) 0 to 1
    doubted: np.ndarray  # (N,) share of the photos whose labels less speaks against, 0 to 1
    strange: np.ndarray  # (N,) share of the photos that are more like the others, 0 to 1


def combine(doubt: np.ndarray, near: np.ndarray | None, copied: np.ndarray) -> Ranking:
    """Return how the photos are ranked by both measures.

    doubt: (N,) how much speaks against the labels, higher is more; near: (N,) familiarity; copied: (N,) whether it is a
    copy: these come first.
    """
    strange = np.zeros(len(doubt)) if near is None else 1 - near
    by_measure = np.stack([percentile_ranks(doubt), percentile_ranks(strange)])
    suspicion = by_measure.max(0)
    suspicion[copied] = 1
    return Ranking(np.lexsort((-by_measure.sum(0), -suspicion, ~copied)), suspicion, *by_measure)


def reason_of(
    ranking: Ranking, near: np.ndarray | None, i: int, against: Sequence[str], judged: str, unsure: str
) -> str:
    """Return what speaks against a photo; where nothing does, what makes it more suspicious than others all the same.

    near: (N,) familiarity; against: what speaks against its labels; judged: what the other photos say of them where
    nothing does; unsure: of which label they are least sure, "" where they cannot say.
    """
    alike = "" if near is None else f"(similarity {near[i]:.2f}; usual {np.median(near):.2f})"
    if alike and ranking.strange[i] > 1 - OUTLIERS:
        against = [*against, f"unlike the other photos {alike}"]
    if against:
        return "; ".join(against)
    if max(ranking.doubted[i], ranking.strange[i]) < NOTABLE:
        return judged
    if alike and ranking.strange[i] > ranking.doubted[i]:
        return f"{judged}, but it is less like the others than most {alike}"
    return f"{judged}, but {unsure}" if unsure else judged
