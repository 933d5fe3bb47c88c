"""A photo as the export sees it: its prediction, its loss, and how suspicious it is."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isinf, log
from pathlib import Path
from typing import Any

from training.data.files import parent_label
from training.feedback import SUGGESTED

from .decisions import Decision, PhotoKey

NO_LABEL_YET = "No label yet"


@dataclass
class ReviewedPhoto:
    """A photo, what the export says of it, and how suspicious it is under the label it had when it was reviewed."""

    file: Path  # where it lies now
    sha256: str
    split: str  # "train" or "valid"; "" where the export does not tell
    probabilities: dict[str, float]
    reviewed_label: str  # the label it had
    reviewed_suspicion: float
    reviewed_reason: str
    from_user: bool = False  # came as a user's suggestion
    inbox: Path | None = None  # the folder of photos without a label that it came from, if any

    @property
    def suggested(self) -> bool:
        """Whether it still is a suggestion, which nobody trains on."""
        return self.from_user and self.file.parent.parent.name == SUGGESTED

    @property
    def unlabelled(self) -> bool:
        """Whether it still has no label."""
        return self.inbox is not None and self.inbox in self.file.parents

    @property
    def as_reviewed(self) -> bool:
        """Whether no person has given it a label since the review."""
        came_from = (self.from_user, self.inbox is not None)
        return self.label == self.reviewed_label and (self.suggested, self.unlabelled) == came_from

    @property
    def label(self) -> str:
        """The label that it has now, "" for none yet; where it may have several, all of them, joined by "|"."""
        return "" if self.unlabelled else parent_label(self.file)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it has now."""
        return () if self.unlabelled else (self.label,)

    @property
    def words(self) -> str:
        """The label, or the labels, for a person to read."""
        return NO_LABEL_YET if self.unlabelled else self.label

    @property
    def key(self) -> PhotoKey:
        """The key of the decisions about the photo."""
        return self.file, self.sha256

    @property
    def suggestion(self) -> str:
        """The label to suggest for a photo without one; "" for none."""
        return next(iter(self.answer), "")

    @property
    def answer(self) -> dict[str, float]:
        """The export's answer, with its probability: the most probable label; empty where it is not asked."""
        if not self.probabilities:
            return {}
        label = max(self.probabilities, key=self.probabilities.__getitem__)
        return {label: self.probabilities[label]}

    @property
    def loss(self) -> float:
        """-log of the probability of the photo's own label, 0 and up; infinite where the export knows no such label."""
        return -log(max(self.probabilities[self.label], 1e-12)) if self.label in self.probabilities else inf

    @property
    def suspicion(self) -> float:
        """How suspicious the photo is, 0 to 1; 0 once a person gave it a label."""
        return self.reviewed_suspicion if self.as_reviewed else 0

    @property
    def reason(self) -> str:
        """What speaks against the label, or why the photo has its place in the list where nothing does."""
        if self.as_reviewed:
            return self.reviewed_reason
        if self.inbox is not None:
            return "it had no label when this was opened"
        if self.label != self.reviewed_label:
            return self._relabelled_reason()
        return "kept; a user suggested it"

    def _relabelled_reason(self) -> str:
        return f"it was moved here from {self.reviewed_label}"

    def summary(self) -> str:
        """Return the photo, its label and the export's answer as text."""
        answer = ", ".join(f"{label} {probability:.0%}" for label, probability in self.answer.items())
        return f"{self.label or self.file.parent.name}/{self.file.name}: {answer or 'no suggestion'}"


def describe(photo: ReviewedPhoto) -> str:
    """Return a line of text on a photo: its suspicion, loss, label, prediction, and the reason."""
    loss = "-" if isinf(photo.loss) else f"{photo.loss:.2f}"
    return f"{photo.suspicion:.3f}  loss {loss:>5}  {photo.summary()}; {photo.reason}"


def describe_unlabelled(photo: ReviewedPhoto) -> str:
    """Return a line of text on a photo without a label: the prediction, and why it has its place in the order."""
    return f"{photo.summary()}; {photo.reason}"


def changes_photo(photo: ReviewedPhoto, decision: Decision) -> bool:
    """Return whether a decision changes a photo: to keep a suggestion does."""
    return decision.action in ("delete", "label") or (decision.action == "keep" and photo.suggested)


ORDERS: dict[str, Callable[[ReviewedPhoto], Any]] = {
    "suspicion": lambda photo: -photo.suspicion,  # sorting is stable: equal ones stay as `rank_suspects` ranked them
    "loss": lambda photo: -photo.loss,
    "name": lambda photo: (photo.label, photo.file.name),
}
