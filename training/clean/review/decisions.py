"""Store what people decided about photos, on disk at once, so that a reload, a second page or a kill loses nothing.

Writes DATA/.clean/choices.db, a row for each decision; the last one about a photo counts
"""

from dataclasses import dataclass
from pathlib import Path

from training.append_log import AppendLog, folder_errors, utc_now
from training.csv_rows import read_csv_rows

FOLDER = ".clean"  # hidden: no command looks for photos in it
COLUMNS = ("photo", "sha256", "action", "label", "time", "was")
N_ADDED = 1  # the last column, which earlier versions lack
ACTIONS = ("keep", "delete", "label", "")

PhotoKey = tuple[Path, str]  # where a photo lies, and its SHA-256: another photo may take its place


@dataclass(frozen=True)
class Decision:
    """What is to happen to a photo: "keep", "delete", "label" (move it to that one), or "" for undecided.

    Where photos may have several labels, `label` is all that it is to have, joined by "|".
    """

    action: str = ""
    label: str = ""
    was: str = ""  # the labels in labels.csv that the decision is about; "" where the photo's folder tells


class ChangedMeanwhile(Exception):
    """Raised for a choice about a photo whose labels were changed since it was shown."""


class Decisions:
    """The decisions about the photos of a folder, shared by all processes that have it open."""

    def __init__(self, data: Path):
        self.data, folder = data, data / FOLDER
        with folder_errors(data):
            folder.mkdir(exist_ok=True)
        earlier = folder / "choices.csv"
        self._log = AppendLog(
            folder / "choices.db", COLUMNS, lambda: read_csv_rows(earlier, COLUMNS, N_ADDED), n_added=N_ADDED
        )
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
                    (self.data / row["photo"], row["sha256"]): Decision(row["action"], row["label"], row["was"])
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
                "was": decision.was,
            }
            for (photo, digest), decision in decisions.items()
        )
