"""Mean confidence of answers, and what it would be with another mix of labels.

Reads  a `Tally`, and the mean confidence of each label in training
Gives  means with their standard deviations and numbers, for Welch's t-test
"""

from collections.abc import Mapping

import numpy as np

from server.feedback.records import BINS

from .tally import Tally

PRIOR = 5  # labels of mean confidence that are added to each label's own, since some are hardly ever given


def confidence_mean_and_sd(tally: Tally) -> tuple[float, float]:
    """Return mean and standard deviation of the confidence in the labels given, the latter from its bins."""
    counts, middles = np.array(tally.confidence, float), (np.arange(BINS) + 0.5) / BINS
    mean = tally.confidence_sum / tally.n_labels
    return mean, float(np.sqrt(counts @ (middles - mean) ** 2 / tally.n_labels + 1 / 12 / BINS**2))


def adjust_to_mix(
    base: tuple[float, float, float],
    mix: Mapping[str, int],
    other: Mapping[str, int],
    by_label: Mapping[str, tuple[float, int]],
) -> tuple[float, float, float]:
    """Return the mean confidence of answers with one mix of labels as it would be with another one.

    base: mean, standard deviation and number; mix, other: counts by label; by_label: mean confidence of each label in
    training, and of how many answers: {} leaves `base` as it is. Where a photo may have several labels, each has its
    own threshold, and a mean of 0.4 may be as good for one label as 0.9 for another. The number gets smaller by what is
    not known of the labels' means.
    """
    n_mix, n_other, n_known = (sum(of.values()) for of in (mix, other, {name: n for name, (_, n) in by_label.items()}))
    if not (n_mix and n_other and n_known):
        return base
    overall = sum(mean * n for mean, n in by_label.values()) / n_known
    mean, deviation, number = base
    variance = 1 / number  # in units of one answer's
    for name in {*mix, *other}:
        own, n = by_label.get(name, (overall, 0))
        change = other.get(name, 0) / n_other - mix.get(name, 0) / n_mix
        mean += change * (own * n + overall * PRIOR) / (n + PRIOR)
        variance += change**2 / (n + PRIOR)
    return mean, deviation, 1 / variance
