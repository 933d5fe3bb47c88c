"""Store what people decided about photos, on disk at once, so that a reload, a second page or a kill loses nothing.

Writes DATA/.clean/choices.db, a row for each decision; the last one about a photo counts
"""

from dataclasses import dataclass
from pathlib import Path

from training.append_log import AppendLog, folder_errors, utc_now
from training.csv_rows import read_csv_rows

FOLDER = ".clean"  # hidden: no command looks for photos in it
COLUMNS = ("photo", "sha256", "action", "label", "time")
ACTIONS = ("keep", "delete", "label", "")

PhotoKey = tuple[Path, str]  # where a photo lies, and its SHA-256: another photo may take its place


@dataclass(frozen=True)
class Decision:
    """What is to happen to a photo: "keep", "delete", "label" (move it to that one), or "" for undecided."""

    action: str = ""
    label: str = ""


class Decisions:
    """The decisions about the photos of a folder, shared by all processes that have it open."""

    def __init__(self, data: Path):
        self.data, folder = data, data / FOLDER
        with folder_errors(data):
            folder.mkdir(exist_ok=True)
        self._log = AppendLog(folder / "choices.db", COLUMNS, lambda: read_csv_rows(folder / "choices.csv", COLUMNS))
        self._known: dict[PhotoKey, Decision] = {}
        self._n_rows = 0

    def all(self) -> dict[PhotoKey, Decision]:
        """Return the decisions as they are on the disk now, whoever made them."""
        known = self._known
        rows, n = self._log.rows(after=self._n_rows)
        if n < self._n_rows:  # another file took its place
            known, (rows, n) = {}, self._log.rows()
        if rows:
            known = {
                **known,
                **{
                    (self.data / row["photo"], row["sha256"]): Decision(row["action"], row["label"])
                    for row in rows
                    if row["action"] in ACTIONS
                },
            }
        self._known, self._n_rows = known, n
        return known

    def add(self, decisions: dict[PhotoKey, Decision]) -> None:
        """Store decisions, all or none; CliError where the disk takes none."""
        self._log.add(
            {
                "photo": photo.relative_to(self.data).as_posix(),
                "sha256": digest,
                "action": decision.action,
                "label": decision.label,
                "time": utc_now(),
            }
            for (photo, digest), decision in decisions.items()
        )
