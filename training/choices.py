"""What people decided about photos, on disk at once: a reload, a second page or a kill loses none of it.

Writes DATA/.clean/choices.csv, a line a decision; the last one about a photo counts
"""
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from .journal import PATIENCE, Log, now, writing

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
        self.data, self.path = data, data / FOLDER / "choices.csv"
        self._read, self._by_photo = None, {}
        with writing(data):
            self.path.parent.mkdir(exist_ok=True)
            with self._alone():
                Log(self.path, COLUMNS)

    def all(self) -> dict[Key, Choice]:
        """Return the decisions as they are now on the disk, whoever made them."""
        with writing(self.data), self._alone():
            stat = self.path.stat()
            if self._read != (stat.st_mtime_ns, stat.st_size):
                self._by_photo = {(self.data / row["photo"], row["sha256"]): Choice(row["action"], row["label"])
                                  for row in Log(self.path, COLUMNS).rows if row["action"] in ACTIONS}
                self._read = (stat.st_mtime_ns, stat.st_size)
        return self._by_photo

    def add(self, choices: dict[Key, Choice]) -> None:
        """Write decisions down; CliError where the disk takes none."""
        with writing(self.data), self._alone():
            log = Log(self.path, COLUMNS)
            for (photo, digest), choice in choices.items():
                log.add(photo=photo.relative_to(self.data).as_posix(), sha256=digest, action=choice.action,
                        label=choice.label, time=now())

    def _alone(self) -> FileLock:
        return FileLock(self.path.with_name("lock"), timeout=PATIENCE)
