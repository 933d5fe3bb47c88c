"""Turn users' feedback into suggestions of labels, which are never trained on until a person has kept them.

Reads  a folder of feedback, as `server.feedback.records` describes it, or hf://datasets/USER/NAME
Writes DATA/.suggested/<label>/<hash>.jpg, and a row a suggestion in DATA/.suggested/suggestions.db; where photos may
       have several labels or none, DATA/.suggested/photos/<hash>.jpg, and the labels, such as dress|hat, in that row.
       DATA/_inbox/<hash>.jpg, and a row, for photos that users said to be none of the labels

`training.clean` shows them first; Keep and Apply move them to DATA/<label>/. The inbox waits for labels there too.
"""

import hashlib
from collections import Counter
from pathlib import Path

from fastcore.script import CliError

from classifier.photo import PhotoError, open_photo
from server.feedback.records import HUB_PREFIX, Record, photo_path, read_records
from training.data.files import INBOX, folder_name
from training.data.labels import SEPARATOR, read_labels

from .append_log import AppendLog, Row, folder_errors, utc_now
from .csv_rows import read_csv_rows
from .output import replacing

PHOTOS = "photos"  # folder of suggestions with several labels: no folder's name could hold any number of them
SUGGESTED = ".suggested"  # hidden: no command looks for photos in it
COLUMNS = ("file", "label", "said", "probability", "model_version", "sha256", "time")


def fetch_feedback(where: str, only: str | None = None) -> Path:
    """Return the folder of feedback: `where` itself, or a copy of the Hub's data set; CliError where there is none.

    only: a pattern, such as *.json, of the files to download.
    """
    if not where.startswith(HUB_PREFIX):
        if not Path(where).is_dir():
            raise CliError(f"There is no folder {where}. Name the folder in FEEDBACK, or {HUB_PREFIX}USER/NAME.")
        return Path(where)
    from huggingface_hub import snapshot_download  # imported here: only this way needs it

    try:
        return Path(snapshot_download(where[len(HUB_PREFIX) :].strip("/"), repo_type="dataset", allow_patterns=only))
    except Exception as error:  # no network, no right, no such dataset: each has errors of its own
        raise CliError(
            f"{where} cannot be had from the Hub ({str(error).splitlines()[0][:200]}). A private dataset "
            "needs HF_TOKEN."
        ) from error


