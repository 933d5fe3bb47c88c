"""A cleaning session: the photos in the order of suspicion, the decision about each, and the moves that follow."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from math import isinf
from pathlib import Path
from typing import Any

from training.move_journal import Journal, Move

from .decisions import Decision, Decisions, PhotoKey
from .review import ReviewedPhoto

ORDERS: dict[str, Callable[[ReviewedPhoto], Any]] = {
    "suspicion": lambda photo: -photo.suspicion,  # sorting is stable: equal ones stay as `rank_suspects` ranked them
    "loss": lambda photo: -photo.loss,
    "name": lambda photo: (photo.label, photo.file.name),
}
SPLITS = ("train", "valid")
STAGE = "clean"  # its name in the journal


class Cleaner:
    """The photos of a folder and what people decide about them; several may work on one folder at once."""

    def __init__(self, data: str | Path, photos: Sequence[ReviewedPhoto], labels: Sequence[str]):
        """photos: the most suspicious first; labels: what a photo may be given."""
        self.data, self.labels = Path(data), list(labels)
        self.journal, self.decisions = Journal(data), Decisions(self.data)
        self.by_id = {self._id(photo.file): photo for photo in photos}
        self._by_file = {photo.file: photo for photo in photos}
        self._n_moves = self.journal.moves_since(0)[1]
        self._lock = threading.RLock()

    @property
    def photos(self) -> list[ReviewedPhoto]:
        """The photos that are not deleted, the most suspicious first."""
        rejected = self.journal.rejected(self.data)
        return [photo for photo in self.by_id.values() if rejected not in photo.file.parents]

    def select(
        self, label: str = "", split: str = "", order: str = "suspicion", show: str = "all"
    ) -> list[tuple[str, ReviewedPhoto, Decision]]:
        """Return (id, photo, decision) of the photos of a label and split, all where empty, in an order.

        show: "all", "marked" (to delete or move) or "undecided".
        """
        self.follow_moves()
        decisions = self.decisions.all()
        rejected = self.journal.rejected(self.data)
        found = [
            (name, photo, self._decision(photo, decisions))
            for name, photo in self.by_id.items()
            if label in ("", photo.label) and split in ("", photo.split) and rejected not in photo.file.parents
        ]
        found = [
            entry
            for entry in found
            if show == "all" or (moves_file(*entry[1:]) if show == "marked" else entry[2].action == "")
        ]
        return sorted(found, key=lambda entry: ORDERS[order](entry[1]))

    def decision(self, photo: ReviewedPhoto) -> Decision:
        """Return what was decided about a photo."""
        return self._decision(photo, self.decisions.all())

    def choose(self, name: str, action: str, label: str = "") -> Decision:
        """Store what is to happen to the photo with that id, and return it; its own label means to keep it.

        Raises KeyError for an unknown id, ValueError for an unknown action or label, CliError where the disk takes
        nothing.
        """
        self.follow_moves()
        photo = self.by_id[name]
        decision = Decision(action, label if action == "label" else "")
        if action not in ("keep", "delete", "label", "") or (action == "label" and label not in self.labels):
            raise ValueError(f"{action} {label}".strip() + ": no such choice.")
        if decision == Decision("label", photo.label):
            decision = Decision("keep")
        self.decisions.add({photo.key: decision})
        return decision

    def counts(self) -> tuple[int, int, int]:
        """Return how many photos are to be deleted, to be moved, and were decided on in all."""
        decisions, photos = self.decisions.all(), self.photos
        made = [self._decision(photo, decisions) for photo in photos]
        actions = [decision.action for decision in made]
        n_deleted = actions.count("delete")
        return n_deleted, sum(map(moves_file, photos, made)) - n_deleted, len(actions) - actions.count("")

    def apply(self) -> tuple[int, int]:
        """Move what is to be deleted out of the way and the rest to its labels; return how many of each.

        Raises CliError where a move fails; what was moved before is in the journal. After a kill, a second call
        finishes it: decisions are removed only after the moves.
        """
        applied: list[tuple[ReviewedPhoto, PhotoKey, Decision]] = []

        def planned() -> Iterator[Move]:  # the journal calls it once it holds the lock
            self.follow_moves()
            decisions = self.decisions.all()
            applied.extend(
                (photo, photo.key, decision)
                for photo in self.photos
                if moves_file(photo, decision := self._decision(photo, decisions)) and os.path.lexists(photo.file)
            )
            for photo, (file, _), decision in applied:
                yield (
                    (file, self.journal.rejected(file), "deleted")
                    if decision.action == "delete"
                    else (file, self._home(photo, decision) / file.name, f"is {decision.label or photo.label}")
                )

        with self._lock:
            try:
                self.journal.move(STAGE, planned())
            finally:
                self.follow_moves()
                self.decisions.add({key: Decision() for photo, key, _ in applied if photo.file != key[0]})
        n_deleted = sum(decision.action == "delete" for _, _, decision in applied)
        return n_deleted, len(applied) - n_deleted

    def undo(self) -> int:
        """Take the last Apply back, and mark its decisions again; return how many photos came back."""
        with self._lock:
            back = self.journal.undo(STAGE, only_last=True)
            self.follow_moves()
            rejected = self.journal.rejected(self.data)
            decided = {
                target: Decision("delete") if rejected in source.parents else Decision("label", source.parent.name)
                for source, target in back
            }
            self.decisions.add(
                {self._by_file[file].key: decision for file, decision in decided.items() if file in self._by_file}
            )
            return len(back)

    def follow_moves(self) -> None:
        """Update the paths of photos that anybody has moved since the last call."""
        with self._lock:
            moves, self._n_moves = self.journal.moves_since(self._n_moves)
            for source, target in moves:
                if source in self._by_file and not (os.path.lexists(source) and not os.path.lexists(target)):
                    photo = self._by_file[target] = self._by_file.pop(source)
                    photo.file = target

    def _home(self, photo: ReviewedPhoto, decision: Decision) -> Path:
        """Return the folder that a photo is to lie in; a suggestion leaves those of the suggestions."""
        folder = photo.file.parent
        return (self.data / folder.name if photo.suggested else folder).with_name(decision.label or photo.label)

    def _decision(self, photo: ReviewedPhoto, decisions: dict[PhotoKey, Decision]) -> Decision:
        decision = decisions.get(photo.key, Decision())
        return Decision("keep") if decision == Decision("label", photo.label) else decision

    def _id(self, file: Path) -> str:
        return hashlib.sha256(os.fsencode(file.relative_to(self.data))).hexdigest()[:16]


def moves_file(photo: ReviewedPhoto, decision: Decision) -> bool:
    """Return whether a decision moves the photo's file: to keep a suggestion does, to its label."""
    return decision.action in ("delete", "label") or (decision.action == "keep" and photo.suggested)


def describe(photo: ReviewedPhoto) -> str:
    """Return a line of text on a photo: its suspicion, loss, label, prediction, and the reason."""
    loss = "-" if isinf(photo.loss) else f"{photo.loss:.2f}"
    return (
        f"{photo.suspicion:.3f}  loss {loss:>5}  {photo.label}/{photo.file.name}: {photo.prediction} "
        f"{photo.probabilities[photo.prediction]:.0%}" + (f"; {photo.reason}" if photo.reason else "")
    )
