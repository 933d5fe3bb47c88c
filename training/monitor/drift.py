"""Whether the world has drifted away from the training: named tests on counts, and how much makes a drift.

Reads  `Tally` by day, and what metrics.json says of the training
Gives  a `Finding` for each measure that has drifted

A drift is told where it is both: more than chance, at 5% for all comparisons of a run together (Holm), and at least
MARGIN. Photos come in bursts, so that a hundred of them are fewer than a hundred chances: counts are divided by their
design effect, which the spread between days shows.
"""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import numpy as np

from training.statistics import BURST, design_effect, holm, p_above, p_below, spread

from .history import BINS, Tally, total

ALPHA = 0.05  # chance that a run without any drift says there is one
MARGIN = 0.05  # of a share or of the mean confidence: less is no drift, however certain it is
LEAST = 30  # answers: nothing is concluded from fewer
MOST_POOLS = 50
UNFAMILIAR = 0.05  # share expected where nobody measured it: the threshold lets 99% of held-out photos pass, and views
#                    of a stranger's phone are harder


@dataclass(frozen=True)
class Reference:
    """What the training leads one to expect; None where it tells nothing."""

    labels: dict[str, int] = field(default_factory=dict)
    unfamiliar: tuple[float, int | None] | None = None
    """share, and of how many photos; None of a share that nobody measured"""
    confidence: tuple[float, float, int] | None = None
    """mean, standard deviation, and of how many photos"""
    error: tuple[float, int] | None = None
    """share of photos that were taken for another label when held out, and of how many"""


@dataclass(frozen=True)
class Finding:
    """A measure that has drifted: what it is since then, and what it was in training and before, where known."""

    measure: str
    since: date
    value: float
    n: int
    training: float | None
    before: float | None
    p: float
    """adjusted for all comparisons of the run"""


def reference_of(metrics: dict) -> Reference:
    """Return what an export's metrics.json leads one to expect."""
    if not metrics:
        return Reference()
    calibration = metrics.get("calibration")
    labels = {label: n["train"] + n["valid"] for label, n in metrics.get("photos", {}).items()}
    groups = [group for group in metrics.get("trust", {}).get("groups", [])
              if group["name"].endswith("validation") and group["familiar"] is not None]
    accepted = (metrics.get("familiarity") or {}).get("accepted")  # of photos that were held out
    unfamiliar = (1 - accepted, metrics["n_valid"]) if accepted is not None else (
        1 - groups[0]["familiar"], groups[0]["n"]) if groups else (UNFAMILIAR, None)
    if not calibration:
        error = (metrics["error_rate"], metrics["n_valid"]) if "error_rate" in metrics else None
        return Reference(labels, unfamiliar, None, error)
    n, mean = np.array([(row["n"], row["confidence"]) for row in calibration["after"]["bins"]]).T
    mean_of_all = np.average(mean, weights=n)
    deviation = np.sqrt(np.average((mean - mean_of_all) ** 2, weights=n))
    # a photo is in the bins as several views, which are no photos of their own
    n_photos = calibration["n_photos"]
    return Reference(labels, unfamiliar, (float(mean_of_all), float(deviation), n_photos),
                     (calibration["error_rate"], n_photos))


def mean_of(tally: Tally) -> tuple[float, float]:
    """Return mean and standard deviation of the confidence, the latter from its bins."""
    counts, middles = np.array(tally.confidence, float), (np.arange(BINS) + 0.5) / BINS
    mean = tally.confidence_sum / tally.stood
    return mean, float(np.sqrt(counts @ (middles - mean) ** 2 / tally.stood + 1 / 12 / BINS ** 2))


def spread_of_means(a: Tally, b: Tally) -> float | None:
    """Return the same for the mean confidence of two days."""
    if not a.stood or not b.stood or a.stood + b.stood < 3:
        return None
    (mean_a, sd_a), (mean_b, sd_b) = mean_of(a), mean_of(b)
    variance = (a.stood * sd_a ** 2 + b.stood * sd_b ** 2) / (a.stood + b.stood)
    return (mean_a - mean_b) ** 2 / variance / (1 / a.stood + 1 / b.stood)


def design_effects(days: Sequence[Tally]) -> dict[str, float]:
    """Return the design effect of each measure, from days in order."""
    def of(counts: Callable[[Tally], list[int]], burst: float = BURST) -> float:
        return design_effect((spread(counts(a), counts(b)) for a, b in pairwise(days)), burst)

    whole = total(days)
    clicked = 1 + (BURST - 1) * min(1, whole.said / max(1, whole.n))  # of a burst, as many as are clicked on at all
    names = sorted(whole.labels)
    return {"unfamiliar": of(lambda day: [day.unfamiliar, day.stood]),
            "corrected": of(lambda day: [day.corrected, day.right], clicked),
            "wrong": of(lambda day: [min(day.corrected, day.n), day.n - min(day.corrected, day.n)], clicked),
            "labels": of(lambda day: [day.labels[name] for name in names]),
            "confidence": design_effect(spread_of_means(a, b) for a, b in pairwise(days))}


