"""A photo with several labels, or none, as the export sees it."""

from dataclasses import dataclass, field
from math import inf

import numpy as np

from training.data.labels import SEPARATOR
from training.journal.label_edits import labels_of
from training.train.probes.multi_label import binary_cross_entropy

from .reviewed_photo import NO_LABEL_YET, ReviewedPhoto

NO_LABEL = SEPARATOR  # in place of a label: photos that have none; no label has such a name
IN_WORDS = "none of the labels"


@dataclass
class MultiLabelPhoto(ReviewedPhoto):
    """A photo of a data set with labels.csv; `reviewed_label` has all labels that it had, joined by "|"."""

    thresholds: dict[str, float] = field(default_factory=dict)  # probabilities above them are the export's answer
    likely: str = ""  # the labels that the other photos make probable, joined
    labels_now: tuple[str, ...] = ()  # what labels.csv says; of a suggestion, what the user said
    listed: bool = True  # whether labels.csv has a row for it

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it has now, sorted."""
        return self.labels_now

    @property
    def label(self) -> str:
        """The labels that it has now, joined; "" for none."""
        return SEPARATOR.join(self.labels_now)

    @property
    def words(self) -> str:
        """The labels for a person to read."""
        return NO_LABEL_YET if self.unlabelled else in_words(self.label)

    @property
    def suggestion(self) -> str:
        """The labels to suggest for a photo without a row, joined."""
        return self.likely

    @property
    def answer(self) -> dict[str, float]:
        """The export's answer: the labels above their thresholds, the most probable first; empty for none of them."""
        above = {label: p for label, p in self.probabilities.items() if p > self.thresholds[label]}
        return dict(sorted(above.items(), key=lambda item: -item[1]))

    @property
    def loss(self) -> float:
        """The binary cross-entropy, the mean over the labels that the export knows, 0 and up; infinite without any."""
        if self.unlabelled or not self.probabilities:
            return inf
        marks = np.array([label in self.labels_now for label in self.probabilities])
        return float(binary_cross_entropy(np.array(list(self.probabilities.values())), marks).mean())

    def _relabelled_reason(self) -> str:
        return f"when this was opened, it had {in_words(self.reviewed_label)}"

    def summary(self) -> str:
        """Return the photo, its labels and the export's answer as text."""
        answer = ", ".join(f"{label} {probability:.0%}" for label, probability in self.answer.items()) or IN_WORDS
        return f"{self.file.parent.name}/{self.file.name}: {self.words}; predicted {answer}"


def in_words(text: str) -> str:
    """Return labels, joined by "|", for a person to read: "dress, hat", "none of the labels"."""
    return ", ".join(labels_of(text)) or IN_WORDS
