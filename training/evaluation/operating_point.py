"""Choose from which probability on a model's answers may be acted on alone, from answers for held-out photos.

Reads  `Answers` for photos that the models had not seen
Gives  `Choice`: a threshold for each label, and how often answers above it were right; and the least probability of a
       candidate

A promise is one about photos that nobody has seen yet. A threshold that was right often enough on the held-out photos
by luck would break it, so it is the lower end of an interval that has to reach the promised precision: in 9 of 10
draws of photos, the promise is kept on new photos of the same kind.
Sources: Geifman & El-Yaniv 2017, Selective Classification for Deep Neural Networks; Clopper & Pearson 1934.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .answers import Answers, Outcome
from .predictions import Predictions

RISK = 0.1  # share of draws of photos in which a promise may be broken
MAX_STEPS = 50  # thresholds that are tried: each one more is a chance to be lucky


@dataclass(frozen=True)
class Choice:
    """Thresholds that were chosen, and what comes of them on the held-out photos."""

    thresholds: np.ndarray  # (C,); infinite for a label that never answers alone
    outcome: Outcome
    precision: float | None = None  # as promised
    missed: tuple[str, ...] = ()  # labels, or all of them, for which no threshold keeps the promise


def choose(answers: Answers, precision: float, by_label: Mapping[str, float] | None = None) -> Choice:
    """Return the lowest thresholds that keep a promised precision: one for all labels, others for those of `by_label`.

    precision: 0 to 1, of the answers that are given alone. Labels with a promise of their own are left out of the one
    for all others.
    """
    own = by_label or {}
    thresholds, missed = np.full(len(answers.vocab), np.inf), []
    rest = np.array([label not in own for label in answers.vocab])
    if rest.any():
        thresholds[rest] = lowest_threshold(answers.subset(rest[answers.labels]), precision)
        if np.isinf(thresholds[rest]).all():
            missed += [label for label, among in zip(answers.vocab, rest) if among]
    for label, wanted in own.items():
        i = answers.vocab.index(label)
        thresholds[i] = lowest_threshold(answers.only(i), wanted)
        missed += [label] if np.isinf(thresholds[i]) else []
    return Choice(thresholds, answers.outcome(thresholds), precision, tuple(missed))


def lowest_threshold(answers: Answers, precision: float) -> float:
    """Return the lowest probability from which on answers keep a promised precision; infinite where none does."""
    known = answers.familiar[answers.photos]
    order = np.argsort(-answers.probabilities[known], kind="stable")
    ranked, right = answers.probabilities[known][order], answers.right[known][order].cumsum()
    n = np.arange(1, len(ranked) + 1)
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)[-len(ranked) :] if len(ranked) else n
    steps = ends[np.unique(np.linspace(0, len(ends) - 1, min(MAX_STEPS, len(ends))).round().astype(int))]
    kept = [i for i in steps if lower_end(int(right[i]), int(n[i])) >= precision]
    if not kept:
        return float("inf")
    last = kept[-1]
    return float(ranked[last] if last + 1 == len(ranked) else (ranked[last] + ranked[last + 1]) / 2)


def lower_end(n_right: int, n: int) -> float:
    """Return the share of right answers that is reached with a probability of 1 - RISK, given n_right of n."""
    from scipy import stats  # imported here: it takes most of a second

    return float(stats.beta.ppf(RISK, n_right, n - n_right + 1)) if n_right else 0.0


def choose_by_cost(answers: Answers, costs: np.ndarray, ask: float) -> Choice:
    """Return the thresholds with the lowest cost on the held-out photos, a label at a time.

    costs: (M,) of each answer if it is given alone, 0 for a right one; ask: of asking a person about a photo.
    """
    thresholds = np.full(len(answers.vocab), np.inf)
    known = answers.familiar[answers.photos]
    for label in range(len(answers.vocab)):
        own = np.flatnonzero(known & (answers.labels == label))
        own = own[np.argsort(-answers.probabilities[own], kind="stable")]
        saved = np.append(0.0, (ask - costs[own]).cumsum())  # by the first 0, 1, 2, ... answers
        ranked = answers.probabilities[own]
        best = len(saved) - 1 - int(saved[::-1].argmax())  # the most answers of those that cost the same
        if best:
            thresholds[label] = ranked[-1] if best == len(ranked) else (ranked[best - 1] + ranked[best]) / 2
    return Choice(thresholds, answers.outcome(thresholds))


def costs_of(
    predictions: Predictions, answers: Answers, wrong: float, pairs: Mapping[tuple[str, str], float]
) -> np.ndarray:
    """Return (M,) costs of answers given alone: 0 for a right one.

    wrong: of a wrong answer; pairs: in its place, by (the photo's own label, the label given), with one label a photo.
    """
    costs = np.where(answers.right, 0.0, wrong)
    for (truth, said), cost in pairs.items():
        own = predictions.targets[answers.photos] == answers.vocab.index(truth)
        costs[own & (answers.labels == answers.vocab.index(said))] = cost
    return costs


def facts_of(choice: Choice, candidates: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Return what the export holds of a choice; see `classifier.inference.decision`."""
    outcome = choice.outcome
    low, high = outcome.interval
    return {
        "precision": choice.precision,
        "thresholds": [None if np.isinf(t) else round(float(t), 6) for t in choice.thresholds],
        "n": outcome.n,
        "right": round(outcome.n_right / outcome.n, 4) if outcome.n else None,
        "right_interval": [round(low, 4), round(high, 4)] if outcome.n else None,
        "asked": round(outcome.asked, 4),
        "candidates": None if candidates is None else dict(candidates),
    }


def conformal_threshold(probabilities: np.ndarray, targets: np.ndarray, coverage: float) -> float:
    """Return the probability from which on a label is a candidate, so that the right one is in `coverage` of photos.

    probabilities: (N, C) of held-out photos, together 1; targets: (N,). Split conformal prediction: the (N + 1)-th
    share of the least probabilities of the right labels. 0 where N is too small for the coverage.
    Source: Sadinle et al. 2019, Least Ambiguous Set-Valued Classifiers with Bounded Error Levels.
    """
    own = np.sort(probabilities[np.arange(len(targets)), targets])
    k = int(np.floor((1 - coverage) * (len(own) + 1) + 1e-9))
    return float(own[k - 1]) if k >= 1 else 0.0