class Suggestions:
    """The suggestions in a folder of photos, and how many records became one, or why not."""

    def __init__(self, data: str | Path):
        self.data = Path(data)
        self.folder = self.data / SUGGESTED
        self.counts: Counter[str] = Counter()
        self.several = read_labels(self.data).multi_label
        with folder_errors(self.data):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._log = AppendLog(self.folder / "suggestions.db", COLUMNS, lambda: _rows_of_csv(self.folder))
        self._known = {(row["label"], row["sha256"]) for row in self._log.rows()[0]}

    def add_all(self, feedback: Path) -> None:
        """Add the corrections as suggestions; of several records of a photo the last one counts."""
        records, self.counts["unreadable"] = read_records(feedback)
        last = {record["photo"]: record for record in records}
        self.counts["disputed"] = sum(record["correction"] != last[record["photo"]]["correction"] for record in records)
        for record in last.values():
            self.counts[self._add(record, feedback)] += 1

    def _add(self, record: Record, feedback: Path) -> str:
        """Add the suggestion of a record, if it has one; return the key of `counts` that it belongs to."""
        if record["right"]:
            return "right"
        to_inbox, digest = record["correction"] is None and not self.several, record["photo"]
        try:
            label = self._label(record["correction"])
            if (label, digest) in self._known:
                return "none" if to_inbox else "there"
            data = photo_path(feedback, digest).read_bytes()
            open_photo(data)
        except (CliError, PhotoError, OSError):
            return "unusable"
        if hashlib.sha256(data).hexdigest() != digest:
            return "unusable"
        self._store(record, label, data, self._folder(label, to_inbox))
        self.counts["inbox"] += to_inbox
        return "none" if to_inbox else "new"

    def _folder(self, label: str, to_inbox: bool) -> Path:
        if to_inbox:
            return self.data / INBOX
        return self.folder / (PHOTOS if self.several else label)

    def _label(self, correction: str | None) -> str:
        """Return the label of a correction, or its labels, joined, where photos may have several; CliError for none."""
        if correction is None:
            return ""
        if not self.several:
            return folder_of(self.data, correction)
        return SEPARATOR.join(sorted({folder_name(label) for label in correction.split(SEPARATOR) if correction}))

    def _store(self, record: Record, label: str, data: bytes, folder: Path) -> None:
        file = folder / f"{record['photo'][:20]}.jpg"
        with folder_errors(self.data):
            file.parent.mkdir(exist_ok=True)
            with replacing(file) as temporary:
                temporary.write_bytes(data)
        self._log.add(
            [
                {
                    "file": file.relative_to(self.data).as_posix(),
                    "label": label,
                    "said": _short(_answer(record)),
                    "probability": f"{record['probabilities'][record['label']]:.4f}",
                    "model_version": _short(record["model_version"]),
                    "sha256": record["photo"],
                    "time": utc_now(),
                }
            ]
        )
        self._known.add((label, record["photo"]))

    def summary(self) -> str:
        """Return the counts as one line."""
        n = self.counts["inbox"]
        new_in_inbox = f" ({n} new in {INBOX})" if n else ""
        counts, named = (
            self.counts,
            [
                ("right", "said to be right"),
                ("none", "said to be none of the labels" + new_in_inbox),
                ("disputed", "overruled by a later word on the same photo"),
                ("unusable", "not usable"),
                ("unreadable", "unreadable"),
            ],
        )
        return f"suggestions: {counts['new']} new, {counts['there']} were there; " + ", ".join(
            f"{counts[name]} {what}" for name, what in named if counts[name] or name in ("right", "none")
        )


def _rows_of_csv(folder: Path) -> list[Row]:
    """Return the suggestions as earlier versions kept them."""
    return read_csv_rows(folder / "suggestions.csv", COLUMNS)


def _answer(record: Record) -> str:
    """Return the app's answer; where the photo was unfamiliar or got no label, it named one only as a guess."""
    labels = record.get("labels", [record["label"]])
    if labels and record["familiar"] is not False:
        return ", ".join(labels)
    return f"none of these, if any {record['label']}"


def _short(text: str) -> str:
    """Return a text of a user as one line of at most 200 characters."""
    return " ".join(text.split())[:200]


def folder_of(data: Path, label: str) -> str:
    """Return the name of a label's folder; CliError for a label that cannot be the name of one."""
    name = folder_name(label)
    return label if label != name and (data / label).is_dir() else name


def pending_suggestions(data: str | Path) -> dict[Path, str]:
    """Return the suggestions that nobody has decided about yet, each with a sentence that describes it."""
    return {
        file: f"suggested by a user; the app said {row['said']} ({float(row['probability']):.0%})"
        for file, row in _pending(Path(data)).items()
    }


def suggested_labels(data: str | Path) -> dict[Path, tuple[str, ...]]:
    """Return the labels of each of the suggestions that nobody has decided about yet, sorted; () for none of them."""
    pending = _pending(Path(data)).items()
    return {file: tuple(label for label in row["label"].split(SEPARATOR) if label) for file, row in pending}


def _pending(data: Path) -> dict[Path, Row]:
    """Return the last row of each suggestion whose photo is there."""
    path = data / SUGGESTED / "suggestions.db"
    # the folder may be read-only
    rows = AppendLog(path, COLUMNS).rows()[0] if path.exists() else _rows_of_csv(path.parent)
    found = {}
    for row in rows:
        name = f"{row['sha256'][:20]}.jpg"
        several = row["file"] == f"{SUGGESTED}/{PHOTOS}/{name}"  # and no other path: anybody may write the file
        file = data / SUGGESTED / (PHOTOS if several else row["label"]) / name
        if file.is_file():
            found[file] = row
    return found
