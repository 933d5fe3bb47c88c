"""Rank photos that may have several labels, or none, by how likely one of them is wrong or missing.

Reads  the features of labelled photos by any export
Gives  `Suspect`s, the most suspicious first; each reason names the labels that are missing or too many

As `label_errors` does, a photo is judged by the others alone: linear probes, with a sigmoid for each label, are
cross-validated over the labels as they are in labels.csv. Photos without a label are judged like all others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from cleanlab.multilabel_classification import get_label_quality_scores
from scipy.special import expit, logit

from classifier.inference.confidence import normalised
from training.data.labels import SEPARATOR
from training.train.probes.cross_validation import assign_folds, cross_validate
from training.train.probes.multi_label import AnyOf
from training.train.probes.multi_label_calibration import cross_fitted

from .label_errors import AGREE, N_FOLDS, Suspect, combine, familiarity_to_others, reason_of

WORST_LABEL = {"method": "softmin", "temperature": 0.1}  # how the scores of a photo's labels become one
HARDLY = 0.15  # share of the way, in log-odds; of 0 to 0.25, it gave most wrong rows their right labels
LEAST = 1e-4  # probability, so that log-odds are finite
PhotoLabels = tuple[str, ...]


class Judgement(NamedTuple):
    """What the other photos say of each label of N photos."""

    vocab: list[str]  # the C labels that can be judged
    marks: np.ndarray  # (N, C), whether a photo has each label
    probabilities: np.ndarray  # (N, C), calibrated, out-of-fold
    likely: np.ndarray  # (N, C), whether the other photos make each label probable

    def doubt(self) -> np.ndarray:
        """Return (N,) how much speaks against each photo's labels, 0 to 1.

        Odds are moved so that each label is taken to be missing as often as to be too many: it is on few photos and not
        on many, and what is missing would else hardly ever come first.
        """
        own = [[int(i) for i in np.flatnonzero(row)] for row in self.marks]
        return 1 - np.asarray(get_label_quality_scores(own, self._moved(), aggregator_kwargs=WORST_LABEL))

    def unsure(self, i: int) -> str:
        """Return of which label the other photos are least sure: "are not sure of hat (62%)"."""
        moved = self._moved()[i]
        k = int(np.where(self.marks[i], moved, 1 - moved).argmin())
        what = "are not sure of" if self.marks[i, k] else "do not rule out"
        return f"{what} {self.vocab[k]} ({self.probabilities[i, k]:.0%})"

    def _moved(self) -> np.ndarray:
        n_with, n_without = self.marks.sum(0), (~self.marks).sum(0)
        return np.asarray(expit(logit(self.probabilities.clip(LEAST, 1 - LEAST)) + np.log(n_without / n_with) / 2))

    def reason(self, i: int, has_labels: bool) -> str:
        """Return which labels the photo lacks and which are too many: "the other photos make it hat too (93%)"."""
        missing = self._named(i, self.likely[i] & ~self.marks[i], " too" if has_labels else "")
        extra = self._named(i, self.marks[i] & ~self.likely[i])
        said = [*missing, *(f"no {name}" for name in extra)]
        return f"the other photos make it {', '.join(said)}" if said else ""

    def _named(self, i: int, which: np.ndarray, word: str = "") -> list[str]:
        return [f"{self.vocab[k]}{word} ({self.probabilities[i, k]:.0%})" for k in np.flatnonzero(which)]


def judge(
    labels: Sequence[PhotoLabels], features: np.ndarray, hashes: Sequence[str], seed: int = 0
) -> Judgement | None:
    """Return what the other photos say of each label; None where no label has enough photos.

    labels: (N,) those of each photo; features: (N, D); hashes: SHA-256 of the photos, whose copies stay together.
    Labels of too few photos, or of nearly all, are not judged.
    """
    vocab = judged_labels(labels, hashes)
    if not vocab:
        return None
    folds = assign_folds([[name for name in own if name in vocab] for own in labels], hashes, N_FOLDS, seed)
    if folds is None:
        return None
    marks = np.array([[name in own for name in vocab] for own in labels])
    _, scores = cross_validate(np.nan_to_num(normalised(features))[:, None], marks, folds, AnyOf())
    by_label = cross_fitted(scores, marks, folds)[:, 0]
    return Judgement(vocab, marks, by_label, likely_labels(by_label, marks))


def likely_labels(by_label: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Return (N, C) whether each label is likely, of (N, C) probabilities and whether the photos have it.

    One that a photo lacks is where it is as probable as on photos that have it, and more so than not. One that it has
    is unless it is hardly more probable than on photos that lack it. So a model that is seldom sure says little.
    Source: Northcutt et al. 2021, Confident Learning.
    """
    with_it, without_it = (np.average(by_label, axis=0, weights=which) for which in (marks, ~marks))
    low, high = (logit(mean.clip(LEAST, 1 - LEAST)) for mean in (without_it, with_it))
    return np.where(marks, by_label > expit(low + HARDLY * (high - low)), by_label >= with_it.clip(0.5))


def judged_labels(labels: Sequence[PhotoLabels], hashes: Sequence[str]) -> list[str]:
    """Return the labels, sorted, that enough different photos show and do not show: one for each fold, else two."""
    all_photos, photos_of = set(hashes), dict[str, set[str]]()
    for own, digest in zip(labels, hashes):
        for name in own:
            photos_of.setdefault(name, set()).add(digest)
    rarest = {name: min(len(of), len(all_photos - of)) for name, of in sorted(photos_of.items())}
    return next(filter(None, ([name for name, n in rarest.items() if n >= least] for least in (N_FOLDS, 2))), [])


def rank_multi_label_suspects(
    files: Sequence[Path],
    labels: Sequence[PhotoLabels],
    features: np.ndarray,
    hashes: Sequence[str],
    copies: dict[Path, str] | None = None,
) -> list[Suspect]:
    """Return every photo, the most suspicious first.

    labels: those of each file, sorted; features: (N, D) of the export; hashes: SHA-256; copies: for photos that are a
    copy, of which one: these come first. Source: Thyagarajan et al. 2022, Identifying Incorrect Annotations in
    Multi-Label Classification Data; cleanlab's.
    """
    judgement, near, copies = judge(labels, features, hashes), familiarity_to_others(features), copies or {}
    doubt = np.zeros(len(files)) if judgement is None else judgement.doubt()
    ranking = combine(doubt, near, np.array([file in copies for file in files], dtype=bool))
    found = []
    for i in ranking.order:
        likely, reasons, unsure = set(labels[i]), [f"a copy {copies[files[i]]}"] if files[i] in copies else [], ""
        if judgement:
            likely -= set(judgement.vocab)
            likely |= {name for name, probable in zip(judgement.vocab, judgement.likely[i]) if probable}
            reasons.append(judgement.reason(int(i), bool(labels[i])))
            unsure = judgement.unsure(int(i))
        agreed = _agreed(judgement, labels[i])
        text = reason_of(ranking, near, i, list(filter(None, reasons)), agreed, unsure)
        found.append(Suspect(files[i], float(ranking.suspicion[i]), SEPARATOR.join(sorted(likely)), text))
    return found


def _agreed(judgement: Judgement | None, labels: PhotoLabels) -> str:
    """Return what the other photos say of labels that nothing speaks against: labels of few photos are not judged."""
    if judgement is None:
        return "its labels cannot be judged"
    unknown = [label for label in labels if label not in judgement.vocab]
    return f"{', '.join(unknown)} cannot be judged; otherwise {AGREE}" if unknown else AGREE