def pooled(periods: dict[date, Tally]) -> dict[date, Tally]:
    """Return neighbouring periods together until each has enough answers to conclude from, by their first day."""
    least = max(LEAST, sum(tally.n for tally in periods.values()) // MOST_POOLS)
    starts, pools = [], []
    for day, tally in periods.items():
        if pools and pools[-1].n < least:
            pools[-1] += tally
        else:
            starts.append(day)
            pools.append(tally)
    if len(pools) > 1 and pools[-1].n < least:
        pools[-2:] = [pools[-2] + pools[-1]]
    return dict(zip(starts, pools))


@dataclass(frozen=True)
class _Case:
    """A comparison: of all that came since a pool, with the training or with all that came before."""

    measure: str
    against: str
    start: int
    value: float
    n: int
    base: float
    p: float
    latest: float
    """how far the last pool alone lies beyond `base`, in the direction of a drift"""


def _shares(pools: Sequence[Tally], measure: str, effect: float, reference: tuple[float, int | None] | None,
            ) -> list[_Case]:
    """Return the comparisons of a share, with the training where a reference is given, and with before."""
    k, n = np.array([_counts(measure, pool) for pool in pools], float).T
    since_k, since_n = k[::-1].cumsum()[::-1], n[::-1].cumsum()[::-1]
    before_k, before_n = since_k[0] - since_k, since_n[0] - since_n
    last = k[-1] / n[-1] if n[-1] else 0.0
    cases = []
    for against in ("training",) * (reference is not None) + ("before",) * (measure != "wrong"):
        if against == "training":
            share, n0 = reference
            base, p = np.full(len(k), share), p_above(since_k / effect, since_n / effect,
                                                      share if n0 is None else share * n0, n0)
        else:
            base = before_k / np.maximum(before_n, 1)
            p = p_above(since_k / effect, since_n / effect, before_k / effect, before_n / effect)
        cases += [_Case(measure, against, i, since_k[i] / since_n[i], int(since_n[i]), base[i], p[i], last - base[i])
                  for i in range(against == "before", len(k)) if since_n[i] and (against == "training" or before_n[i])]
    return cases


def _counts(measure: str, tally: Tally) -> tuple[int, int]:
    """Return (how many have it, of how many)."""
    return {"unfamiliar": (tally.unfamiliar, tally.n), "corrected": (tally.corrected, tally.said),
            "wrong": (min(tally.corrected, tally.n), tally.n)}[measure]


def _confidences(pools: Sequence[Tally], effect: float, reference: tuple[float, float, int] | None) -> list[_Case]:
    """Return the comparisons of the mean confidence."""
    cases, last = [], pools[-1]
    for i in range(len(pools)):
        since, before = total(pools[i:]), total(pools[:i])
        if not since.stood:
            continue
        bases = {"training": reference} if reference else {}
        if before.stood:
            bases["before"] = (*mean_of(before), before.stood / effect)
        for against, base in bases.items():
            mean, sd = mean_of(since)
            cases.append(_Case("confidence", against, i, mean, since.stood, base[0],
                               p_below(mean, sd, since.stood / effect, *base),
                               base[0] - (mean_of(last)[0] if last.stood else base[0])))
    return cases


def find_drifts(periods: dict[date, Tally], effects: dict[str, float], reference: Reference,
                ) -> list[Finding]:
    """Return what has drifted and has not come back, most certain first.

    periods: in order; a drift begins with one of them. effects: see `design_effects`. `wrong`, corrections among all
    answers, is the least that the error can be, so it is held against the training's; `corrected`, their share among
    those who clicked, only against earlier ones.
    """
    pools = pooled(periods)
    starts, tallies = list(pools), list(pools.values())
    if not tallies or tallies[0].n < LEAST:
        return []
    cases = [*_shares(tallies, "unfamiliar", effects["unfamiliar"], reference.unfamiliar),
             *_shares(tallies, "corrected", effects["corrected"], None),
             *_shares(tallies, "wrong", effects["wrong"], reference.error),
             *_confidences(tallies, effects["confidence"], reference.confidence)]
    found: dict[str, list[tuple[float, _Case]]] = {}
    for p, case in zip(holm([case.p for case in cases]), cases):
        beyond = abs(case.value - case.base)
        if p < ALPHA and beyond >= MARGIN and case.latest >= MARGIN / 2:
            found.setdefault(case.measure, []).append((p, case))
    findings = []
    for measure, alarms in found.items():
        p, best = min(alarms, key=lambda alarm: (alarm[1].p, alarm[1].start))
        bases = {case.against: case.base for case in cases if (case.measure, case.start) == (measure, best.start)}
        findings.append(Finding(measure, starts[best.start], float(best.value), best.n, bases.get("training"),
                                bases.get("before"), float(p)))
    return sorted(findings, key=lambda finding: finding.p)
