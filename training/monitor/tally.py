"""Counts of answers, which can be added: of a day's counters, of one record, of several days or models.

Reads  counts and records, valid ones (see `server.feedback.records`)
Gives  a `Tally`
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from server.feedback.records import BINS, DayCounts, Record, confidence_bin


@dataclass
class Tally:
    """Counts of the answers of one or more days."""

    labels: Counter[str] = field(default_factory=Counter)
    """answers by label, of photos that did not count as unfamiliar; each label of an answer counts"""
    unfamiliar: int = 0
    """answers that the photo is none of the labels"""
    confidence: list[int] = field(default_factory=lambda: [0] * BINS)
    """what is in `labels` by the probability of the label, in BINS bins of equal width from 0 to 1"""
    confidence_sum: float = 0.0
    right: int = 0
    """photos of which users say that the answer is right"""
    corrected: int = 0
    """photos of which users say that it is not"""
    more_labels: int = 0
    """of what is in `labels`, those beyond the first of their answer"""
    several: bool = False
    """whether there are answers of a model that gives a photo several labels, or none"""

    @property
    def n_labels(self) -> int:
        """Labels given: as many as `n_labelled`, but for a model that gives a photo several."""
        return self.labels.total()

    @property
    def n_labelled(self) -> int:
        """Answers with a label."""
        return self.n_labels - self.more_labels

    @property
    def n(self) -> int:
        """All answers."""
        return self.n_labelled + self.unfamiliar

    @property
    def n_judged(self) -> int:
        """Photos whose answer users judged."""
        return self.right + self.corrected

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.labels + other.labels,
            self.unfamiliar + other.unfamiliar,
            [a + b for a, b in zip(self.confidence, other.confidence)],
            self.confidence_sum + other.confidence_sum,
            self.right + other.right,
            self.corrected + other.corrected,
            self.more_labels + other.more_labels,
            self.several or other.several,
        )


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of tallies."""
    return sum(tallies, Tally())


def tally_of_day(counts: DayCounts) -> Tally:
    """Return a day's counts as a tally."""
    labels, unfamiliar = Counter(counts["labels"]), counts["unfamiliar"]
    several = "photos" in counts
    more = labels.total() - (counts["photos"] - unfamiliar) if several else 0
    bins, total_confidence = counts["confidence"], counts["confidence_sum"]
    return Tally(labels, unfamiliar, bins, total_confidence, more_labels=more, several=several)


def tally_of_answer(record: Record) -> Tally:
    """Return the counts of the one answer that a record is about."""
    several = "labels" in record
    labels = set(record["labels"]) if several else {record["label"]}
    if record["familiar"] is False or not labels:
        return Tally(unfamiliar=1, several=several)
    confidences = [record["probabilities"][label] for label in labels]
    bins = [0] * BINS
    for confidence in confidences:
        bins[confidence_bin(confidence)] += 1
    more = len(labels) - 1
    return Tally(Counter(labels), 0, bins, sum(confidences), more_labels=more, several=several)
