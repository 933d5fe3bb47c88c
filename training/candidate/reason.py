"""Decide whether there is a reason to train a candidate.

Reads  what the monitor found, and the photos of the data set beside those that the model in use was made from
Gives  `Reason`: which reason there is, if any, and in a sentence
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastcore.script import CliError

from training.data.contents import sha256_of
from training.data.splits import Photos, n_photos
from training.monitor.check import Check
from training.monitor.summary import describe_finding
from training.run_folder import PhotoChanges

from .promoted import Promoted


@dataclass(frozen=True)
class Reason:
    """Why a candidate is trained, or why not."""

    check: Check | None  # None where no feedback is read
    changes: PhotoChanges
    wanted: int  # photos with new labels from which on a candidate is trained

    @property
    def n_labels(self) -> int:
        """How many photos came, or have other labels."""
        return len(self.changes.came) + len(self.changes.relabelled)

    @property
    def drifts(self) -> list[str]:
        """A sentence for each measure of the answers that has drifted: numbers, and no text of a user."""
        check = self.check
        return [describe_finding(finding, check.reference.several) for finding in check.findings] if check else []

    @property
    def counts(self) -> str:
        """What became of the photos since the model in use was trained."""
        return (
            f"{n_photos(len(self.changes.came))} came, {len(self.changes.relabelled)} changed their labels, "
            f"{len(self.changes.gone)} went"
        )

    def __bool__(self) -> bool:
        return self.n_labels >= self.wanted or bool(self.drifts and self.n_labels)

    def check_drift(self, version: str) -> None:
        """Raise CliError where the world has drifted and no photo with a new label is there to learn it from."""
        if self.drifts and not self.n_labels:
            raise CliError(
                f"{' '.join(self.drifts)} No photo came or changed its labels since {version} was trained, so a "
                "training would give the same model. Gather the feedback, look at it in the cleaner, and put what you "
                "keep into the data set."
            )

    def why_not(self, version: str) -> str:
        """Return why no candidate is trained, in a line."""
        drift = "Nothing has drifted" if self.check else "No feedback was read"
        return (
            f"No candidate: {drift[0].lower()}{drift[1:]}; since {version} was trained, {self.counts}. From "
            f"{self.wanted} photos with new labels on, a candidate is trained."
        )


def reason_of(promoted: Promoted, check: Check | None, photos: Photos, wanted: int) -> Reason:
    """Return whether there is a reason; wanted: photos with new labels that are one without a drift."""
    after = labels_of(photos)
    before = {digest: ("", labels) for digest, labels in promoted.photos.items()}
    return Reason(check, PhotoChanges(before, {digest: ("", labels) for digest, labels in after.items()}), wanted)


def labels_of(photos: Photos) -> dict[str, str]:
    """Return the labels, joined, of each photo that is not of a test set, by its SHA-256."""
    files: Sequence[Path] = [*photos.train, *photos.valid]
    return {sha256_of(file): photos.labels.text(file) for file in files}
