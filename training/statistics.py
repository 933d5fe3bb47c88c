"""Whether counts differ by more than chance: intervals, tests and indices under their names.

Reads  counts, as numbers; photos that come in bursts are fewer than they are many, see `design_effect`
Gives  intervals, p-values, indices
"""
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import stats

BURST = 5  # photos that come together, and count as one until days have shown otherwise
BELIEF = 8  # how many pairs of days that is worth
MOST_SPREAD = 6 * BURST  # of a pair of days: more is a drift, not a burst, and must not hide itself
MOST_EFFECTIVE = 100_000  # photos: a larger number makes nothing more certain, and the tests slow


def wilson(k: float, n: float, z: float = 1.96) -> tuple[float, float]:
    """Return the 95% interval of a share of k in n, 0 to 1; n may be an effective number.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    centre, half = (k + z * z / 2) / (n + z * z), z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def spread(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return chi² over its degrees of freedom of two days' counts by kind, 1 in the mean where answers are independent.

    None for days that can tell nothing: without answers, or with one kind alone.
    """
    counts = np.array([a, b], float)
    counts = counts[:, counts.sum(0) > 0]
    n = counts.sum()
    if counts.shape[1] < 2 or not counts.sum(1).all():
        return None
    expected = np.outer(counts.sum(1), counts.sum(0)) / n
    return float(((counts - expected) ** 2 / expected).sum() / (counts.shape[1] - 1) * (n - 1) / n)


def design_effect(spreads: Iterable[float | None], burst: float = BURST) -> float:
    """Return how many answers count as one, at least 1, from the spreads of neighbouring days.

    Neighbours alone, so that a drift adds to one of them or few. Few days leave it near `burst`.
    Source: von Neumann et al. 1941, The mean square successive difference; Kish 1965, Survey Sampling.
    """
    known = [min(value, MOST_SPREAD) for value in spreads if value is not None]
    return max(1.0, (sum(known) + burst * BELIEF) / (len(known) + BELIEF))


def p_above(k: np.ndarray, n: np.ndarray, k0: np.ndarray | float, n0: np.ndarray | int | None) -> np.ndarray:
    """Return the chance of k in n or more if the share is no higher than k0 in n0; n0: None for a share k0 itself.

    Source: Fisher's exact test, one-sided; the binomial test where n0 is None. Effective counts, by Rao & Scott 1992,
    A simple method for the analysis of clustered binary data; rounded so that they tell less, not more.
    """
    shrink = np.maximum(1, n / MOST_EFFECTIVE)
    k, n = np.floor(k / shrink + 1e-9), np.ceil(n / shrink - 1e-9)
    if n0 is None:
        return stats.binom.sf(k - 1, n, k0)
    shrink = np.maximum(1, np.asarray(n0) / MOST_EFFECTIVE)
    n0 = np.ceil(n0 / shrink - 1e-9)
    k0 = np.minimum(n0, np.ceil(k0 / shrink - 1e-9))
    return np.where((n > 0) & (n0 > 0), stats.hypergeom.sf(k - 1, n + n0, k + k0, n), 1.0)


def p_below(mean: float, sd: float, n: float, mean0: float, sd0: float, n0: float) -> float:
    """Return the chance of a mean this low if it is no lower than mean0; a spread below sd0 counts as sd0.

    Few bursts look too much alike. Source: Welch 1947, The generalization of Student's problem, one-sided.
    """
    if min(n, n0) < 2:
        return 1.0
    parts = np.array([max(sd, sd0) ** 2 / n, sd0 ** 2 / n0])
    freedom = parts.sum() ** 2 / (parts ** 2 / (np.array([n, n0]) - 1)).sum()
    return float(stats.t.cdf((mean - mean0) / np.sqrt(parts.sum()), freedom))


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p-values adjusted for being several. Source: Holm 1979, A simple sequentially rejective procedure."""
    p, order = np.asarray(p, float), np.argsort(p)
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted[np.argsort(order)]


def psi(counts: dict[str, int], reference: dict[str, int], effect: float = 1.0) -> tuple[float, float]:
    """Return the population stability index of two mixes, and what chance alone stays below in 95 of 100.

    From 0.1 on it customarily counts as some change, from 0.25 on as much; half a photo is added to each label.
    Source: Siddiqi 2006, Credit Risk Scorecards; Yurdakul & Naranjo 2020, Statistical properties of the PSI.
    """
    names = sorted(set(counts) | set(reference))
    a, b = (np.array([of.get(name, 0) for name in names]) + 0.5 for of in (counts, reference))
    shares, expected = a / a.sum(), b / b.sum()
    chance = stats.chi2.ppf(0.95, max(1, len(names) - 1)) * (effect / a.sum() + 1 / b.sum())
    return float((shares - expected) @ np.log(shares / expected)), float(chance)
