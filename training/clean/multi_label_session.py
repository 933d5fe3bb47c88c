"""A cleaning session over photos with several labels, or none: decisions change rows of labels.csv.

Reads  DATA/labels.csv, again whenever it has changed: its owner may work on it in a spreadsheet
Writes through `training.journal.moves`, which leaves rows alone that somebody else changed meanwhile
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import or_, sub, xor
from pathlib import Path
from typing import cast

from training.data.files import INBOX
from training.data.labels import BY_FOLDER, FILE_NAME, SEPARATOR
from training.feedback import PHOTOS, suggested_labels
from training.journal.label_edits import NO_ROW, labels_of, read_listed
from training.journal.moves import Change

from .chips import labels_with_keys
from .review.decisions import ChangedMeanwhile, Decision, PhotoKey
from .review.multi_label_photo import NO_LABEL, MultiLabelPhoto, in_words
from .review.reviewed_photo import ReviewedPhoto
from .session import Cleaner

CHANGES: dict[str, Callable[[set[str], set[str]], set[str]]] = {"toggle": xor, "add": or_, "remove": sub}


class MultiLabelCleaner(Cleaner):
    """The photos that labels.csv names, and what people decide about them.

    A decision is about the labels that a photo had: it does not count once somebody else has changed the photo's row.
    """

    multi_label = True

    def __init__(self, data: str | Path, photos: Sequence[MultiLabelPhoto], labels: Sequence[str]):
        """photos: the most suspicious first; labels: what a photo may be given."""
        super().__init__(data, photos, labels)
        self._suggested = suggested_labels(self.data)
        self._labels, self._state = BY_FOLDER, (0, 0, 0)
        self.follow()
        self.keys = labels_with_keys(self.labels, photos)

    def follow(self) -> None:
        """Take in what anybody has changed since the last call: where photos lie, and rows of labels.csv.

        Raises CliError where labels.csv is gone or cannot be read.
        """
        with self._lock:
            self.follow_moves()
            path = self.data / FILE_NAME
            stat = path.stat() if path.exists() else None
            state = (stat.st_ino, stat.st_mtime_ns, stat.st_size) if stat else (0, 0, 0)
            if state != self._state or not stat:
                self._labels, self._state = read_listed(self.data), state
            listed = self._labels.listed or {}
            rejected = self.journal.rejected(self.data)
            for photo in map(_listed, self.by_id.values()):
                if photo.suggested:
                    photo.labels_now = self._suggested.get(photo.file, ())
                elif (
                    not photo.unlabelled and rejected not in photo.file.parents
                ):  # the row of a deleted one waits for it
                    photo.listed = photo.file in listed
                    photo.labels_now = listed[photo.file].labels if photo.listed else photo.labels_now
            self.labels = sorted({*self.labels, *(label for row in listed.values() for label in row.labels)})

    def reason(self, photo: ReviewedPhoto) -> str:
        """Return a sentence that says what speaks against the photo's labels, or that somebody changed them."""
        decision = self.decisions.all().get(photo.key, Decision())
        if self._is_stale(photo, decision):
            return (
                f"{FILE_NAME} was changed after somebody decided about this photo; it had {in_words(decision.was)}. "
                "Decide again."
            )
        return photo.reason

    def n_stale(self) -> int:
        """Return how many decisions do not count, because somebody changed the photo's row since."""
        decisions = self.decisions.all()
        return sum(self._is_stale(photo, decisions.get(photo.key, Decision())) for photo in self.photos)

    def _is_stale(self, photo: ReviewedPhoto, decision: Decision) -> bool:
        """Return whether a decision is about other labels than the photo has, and not just what it has by now."""
        made = decision.action == "label" and decision.label == photo.label and not photo.unlabelled
        return decision.action != "" and decision.was != photo.label and not made

    def _is_there(self, photo: ReviewedPhoto) -> bool:
        return super()._is_there(photo) and (photo.suggested or photo.unlabelled or _listed(photo).listed)

    def _has(self, photo: ReviewedPhoto, label: str) -> bool:
        if photo.unlabelled:
            return label == INBOX
        return label == "" or (not photo.labels if label == NO_LABEL else label in photo.labels)

    def _checked(self, photo: ReviewedPhoto, action: str, label: str, shown: str | None) -> Decision:
        """Return the decision; "toggle" gives the photo one more label, or takes it away, as "add" and "remove" do."""
        if shown is not None and labels_of(shown) != photo.labels:
            raise ChangedMeanwhile(
                f"Not saved: {FILE_NAME} was changed meanwhile. {photo.file.name} has {photo.words} now."
            )
        wanted = set(labels_of(label))
        if action not in ("keep", "delete", "label", *CHANGES, "") or not wanted <= {*self.labels, *photo.labels}:
            raise ValueError(f"{action} {label}".strip() + ": no such choice.")
        if change := CHANGES.get(action):
            decision = self.decision(photo)
            before = labels_of(decision.label) if decision.action == "label" else photo.labels
            action, wanted = "label", change(set(before), wanted)
            if photo.unlabelled and not wanted:  # to be none of the labels is said by a key of its own
                action = ""
        text = SEPARATOR.join(sorted(wanted)) if action == "label" else ""
        if action == "label" and text == photo.label and not photo.unlabelled:
            return self._stamped(photo, Decision("keep"))
        return self._stamped(photo, Decision(action, text))

    def _stamped(self, photo: ReviewedPhoto, decision: Decision) -> Decision:
        return replace(decision, was=photo.label)

    def _change(self, photo: ReviewedPhoto, decision: Decision) -> Change:
        """Return what gives a photo its labels: its row; one that has none yet joins the photos and gets one."""
        text = decision.label if decision.action == "label" else photo.label
        if photo.suggested or photo.unlabelled:
            return Change(photo.file, self.data / PHOTOS / photo.file.name, f"is {in_words(text)}", NO_ROW, text)
        return Change(photo.file, photo.file, f"is {in_words(text)}", photo.label, text)

    def _decision(self, photo: ReviewedPhoto, decisions: dict[PhotoKey, Decision]) -> Decision:
        decision = decisions.get(photo.key, Decision())
        if decision.action == "label" and decision.label == photo.label and not photo.unlabelled:
            return self._stamped(photo, Decision("keep"))
        return Decision() if self._is_stale(photo, decision) else decision


def _listed(photo: ReviewedPhoto) -> MultiLabelPhoto:
    return cast(MultiLabelPhoto, photo)  # the cleaner was made of such photos
