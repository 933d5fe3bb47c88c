"""What users of the app say of its answers, as suggestions: never trained on until a person has kept them.

Reads  a folder of feedback, as the app writes it: ab/abc….jpg, ab/abc…-12345678.json; or hf://datasets/USER/NAME
Writes DATA/.suggested/<label>/<hash>.jpg, and a row a suggestion in DATA/.suggested/suggestions.db

`training.clean` leads with them; Keep and Apply move them to DATA/<label>/.
"""
import hashlib
import json
import os
import re
from collections import Counter
from datetime import datetime
from pathlib import Path

from fastcore.script import CliError

from classifier.photo import PhotoError, open_photo

from .append_log import Row, Store, csv_rows, now, writing

SUGGESTED = ".suggested"  # hidden: no stage looks for photos in there
COLUMNS = ("file", "label", "said", "probability", "model_version", "sha256", "time")
HUB = "hf://datasets/"
SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_BYTES = 100_000  # of a record


def fetched(where: str, only: str | None = None) -> Path:
    """Return the folder of feedback: the one that is named, or a copy of the dataset; CliError where there is none.

    only: a pattern, such as *.json, of the dataset's files that are wanted.
    """
    if not where.startswith(HUB):
        if not Path(where).is_dir():
            raise CliError(f"There is no folder {where}. Name the folder in FEEDBACK, or {HUB}USER/NAME.")
        return Path(where)
    from huggingface_hub import snapshot_download  # imported here: only this way needs it

    try:
        return Path(snapshot_download(where[len(HUB):].strip("/"), repo_type="dataset", allow_patterns=only))
    except Exception as error:  # no network, no right, no such dataset: each has errors of its own
        raise CliError(f"{where} cannot be had from the Hub ({str(error).splitlines()[0][:200]}). A private dataset "
                       "needs HF_TOKEN.") from error


def read_records(folder: Path) -> tuple[list[dict], int]:
    """Return the records, oldest first, and how many files are none; what they say is anybody's text."""
    files = list(folder.glob("[0-9a-f][0-9a-f]/*.json"))
    records = [record for record in map(_read, files) if record]
    return sorted(records, key=lambda record: (record["time"], record["photo"])), len(files) - len(records)


def _read(file: Path) -> dict | None:
    """Return a record; None for a file that holds none."""
    try:
        if file.stat().st_size > MOST_BYTES:
            return None
        record = json.loads(file.read_bytes())
        texts = (record["label"], record["time"], record["model_version"])
        usable = (all(isinstance(text, str) for text in texts) and SHA256.fullmatch(record["photo"])
                  and isinstance(record["correction"], (str, type(None))) and isinstance(record["right"], bool)
                  and record["familiar"] in (True, False, None)
                  and 0 <= record["probabilities"][record["label"]] <= 1
                  and datetime.fromisoformat(record["time"]).tzinfo)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return record if usable else None


class Suggestions:
    """The suggestions beside a folder of photos, and what became of each record."""

    def __init__(self, data: str | Path):
        self.data = Path(data)
        self.folder, self.counts = self.data / SUGGESTED, Counter()
        with writing(self.data):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._store = Store(self.folder / "suggestions.db", COLUMNS, lambda: _old(self.folder))
        self._had = {(row["label"], row["sha256"]) for row in self._store.rows()[0]}

    def take_all(self, feedback: Path) -> None:
        """Add what corrects an answer; the last word on a photo counts. What is none is counted."""
        records, self.counts["unreadable"] = read_records(feedback)
        last = {record["photo"]: record for record in records}
        self.counts["disputed"] = sum(record["correction"] != last[record["photo"]]["correction"]
                                      for record in records)
        for record in last.values():
            self.counts[self._take(record, feedback)] += 1

    def _take(self, record: dict, feedback: Path) -> str:
        if record["right"]:
            return "right"
        if record["correction"] is None:
            return "none"
        digest = record["photo"]
        try:
            label = folder_of(self.data, record["correction"])
            if (label, digest) in self._had:
                return "there"
            data = (feedback / digest[:2] / f"{digest}.jpg").read_bytes()
            open_photo(data)
        except (CliError, PhotoError, OSError):
            return "unusable"
        if hashlib.sha256(data).hexdigest() != digest:
            return "unusable"
        self._keep(record, label, data)
        return "new"

    def _keep(self, record: dict, label: str, data: bytes) -> None:
        file = self.folder / label / f"{record['photo'][:20]}.jpg"
        aside = self.folder / f".{file.name}.part"
        with writing(self.data):
            file.parent.mkdir(exist_ok=True)
            aside.write_bytes(data)
            os.replace(aside, file)
        self._store.add([{
            "file": file.relative_to(self.data).as_posix(), "label": label, "said": _short(_said(record)),
            "probability": f"{record['probabilities'][record['label']]:.4f}",
            "model_version": _short(record["model_version"]), "sha256": record["photo"], "time": now()}])
        self._had.add((label, record["photo"]))

    def told(self) -> str:
        """Return the counts as a line."""
        counts, named = self.counts, [
            ("right", "said to be right"), ("none", "said to be none of the labels"), ("disputed", "overruled "
             "by a later word on the same photo"), ("unusable", "not usable"), ("unreadable", "unreadable")]
        return (f"suggestions: {counts['new']} new, {counts['there']} were there; "
                + ", ".join(f"{counts[name]} {what}" for name, what in named if counts[name] or name in (
                    "right", "none")))


def _old(folder: Path) -> list[Row]:
    """Return the suggestions as earlier versions kept them."""
    return csv_rows(folder / "suggestions.csv", COLUMNS)


def _said(record: dict) -> str:
    """Return what the app answered; of a photo that was not familiar to it, it named a label only as a guess."""
    return f"none of these, if any {record['label']}" if record["familiar"] is False else record["label"]


def _short(text: str) -> str:
    """Return anybody's text as a line."""
    return " ".join(text.split())[:200]


def folder_of(data: Path, label: str) -> str:
    """Return the name of a label's folder, which is there already or can be; CliError for what cannot."""
    from training.data.files import folder_name

    name = folder_name(label)
    return label if label != name and (data / label).is_dir() else name


def suggested_photos(data: str | Path) -> dict[Path, str]:
    """Return the suggestions that no person has decided on, and for each a sentence that says what it is."""
    data = Path(data)
    path = data / SUGGESTED / "suggestions.db"
    # what is only read may lie in a folder that takes no writes
    rows = Store(path, COLUMNS).rows()[0] if path.exists() else _old(path.parent)
    found = {}
    for row in rows:
        file = data / SUGGESTED / row["label"] / f"{row['sha256'][:20]}.jpg"
        if file.is_file():
            found[file] = f"suggested by a user; the app said {row['said']} ({float(row['probability']):.0%})"
    return found
