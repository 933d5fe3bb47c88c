"""Format of the feedback files: their names and keys, and how to read files that anybody may have written.

    records, unreadable = read_records(Path("feedback"))

Reads  FOLDER/ab/abc….jpg: the photo without its metadata, at most 1024 pixels a side, named by its SHA-256;
       FOLDER/ab/abc…-12345678.json: a record (a file for each photo and each different thing said of it);
       FOLDER/counters/TIME-RANDOM.json: counts of answers (a file for each start of the app)

The app writes these files and training reads them, so this module needs the standard library alone.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

HUB_PREFIX = "hf://datasets/"  # where feedback may lie too: hf://datasets/USER/NAME
COUNTERS_FOLDER = "counters"
BINS = 20  # of confidence, in a counter file
MAX_RECORD_BYTES = 100_000
MAX_COUNTERS_BYTES = 20_000_000  # of one file
MAX_LABELS = 10_000  # of a day
MAX_ANSWERS = 10_000_000  # of a kind in a day: over a hundred a second
SEPARATOR = "|"  # between the labels of a photo that has several
SHA256 = re.compile(r"[0-9a-f]{64}")

# What each key of a record holds
RECORD = {
    "photo": "SHA-256 of the kept photo, which names its file",
    "label": "the most probable label; where a photo may have several, the first of `labels`, if there is one",
    "probabilities": "of the five most probable labels and of all `labels`, the first one first; each 0 to 1",
    "familiar": "false where the app said that the photo is none of its labels; null where the model cannot tell",
    "familiarity": "how near the photo lies to the training photos, 0 to 1; null where the model cannot tell",
    "correction": "what the user says that the photo shows; null for none of the labels. Several labels are joined by "
    "|, in the order of the model's",
    "right": "whether that is what the app said",
    "model_version": "the first 12 digits of the SHA-256 of the export that answered",
    "time": "when it was said, UTC",
    "labels": "every label that the app gave, most probable first; [] for none. Only there for a model that gives a "
    "photo several labels",
}
# What each key of a counter file holds. DATE and LABEL stand for any date and label, [] for each entry of a list
COUNTERS = {
    "model_version": "the first 12 digits of the SHA-256 of the export that answered",
    "days.DATE.labels.LABEL": "answers of that day, UTC, with this label, of photos that did not count as unfamiliar; "
    "where a photo may have several labels, each counts",
    "days.DATE.unfamiliar": "answers of which the app said that the photo is none of its labels",
    "days.DATE.photos": "all answers. Only there for a model that gives a photo several labels",
    "days.DATE.confidence[]": "the answers in `labels` by the probability of their label: 20 bins of equal width from "
    "0 to 1",
    "days.DATE.confidence_sum": "sum of those probabilities",
}


class _Record(TypedDict):
    photo: str
    label: str
    probabilities: dict[str, float]
    familiar: bool | None
    familiarity: float | None
    correction: str | None
    right: bool
    model_version: str
    time: str


class Record(_Record, total=False):
    """What a user says of one answer; `RECORD` explains the keys."""

    labels: list[str]


class _DayCounts(TypedDict):
    labels: dict[str, int]
    unfamiliar: int
    confidence: list[int]
    confidence_sum: float


class DayCounts(_DayCounts, total=False):
    """The counts of one day; `COUNTERS` explains the keys."""

    photos: int


def photo_path(folder: Path, digest: str) -> Path:
    """Return the file of a kept photo. digest: its SHA-256."""
    return folder / digest[:2] / f"{digest}.jpg"


def record_path(folder: Path, digest: str, correction: str | None) -> Path:
    """Return the file of the record that says this of a photo. A label may be any text, so the name has its hash."""
    name = hashlib.sha256(json.dumps(correction).encode()).hexdigest()[:8]
    return folder / digest[:2] / f"{digest}-{name}.json"


def records_of_photo(folder: Path, digest: str) -> Iterator[Path]:
    """Return the files of all records of a photo."""
    return (folder / digest[:2]).glob(f"{digest}-*.json")


def counter_files(folder: Path) -> list[Path]:
    """Return the counter files, the latest start of the app first."""
    return sorted((folder / COUNTERS_FOLDER).glob("*.json"), reverse=True)


def confidence_bin(probability: float) -> int:
    """Return the bin that a probability counts in, 0 to BINS - 1."""
    return min(int(probability * BINS), BINS - 1)


def no_counts() -> DayCounts:
    """Return the counts of a day without answers."""
    return {"labels": {}, "unfamiliar": 0, "confidence": [0] * BINS, "confidence_sum": 0.0}


def read_records(folder: Path) -> tuple[list[Record], int]:
    """Return the valid records, oldest first, and how many files are none. Their texts may be anything."""
    files = list(folder.glob("[0-9a-f][0-9a-f]/*.json"))
    records = [record for record in map(_read_record, files) if record]
    return sorted(records, key=lambda record: (record["time"], record["photo"])), len(files) - len(records)


def _read_record(file: Path) -> Record | None:
    """Return the record in a file; None for a file that holds no valid one."""
    try:
        if file.stat().st_size > MAX_RECORD_BYTES:
            return None
        record: Record = json.loads(file.read_bytes())
        texts = (record["label"], record["time"], record["model_version"])
        valid = (
            all(isinstance(text, str) for text in texts)
            and SHA256.fullmatch(record["photo"])
            and isinstance(record["correction"], (str, type(None)))
            and isinstance(record["right"], bool)
            and isinstance(record.get("labels", []), list)
            and all(0 <= record["probabilities"][label] <= 1 for label in record.get("labels", []))
            and record["familiar"] in (True, False, None)
            and 0 <= record["probabilities"][record["label"]] <= 1
            and datetime.fromisoformat(record["time"]).tzinfo
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return record if valid else None


def read_counters(file: Path) -> tuple[str, dict[str, Any]]:
    """Return the model version of a counter file and its days by date, which `valid_counts` is to check.

    Raises OSError or ValueError for a file that holds none.
    """
    try:
        data = json.loads(file.read_bytes() if file.is_file() else b"")  # a pipe would never end
        version, days = data["model_version"], data["days"]
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("no counters") from error
    if not isinstance(version, str) or not isinstance(days, dict):
        raise ValueError("no counters")
    return version, days


def valid_counts(counts: Any) -> DayCounts:
    """Return the counts of one day as they were read; raises ValueError where they contradict themselves."""
    try:
        labels, bins, total = counts["labels"], counts["confidence"], counts["confidence_sum"]
        numbers = [counts["unfamiliar"], *labels.values(), *bins]
        if (
            len(labels) > MAX_LABELS
            or len(bins) != BINS
            or type(total) not in (int, float)
            or not all(type(number) is int and 0 <= number <= MAX_ANSWERS for number in numbers)
            or sum(labels.values()) != sum(bins)
        ):
            raise ValueError("no counts")
        low = sum(n * i / BINS for i, n in enumerate(bins))
        if not low - 1e-3 * (1 + sum(bins)) <= total <= low + sum(bins) * (1 / BINS + 1e-3):  # false for NaN
            raise ValueError("no counts")
        valid: DayCounts = {
            "labels": dict(labels),
            "unfamiliar": counts["unfamiliar"],
            "confidence": list(bins),
            "confidence_sum": float(total),
        }
        if "photos" in counts:
            valid["photos"] = _valid_photos(counts["photos"], valid)
        return valid
    except (TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError("no counts") from error


def _valid_photos(photos: Any, counts: DayCounts) -> int:
    """Return how many photos a day's answers are of; ValueError for no number, or one that the counts contradict."""
    familiar = photos - counts["unfamiliar"] if type(photos) is int and photos <= MAX_ANSWERS else -1
    if not max(counts["labels"].values(), default=0) <= familiar <= sum(counts["labels"].values()):
        raise ValueError("no counts")
    return int(photos)
