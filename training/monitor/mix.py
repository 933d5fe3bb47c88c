"""Compare the mix of labels with the one in training, and the latest with the one before. Another mix is no drift.

Reads  `Tally` by period, a `Reference`
Gives  sentences
"""

from collections.abc import Mapping
from datetime import date

import numpy as np

from training.statistics import holm, p_above, psi

from .drift import ALPHA, MARGIN, pool_periods
from .history import shorten
from .reference import Reference
from .tally import Tally, total

MAX_LABELS = 3  # that are named
PSI_SOMEWHAT, PSI_MUCH = 0.1, 0.25
LEAST_POINTS, LEAST_FACTOR = 0.01, 1.5  # by which a share of photos is another one, where it is not MARGIN


def describe_mixes(periods: dict[date, Tally], effect: float, reference: Reference) -> list[str]:
    """Return sentences on the mix of labels: beside the training's, and the latest quarter beside what came before."""
    pools = list(pool_periods(periods).values())
    cut = len(pools) - max(1, len(pools) // 4)
    whole, latest, before = total(pools), total(pools[cut:]), total(pools[:cut])
    if reference.several:
        return [
            *describe_shares("Some", whole, reference.labels, (reference.n, 1), effect, "in training"),
            *describe_shares("Of late, some", latest, before.labels, (before.n, effect), effect, "before"),
        ]
    return [
        *describe_mix("The mix", whole.labels, reference.labels, effect, "in training"),
        *describe_mix("The latest mix", latest.labels, before.labels, effect, "before"),
    ]


def describe_mix(which: str, labels: dict[str, int], before: dict[str, int], effect: float, when: str) -> list[str]:
    """Return a sentence where the shares of the labels differ from those before; which, when: names of the two."""
    if not labels or not before:
        return []
    value, chance = psi(labels, before, effect)
    if value < max(PSI_SOMEWHAT, chance):
        return []
    n, n_before = sum(labels.values()), sum(before.values())

    def shares(name: str) -> tuple[float, float]:
        return labels.get(name, 0) / n, before.get(name, 0) / n_before

    changed = sorted({*labels, *before}, key=lambda name: -abs(shares(name)[0] - shares(name)[1]))
    listed = ", ".join(
        f"{shorten(name)} {shares(name)[0]:.0%} ({shares(name)[1]:.0%})" for name in changed[:MAX_LABELS]
    )
    return [
        f"{which} of labels is {'much' if value >= PSI_MUCH else 'somewhat'} unlike the one {when}: {listed}; PSI "
        f"{value:.2f}. That can be use alone, and is no error."
    ]


def describe_shares(
    which: str, tally: Tally, before: Mapping[str, int], n_before: tuple[int, float], effect: float, when: str
) -> list[str]:
    """Return a sentence on the labels of which another share of the photos gets each than before.

    For models that give a photo several labels, or none. before: photos by label; n_before: how many photos these are
    of, and how many of them count as one; which, when: names of the two.
    """
    changed = changed_shares(tally, before, n_before, effect)
    if not changed:
        return []
    listed = ", ".join(f"{shorten(name)} {now:.0%} ({then:.0%})" for name, now, then in changed[:MAX_LABELS])
    more = f" and {len(changed) - MAX_LABELS} more" if len(changed) > MAX_LABELS else ""
    return [
        f"{which} labels are given more or less often than {when}, by share of photos: {listed}{more}. That can be "
        "use alone, and is no error."
    ]


def changed_shares(
    tally: Tally, before: Mapping[str, int], n_before: tuple[int, float], effect: float
) -> list[tuple[str, float, float]]:
    """Return (label, share of photos that get it, share before) of the labels that changed, most changed first.

    Each label is a share of the photos by itself, so each has its own test (Fisher's, two-sided; Holm over the labels)
    in place of one index of all. Changed is by more than chance, and by MARGIN or, of a rare label, LEAST_FACTOR.
    """
    n, (n0, effect0) = tally.n, n_before
    names = sorted({*tally.labels, *before})
    if not (n and n0 and names):
        return []
    k, k0 = (np.array([of.get(name, 0) for name in names], float) for of in (tally.labels, before))
    more = p_above(k / effect, np.full(len(k), n / effect), k0 / effect0, n0 / effect0)
    fewer = p_above((n - k) / effect, np.full(len(k), n / effect), (n0 - k0) / effect0, n0 / effect0)
    p = holm(np.minimum(1, 2 * np.minimum(more, fewer)).tolist())
    found = [
        (name, now, then)
        for name, now, then, chance in zip(names, (k / n).tolist(), (k0 / n0).tolist(), p)
        if chance < ALPHA and _matters(now, then)
    ]
    return sorted(found, key=lambda row: (-abs(row[1] - row[2]), row[0]))


def _matters(now: float, then: float) -> bool:
    """Return whether two shares differ enough to be named."""
    low, high = sorted((now, then))
    return high - low >= MARGIN or (high - low >= LEAST_POINTS and high >= LEAST_FACTOR * low)
