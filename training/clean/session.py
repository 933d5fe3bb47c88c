"""A cleaning session: the photos in the order of suspicion, the decision about each, and the changes that follow."""

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path

from training.data.files import INBOX
from training.journal.moves import Change, Journal, Undone

from .review.decisions import Decision, Decisions, PhotoKey
from .review.homes import Homes
from .review.reviewed_photo import ORDERS, ReviewedPhoto, changes_photo, describe

__all__ = ["ORDERS", "SPLITS", "STAGE", "Cleaner", "changes_photo", "describe"]

SPLITS, STAGE = ("train", "valid"), "clean"  # its name in the journal


class Cleaner:
    """The photos of a folder and what people decide about them; several may work on one folder at once."""

    multi_label = False  # whether a photo may have several labels, or none

    def __init__(self, data: str | Path, photos: Sequence[ReviewedPhoto], labels: Sequence[str]):
        """photos: the most suspicious first; labels: what a photo may be given."""
        self.data, self.labels = Path(data), list(labels)
        self.journal, self.decisions = Journal(data), Decisions(self.data)
        self.by_id = {self._id(photo.file): photo for photo in photos}
        self._by_file = {photo.file: photo for photo in photos}
        self._homes, self._n_moves = Homes(self.data, photos), self.journal.moves_since(0)[1]
        self._lock = threading.RLock()

    @property
    def photos(self) -> list[ReviewedPhoto]:
        """The photos that are not deleted, the most suspicious first."""
        return [photo for photo in self.by_id.values() if self._is_there(photo)]

    def select(
        self, label: str = "", split: str = "", order: str = "suspicion", show: str = "all"
    ) -> list[tuple[str, ReviewedPhoto, Decision]]:
        """Return (id, photo, decision) of the photos of a label and split, all where empty, in an order.

        label: INBOX for photos without one, of which "" has the marked ones. show: "all", "marked" or "undecided".
        """
        self.follow()
        decisions = self.decisions.all()
        found = [
            (name, photo, self._decision(photo, decisions))
            for name, photo in self.by_id.items()
            if (self._has(photo, label) or (show == "marked" and not label))
            and split in ("", photo.split)
            and self._is_there(photo)
        ]
        found = [
            entry
            for entry in found
            if show == "all" or (changes_photo(*entry[1:]) if show == "marked" else entry[2].action == "")
        ]
        return sorted(found, key=lambda entry: ORDERS[order](entry[1]))

    def decision(self, photo: ReviewedPhoto) -> Decision:
        """Return what was decided about a photo."""
        return self._decision(photo, self.decisions.all())

    def reason(self, photo: ReviewedPhoto) -> str:
        """Return a sentence that says what speaks against the photo's label; "" where nothing does."""
        return photo.reason

    def choose(self, name: str, action: str, label: str = "", shown: str | None = None) -> Decision:
        """Store what is to happen to the photo with that id, and return it, as `choose_all` does."""
        return self.choose_all([name], action, label, None if shown is None else [shown])[name]

    def choose_all(
        self, names: Sequence[str], action: str, label: str = "", shown: Sequence[str] | None = None
    ) -> dict[str, Decision]:
        """Store what is to happen to photos, all or none, by id, and return it; a photo's own label means to keep it.

        shown: the labels that the person saw of each. Raises KeyError for an unknown id, ValueError for no such choice,
        ChangedMeanwhile where a photo no longer has the labels shown, CliError where the disk takes nothing.
        """
        with self._lock:
            self.follow()
            seen = zip(names, repeat(None) if shown is None else shown)
            made = {name: self._checked(self.by_id[name], action, label, text) for name, text in seen}
            self.decisions.add({self.by_id[name].key: made[name] for name in made})
        return made

    def counts(self) -> tuple[int, int, int]:
        """Return how many photos are to be deleted, to be moved, and how many with a label were decided on in all."""
        decisions, photos = self.decisions.all(), self.photos
        made = [self._decision(photo, decisions) for photo in photos]
        n_deleted = sum(decision.action == "delete" for decision in made)
        n_decided = sum(decision.action != "" for photo, decision in zip(photos, made) if not photo.unlabelled)
        return n_deleted, sum(map(changes_photo, photos, made)) - n_deleted, n_decided

    def apply(self) -> tuple[int, int]:
        """Move what is to be deleted out of the way, and give the rest its labels; return how many of each.

        Raises CliError where a change fails; what was changed before is in the journal. After a kill, a second call
        finishes it: decisions are removed only after the changes.
        """
        applied: list[tuple[ReviewedPhoto, PhotoKey, str, Decision]] = []

        def planned() -> Iterator[Change]:  # the journal calls it once it holds the lock
            self.follow()
            decisions = self.decisions.all()
            applied.extend(
                (photo, photo.key, photo.label, decision)
                for photo in self.photos
                if changes_photo(photo, decision := self._decision(photo, decisions)) and os.path.lexists(photo.file)
            )
            for photo, (file, _), _, decision in applied:
                if decision.action == "delete":
                    yield Change(file, self.journal.rejected(file), "deleted")
                else:
                    yield self._change(photo, decision)

        with self._lock:
            try:
                self.journal.change(STAGE, planned())
            finally:
                self.follow()
                done = {key for photo, key, label, _ in applied if (photo.file, photo.label) != (key[0], label)}
                self.decisions.add(dict.fromkeys(done, Decision()))
        n_deleted = sum(decision.action == "delete" for *_, decision in applied)
        return n_deleted, len(applied) - n_deleted

    def undo(self) -> int:
        """Do what `take_back` does, and return how many photos are as before."""
        return self.take_back().n

    def take_back(self) -> Undone:
        """Take the last Apply back, and mark its decisions again; return what came back."""
        with self._lock:
            self.follow()
            had = {id(photo): photo.label for photo in self.by_id.values()}
            undone = self.journal.take_back(STAGE, only_last=True)
            self.follow()
            rejected = self.journal.rejected(self.data)
            deleted = {target for source, target in undone.moved if rejected in source.parents}
            back = [self._by_file[file] for _, file in undone.moved if file in self._by_file]
            back += [self._by_file[file] for file in undone.labelled if file in self._by_file]
            self.decisions.add(
                {
                    photo.key: self._stamped(
                        photo, Decision("delete") if photo.file in deleted else Decision("label", had[id(photo)])
                    )
                    for photo in back
                }
            )
            return undone

    def follow(self) -> None:
        """Take in what anybody has changed since the last call: where photos lie, and so their labels."""
        self.follow_moves()

    def follow_moves(self) -> None:
        """Update the paths of photos that anybody has moved since the last call."""
        with self._lock:
            moves, self._n_moves = self.journal.moves_since(self._n_moves)
            for source, target in moves:
                if source in self._by_file and not (os.path.lexists(source) and not os.path.lexists(target)):
                    photo = self._by_file[target] = self._by_file.pop(source)
                    photo.file = target

    def _is_there(self, photo: ReviewedPhoto) -> bool:
        """Return whether a photo is not deleted."""
        return self.journal.rejected(self.data) not in photo.file.parents

    def _has(self, photo: ReviewedPhoto, label: str) -> bool:
        """Return whether a photo has a label; every photo with one has "", the others have INBOX."""
        return label == INBOX if photo.unlabelled else label in ("", photo.label)

    def _checked(self, photo: ReviewedPhoto, action: str, label: str, shown: str | None) -> Decision:
        """Return the decision; ValueError for one that is none."""
        decision = Decision(action, label if action == "label" else "")
        if action not in ("keep", "delete", "label", "") or (action == "label" and label not in self.labels):
            raise ValueError(f"{action} {label}".strip() + ": no such choice.")
        return Decision("keep") if decision == Decision("label", photo.label) else decision

    def _stamped(self, photo: ReviewedPhoto, decision: Decision) -> Decision:
        """Return a decision as it is stored."""
        return decision

    def _change(self, photo: ReviewedPhoto, decision: Decision) -> Change:
        """Return what gives a photo its label: a move to that folder; a suggestion leaves its own ones."""
        label, folder = decision.label or photo.label, photo.file.parent
        beside = (self.data / folder.name if photo.suggested else folder).with_name(label)
        home = self._homes.of(label) if photo.unlabelled else beside
        return Change(photo.file, home / photo.file.name, f"is {label}")

    def _decision(self, photo: ReviewedPhoto, decisions: dict[PhotoKey, Decision]) -> Decision:
        decision = decisions.get(photo.key, Decision())
        return Decision("keep") if decision == Decision("label", photo.label) else decision

    def _id(self, file: Path) -> str:
        return hashlib.sha256(os.fsencode(file.relative_to(self.data))).hexdigest()[:16]
