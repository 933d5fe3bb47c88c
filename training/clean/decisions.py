"""What people decided about photos, on disk at once: a reload, a second page or a kill loses none of it.

Writes DATA/.clean/choices.db, a row a decision; the last one about a photo counts
"""
from dataclasses import dataclass
from pathlib import Path

from training.append_log import Store, csv_rows, now, writing

FOLDER = ".clean"  # hidden: no stage looks for photos in there
COLUMNS = ("photo", "sha256", "action", "label", "time")
ACTIONS = ("keep", "delete", "label", "")


Key = tuple[Path, str]  # where a photo lies, and its SHA-256: another photo may take its place


@dataclass(frozen=True)
class Choice:
    """What is to happen to a photo: "keep", "delete", "label" (move it to that one), or "" for undecided."""

    action: str = ""
    label: str = ""


class Choices:
    """The decisions about the photos of a folder, shared by everyone who has them open."""

    def __init__(self, data: Path):
        self.data, folder = data, data / FOLDER
        with writing(data):
            folder.mkdir(exist_ok=True)
        self._store = Store(folder / "choices.db", COLUMNS, lambda: csv_rows(folder / "choices.csv", COLUMNS))
        self._known: tuple[dict[Key, Choice], int] = {}, 0

    def all(self) -> dict[Key, Choice]:
        """Return the decisions as they are now on the disk, whoever made them."""
        known, n = self._known
        rows, n_now = self._store.rows(after=n)
        if n_now < n:  # another file took its place
            known, (rows, n_now) = {}, self._store.rows()
        known = {**known, **{(self.data / row["photo"], row["sha256"]): Choice(row["action"], row["label"])
                             for row in rows if row["action"] in ACTIONS}} if rows else known
        self._known = known, n_now
        return known

    def add(self, choices: dict[Key, Choice]) -> None:
        """Write decisions down, all or none; CliError where the disk takes none."""
        self._store.add({"photo": photo.relative_to(self.data).as_posix(), "sha256": digest, "action": choice.action,
                         "label": choice.label, "time": now()} for (photo, digest), choice in choices.items())
