"""Estimate how many answers count as one, since photos come in bursts of similar ones.

Reads  `Tally` by day
Gives  the design effect of the labels' counts
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from training.statistics import design_effect, dispersion

from .tally import Tally, total


def burst_factor(days: Sequence[Tally]) -> float:
    """Return how many answers count as one, at least 1: the design effect of the labels' counts; days: in order."""
    whole = total(days)
    names = sorted(whole.labels)
    if whole.several:
        return design_effect(_dispersion_of_shares(a, b, names) for a, b in pairwise(days))

    def counts(day: Tally) -> list[int]:
        return [day.unfamiliar, *(day.labels[name] for name in names)]

    return design_effect(dispersion(counts(a), counts(b)) for a, b in pairwise(days))


def _dispersion_of_shares(a: Tally, b: Tally, names: Sequence[str]) -> float | None:
    """Return the mean dispersion of two days over the labels, and over photos with and without a label.

    Each label is a share of the photos by itself (chi² of a 2 × 2 table): labels that come together on one photo are
    no burst, which one table of all labels would take them for. None for a day without answers, or if no share varies.
    """
    marked = np.array([[day.unfamiliar, *(day.labels[name] for name in names)] for day in (a, b)], float)
    n = np.array([a.n, b.n], float)
    with_it, without = marked.sum(0), (n[:, None] - marked).sum(0)
    varies = (with_it > 0) & (without > 0)
    if not n.all() or not varies.any():
        return None
    difference = marked[0] * n[1] - marked[1] * n[0]
    chi2 = n.sum() * difference[varies] ** 2 / (n.prod() * with_it[varies] * without[varies])
    return float((chi2 * (n.sum() - 1) / n.sum()).mean())
