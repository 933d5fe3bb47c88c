"""Intervals and tests for counts: Wilson, Fisher, Welch, Holm, the design effect and the population stability index.

Reads  counts; those of photos that come in bursts are divided by their design effect first
Gives  intervals, p-values, indices
"""

from collections.abc import Iterable, Sequence

import numpy as np

BURST = 5  # design effect that is assumed before there are days to estimate it from
PRIOR_PAIRS = 8  # pairs of days that this assumption weighs as much as
MAX_DISPERSION = 6 * BURST  # of a pair of days: more is a drift, which must not count as a burst
MAX_EFFECTIVE = 100_000  # photos: a larger number only makes the tests slow


def wilson(k: float, n: float, z: float = 1.96) -> tuple[float, float]:
    """Return the 95% interval of a share of k in n, 0 to 1; n may be an effective number.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    centre, half = (k + z * z / 2) / (n + z * z), z / (n + z * z) * np.sqrt(k * (n - k) / n + z * z / 4)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def dispersion(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return chi² divided by its degrees of freedom of two days' counts by kind; its mean is 1 for independent answers.

    None where it cannot be computed: for a day without answers, or if all answers are of one kind.
    """
    counts = np.array([a, b], float)
    counts = counts[:, counts.sum(0) > 0]
    n = counts.sum()
    if counts.shape[1] < 2 or not counts.sum(1).all():
        return None
    expected = np.outer(counts.sum(1), counts.sum(0)) / n
    return float(((counts - expected) ** 2 / expected).sum() / (counts.shape[1] - 1) * (n - 1) / n)


def design_effect(dispersions: Iterable[float | None]) -> float:
    """Return how many answers count as one, at least 1, from the dispersions of neighbouring days.

    Only neighbours are compared, so that a drift adds to few of them. With few days it stays near BURST.
    Source: von Neumann et al. 1941, The mean square successive difference; Kish 1965, Survey Sampling.
    """
    known = [min(value, MAX_DISPERSION) for value in dispersions if value is not None]
    return max(1.0, (sum(known) + BURST * PRIOR_PAIRS) / (len(known) + PRIOR_PAIRS))


def p_above(k: np.ndarray, n: np.ndarray, k0: np.ndarray | float, n0: np.ndarray | float | None) -> np.ndarray:
    """Return the probability of k in n or more if the share is no higher than k0 in n0; n0: None for a share k0 itself.

    Source: Fisher's exact test, one-sided; the binomial test where n0 is None. Effective counts, by Rao & Scott 1992,
    A simple method for the analysis of clustered binary data; rounded so that the test is conservative.
    """
    from scipy import stats  # imported here: it takes most of a second

    shrink = np.maximum(1, n / MAX_EFFECTIVE)
    k, n = np.floor(k / shrink + 1e-9), np.ceil(n / shrink - 1e-9)
    if n0 is None:
        return np.asarray(stats.binom.sf(k - 1, n, k0))
    shrink = np.maximum(1, np.asarray(n0) / MAX_EFFECTIVE)
    n0 = np.ceil(n0 / shrink - 1e-9)
    k0 = np.minimum(n0, np.ceil(k0 / shrink - 1e-9))
    return np.where((n > 0) & (n0 > 0), stats.hypergeom.sf(k - 1, n + n0, k + k0, n), 1.0)


def p_below(sample: tuple[float, float, float], reference: tuple[float, float, float]) -> float:
    """Return the probability of a mean this low if it is no lower than the reference's: Welch's t-test, one-sided.

    sample, reference: mean, standard deviation, and number, which may be effective numbers. A deviation below the
    reference's counts as the reference's, since a few bursts look too much alike.
    """
    from scipy import stats  # imported here: it takes most of a second

    (mean, sd, n), (mean0, sd0, n0) = sample, reference
    if min(n, n0) < 2:
        return 1.0
    return float(
        stats.ttest_ind_from_stats(mean, max(sd, sd0), n, mean0, sd0, n0, equal_var=False, alternative="less").pvalue
    )


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p-values adjusted for being several. Source: Holm 1979, A simple sequentially rejective procedure."""
    values, order = np.asarray(p, float), np.argsort(p)
    adjusted = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1)
    return np.asarray(adjusted[np.argsort(order)])


def psi(counts: dict[str, int], reference: dict[str, int], effect: float = 1.0) -> tuple[float, float]:
    """Return the population stability index of two mixes of labels, and its 95% quantile under chance alone.

    By custom 0.1 and more is some change, 0.25 and more is much; half a photo is added to each label.
    Source: Siddiqi 2006, Credit Risk Scorecards; Yurdakul & Naranjo 2020, Statistical properties of the PSI.
    """
    from scipy import stats  # imported here: it takes most of a second

    names = sorted(set(counts) | set(reference))
    a, b = (np.array([of.get(name, 0) for name in names]) + 0.5 for of in (counts, reference))
    shares, expected = a / a.sum(), b / b.sum()
    chance = stats.chi2.ppf(0.95, max(1, len(names) - 1)) * (effect / a.sum() + 1 / b.sum())
    return float((shares - expected) @ np.log(shares / expected)), float(chance)
