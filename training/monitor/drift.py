"""Find drift: measures of the app's answers that differ from the training, or from earlier answers.

Reads  `Tally` by day, and the training's `Reference`
Gives  a `Finding` for each measure that has drifted

A drift is reported where the difference is more than chance, at 5% for all comparisons of a run together (Holm), and
at least MARGIN. Photos come in bursts of similar ones, so that a hundred of them are fewer than a hundred independent
answers: counts are divided by the design effect, which is estimated from the dispersion between days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from training.statistics import holm, p_above, p_below

from .confidence import adjust_to_mix, confidence_mean_and_sd
from .reference import Reference
from .tally import Tally, total

ALPHA = 0.05  # probability that a run without any drift reports one
MARGIN = 0.05  # of a share or of the mean confidence: a smaller difference is no drift, however certain it is
MIN_ANSWERS = 30  # nothing is concluded from fewer
MAX_POOLS = 50


@dataclass(frozen=True)
class Finding:
    """A measure that has drifted: its value since then, and in training and before, where known."""

    measure: str
    since: date
    value: float
    n: int
    training: float | None
    before: float | None
    p: float
    """adjusted for all comparisons of the run"""


def pool_periods(periods: dict[date, Tally]) -> dict[date, Tally]:
    """Return neighbouring periods together until each has enough answers to conclude from, by their first day."""
    minimum = max(MIN_ANSWERS, sum(tally.n for tally in periods.values()) // MAX_POOLS)
    starts: list[date] = []
    pools: list[Tally] = []
    for day, tally in periods.items():
        if pools and pools[-1].n < minimum:
            pools[-1] += tally
        else:
            starts.append(day)
            pools.append(tally)
    if len(pools) > 1 and pools[-1].n < minimum:
        pools[-2:] = [pools[-2] + pools[-1]]
    return dict(zip(starts, pools))


@dataclass(frozen=True)
class _Comparison:
    """A comparison of all answers since a pool with the training, or with all answers before."""

    measure: str
    against: str  # "training" or "before"
    start: int
    value: float
    n: int
    base: float
    p: float
    latest: float  # how far the last pool alone lies beyond `base`, in the direction of a drift


def _compare_shares(
    pools: Sequence[Tally],
    measure: str,
    effect: float,
    reference: tuple[float, int | None] | None,
) -> list[_Comparison]:
    """Return the comparisons of a share, with the training where a reference is given, and with before."""
    k, n = np.array([_counts(measure, pool) for pool in pools], float).T
    since_k, since_n = k[::-1].cumsum()[::-1], n[::-1].cumsum()[::-1]
    before_k, before_n = since_k[0] - since_k, since_n[0] - since_n
    last = k[-1] / n[-1] if n[-1] else 0.0

    def compared(against: str, base: np.ndarray, p: np.ndarray, first: int) -> list[_Comparison]:
        return [
            _Comparison(measure, against, i, since_k[i] / since_n[i], int(since_n[i]), base[i], p[i], last - base[i])
            for i in range(first, len(k))
            if since_n[i] and (against == "training" or before_n[i])
        ]

    comparisons = []
    if reference is not None:
        share, n0 = reference
        p = p_above(since_k / effect, since_n / effect, share if n0 is None else share * n0, n0)
        comparisons += compared("training", np.full(len(k), share), p, 0)
    if measure != "wrong":
        p = p_above(since_k / effect, since_n / effect, before_k / effect, before_n / effect)
        comparisons += compared("before", before_k / np.maximum(before_n, 1), p, 1)
    return comparisons


def _counts(measure: str, tally: Tally) -> tuple[int, int]:
    """Return (how many answers have it, of how many)."""
    return {
        "unfamiliar": (tally.unfamiliar, tally.n),
        "corrected": (tally.corrected, tally.n_judged),
        "wrong": (min(tally.corrected, tally.n), tally.n),
    }[measure]


def _compare_confidence(pools: Sequence[Tally], effect: float, reference: Reference) -> list[_Comparison]:
    """Return the comparisons of the mean confidence, with what it would be for the same mix of labels."""
    comparisons, last = [], pools[-1]
    for i in range(len(pools)):
        since, before = total(pools[i:]), total(pools[:i])
        if not since.n_labels:
            continue
        bases: dict[str, tuple[tuple[float, float, float], Mapping[str, int]]] = {}
        if reference.confidence:
            bases["training"] = reference.confidence, reference.labels
        if before.n_labels:
            bases["before"] = (*confidence_mean_and_sd(before), before.n_labelled / effect), before.labels
        mean, sd = confidence_mean_and_sd(since)
        for against, (unadjusted, mix) in bases.items():
            base = adjust_to_mix(unadjusted, mix, since.labels, reference.confidence_by_label)
            p = p_below((mean, sd, since.n_labelled / effect), base)
            latest = 0.0
            if last.n_labels:
                of_last = adjust_to_mix(unadjusted, mix, last.labels, reference.confidence_by_label)
                latest = of_last[0] - confidence_mean_and_sd(last)[0]
            comparisons.append(_Comparison("confidence", against, i, mean, since.n_labelled, base[0], p, latest))
    return comparisons


def find_drifts(periods: dict[date, Tally], effect: float, reference: Reference) -> list[Finding]:
    """Return what has drifted and has not come back, the most certain first.

    periods: in order; a drift begins with one of them. effect: see `burst_factor`. `wrong`, corrections among all
    answers, is the least that the error can be, so it is compared with the training's; `corrected`, their share among
    the answers that users judged, only with earlier ones.
    """
    pools = pool_periods(periods)
    starts, tallies = list(pools), list(pools.values())
    if not tallies or tallies[0].n < MIN_ANSWERS:
        return []
    comparisons = [
        *_compare_shares(tallies, "unfamiliar", effect, reference.unfamiliar),
        *_compare_shares(tallies, "corrected", effect, None),
        *_compare_shares(tallies, "wrong", effect, reference.error),
        *_compare_confidence(tallies, effect, reference),
    ]
    alarms: dict[str, list[tuple[float, _Comparison]]] = {}
    for p, comparison in zip(holm([comparison.p for comparison in comparisons]), comparisons):
        beyond = abs(comparison.value - comparison.base)
        if p < ALPHA and beyond >= MARGIN and comparison.latest >= MARGIN / 2:
            alarms.setdefault(comparison.measure, []).append((p, comparison))
    findings = [_finding(found, comparisons, starts) for found in alarms.values()]
    return sorted(findings, key=lambda finding: finding.p)


def _finding(
    alarms: Sequence[tuple[float, _Comparison]], comparisons: Sequence[_Comparison], starts: Sequence[date]
) -> Finding:
    """Return the most certain alarm about a measure as a finding. alarms: with their adjusted probability."""
    p, best = min(alarms, key=lambda alarm: (alarm[1].p, alarm[1].start))
    bases = {one.against: one.base for one in comparisons if (one.measure, one.start) == (best.measure, best.start)}
    training, before = bases.get("training"), bases.get("before")
    return Finding(best.measure, starts[best.start], float(best.value), best.n, training, before, float(p))
