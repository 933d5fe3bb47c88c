"""A cleaning session: the photos in the order of suspicion, what was decided of each, and the moves that follow."""
import hashlib
import os
import threading
from collections.abc import Sequence
from math import isinf
from pathlib import Path

from training.move_journal import Journal

from .decisions import Choice, Choices, Key
from .review import Reviewed

ORDERS = {
    "suspicion": lambda photo: -photo.suspicion,  # sorting is stable: as `suspects` ranked them
    "loss": lambda photo: -photo.loss,
    "name": lambda photo: (photo.label, photo.file.name),
}
SPLITS = ("train", "valid")
STAGE = "clean"


class Cleaner:
    """The photos of a folder and what people decide about them; several may work on one folder at once."""

    def __init__(self, data: str | Path, photos: Sequence[Reviewed], labels: Sequence[str]):
        """photos: the most suspicious first; labels: what a photo may be given."""
        self.data, self.labels = Path(data), list(labels)
        self.journal, self.choices = Journal(data), Choices(self.data)
        self.by_id = {self._id(photo.file): photo for photo in photos}
        self._by_file = {photo.file: photo for photo in photos}
        self._n_rows = self.journal.moves_since(0)[1]
        self._lock = threading.RLock()

    @property
    def photos(self) -> list[Reviewed]:
        """The photos that are there, the most suspicious first."""
        rejected = self.journal.rejected(self.data)
        return [photo for photo in self.by_id.values() if rejected not in photo.file.parents]

    def select(self, label: str = "", split: str = "", order: str = "suspicion",
               show: str = "all") -> list[tuple[str, Reviewed, Choice]]:
        """Return (id, photo, choice) of the photos of a label and split, all where empty, in an order.

        show: "all", "marked" (to delete or move) or "undecided".
        """
        self.follow()
        choices = self.choices.all()
        rejected = self.journal.rejected(self.data)
        found = [(name, photo, self._choice(photo, choices)) for name, photo in self.by_id.items()
                 if label in ("", photo.label) and split in ("", photo.split) and rejected not in photo.file.parents]
        found = [entry for entry in found if show == "all" or (
            moves(*entry[1:]) if show == "marked" else entry[2].action == "")]
        return sorted(found, key=lambda entry: ORDERS[order](entry[1]))

    def choice(self, photo: Reviewed) -> Choice:
        """Return what was decided about a photo."""
        return self._choice(photo, self.choices.all())

    def choose(self, name: str, action: str, label: str = "") -> Choice:
        """Write down what is to happen to the photo of that id, and return it; its own label means to keep it.

        Raises KeyError for an id that is none, ValueError for an action or a label that is none, CliError where
        the disk takes nothing.
        """
        self.follow()
        photo = self.by_id[name]
        choice = Choice(action, label if action == "label" else "")
        if action not in ("keep", "delete", "label", "") or (action == "label" and label not in self.labels):
            raise ValueError(f"{action} {label}".strip() + ": no such choice.")
        if choice == Choice("label", photo.label):
            choice = Choice("keep")
        self.choices.add({photo.key: choice})
        return choice

    def counts(self) -> tuple[int, int, int]:
        """Return how many photos are to be deleted, to be moved, and were decided on in all."""
        choices, photos = self.choices.all(), self.photos
        made = [self._choice(photo, choices) for photo in photos]
        actions = [choice.action for choice in made]
        n_deleted = actions.count("delete")
        return n_deleted, sum(map(moves, photos, made)) - n_deleted, len(actions) - actions.count("")

    def apply(self) -> tuple[int, int]:
        """Move what is to be deleted out of the way and the rest to its labels; return how many of each.

        Raises CliError where a move fails; what was moved before is in the journal. Killed, a second call
        finishes it: decisions are forgotten only after the moves.
        """
        applied = []

        def made():  # asked for once nobody else moves anything
            self.follow()
            choices = self.choices.all()
            applied.extend((photo, photo.key, choice) for photo in self.photos
                           if moves(photo, choice := self._choice(photo, choices)) and os.path.lexists(photo.file))
            for photo, (file, _), choice in applied:
                yield (file, self.journal.rejected(file), "deleted") if choice.action == "delete" else (
                    file, self._home(photo, choice) / file.name, f"is {choice.label or photo.label}")

        with self._lock:
            try:
                self.journal.move(STAGE, made())
            finally:
                self.follow()
                self.choices.add({key: Choice() for photo, key, _ in applied if photo.file != key[0]})
        n_deleted = sum(choice.action == "delete" for _, _, choice in applied)
        return n_deleted, len(applied) - n_deleted

    def undo(self) -> int:
        """Take the last Apply back, its decisions marked again; return how many photos came back."""
        with self._lock:
            back = self.journal.undo(STAGE, only_last=True)
            self.follow()
            rejected = self.journal.rejected(self.data)
            decided = {now: Choice("delete") if rejected in was.parents else Choice("label", was.parent.name)
                       for was, now in back}
            self.choices.add({self._by_file[file].key: choice for file, choice in decided.items()
                              if file in self._by_file})
            return len(back)

    def follow(self) -> None:
        """Follow photos to where anybody has moved them since."""
        with self._lock:
            moves, self._n_rows = self.journal.moves_since(self._n_rows)
            for source, target in moves:
                if source in self._by_file and not (os.path.lexists(source) and not os.path.lexists(target)):
                    photo = self._by_file[target] = self._by_file.pop(source)
                    photo.file = target

    def _home(self, photo: Reviewed, choice: Choice) -> Path:
        """Return the folder that a photo is to lie in; a suggestion leaves those of the suggestions."""
        folder = photo.file.parent
        return (self.data / folder.name if photo.suggested else folder).with_name(choice.label or photo.label)

    def _choice(self, photo: Reviewed, choices: dict[Key, Choice]) -> Choice:
        choice = choices.get(photo.key, Choice())
        return Choice("keep") if choice == Choice("label", photo.label) else choice

    def _id(self, file: Path) -> str:
        return hashlib.sha256(os.fsencode(file.relative_to(self.data))).hexdigest()[:16]


def moves(photo: Reviewed, choice: Choice) -> bool:
    """Return whether a choice moves a photo: to keep a suggestion does, to its label."""
    return choice.action in ("delete", "label") or (choice.action == "keep" and photo.suggested)


def line(photo: Reviewed) -> str:
    """Return a photo, its label, what the export says, and why it is suspicious, as a line of text."""
    loss = "-" if isinf(photo.loss) else f"{photo.loss:.2f}"
    return (f"{photo.suspicion:.3f}  loss {loss:>5}  {photo.label}/{photo.file.name}: {photo.prediction} "
            f"{photo.probabilities[photo.prediction]:.0%}" + (f"; {photo.reason}" if photo.reason else ""))
