"""Write the photos of a map as the columns that map.js reads: where each lies, and what is known of it.

Gives  `table`
"""

from math import isinf
from typing import Any

from training.clean.review.decisions import Decision
from training.clean.review.multi_label_photo import IN_WORDS
from training.clean.review.reviewed_photo import ReviewedPhoto
from training.clean.session import Cleaner
from training.data.files import INBOX

Entry = tuple[str, ReviewedPhoto, Decision]
TEXTS = ("label", "says", "to")  # columns of texts, each a number in the list `texts`


def table(cleaner: Cleaner, places: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Return the photos that are not deleted as columns of equal length, those with a label first; labels; the mode.

    places: by SHA-256. rank: the share of the labelled photos that are more suspicious, 0 to 1; -1 without a label.
    """
    entries = [*cleaner.select(), *cleaner.select(INBOX)]
    there = [entry for entry in entries if entry[1].sha256 in places]
    numbers: dict[str, int] = {}
    columns: dict[str, list[Any]] = {name: [] for name in ("id", "name", "x", "y", "rank", "loss", "own", "action")}
    columns |= {name: [] for name in TEXTS}
    n = max(1, sum(not photo.unlabelled for _, photo, _ in there))
    seen: dict[str, int] = {}
    for i, entry in enumerate(there):
        row = _row(entry, i / n)
        nth = seen[entry[1].sha256] = seen.get(entry[1].sha256, -1) + 1
        x, y = places[entry[1].sha256]
        row["x"], row["y"] = round(x + 0.003 * nth, 4), round(y + 0.003 * nth, 4)  # the same file twice: both are seen
        for name in TEXTS:
            row[name] = numbers.setdefault(row[name], len(numbers))
        for name, value in row.items():
            columns[name].append(value)
    return {
        "photos": columns,
        "texts": list(numbers),
        "labels": cleaner.labels,
        "several": cleaner.multi_label,
        "n_missing": len(entries) - len(there),
    }


def _row(entry: Entry, rank: float) -> dict[str, Any]:
    """Return what is known of a photo."""
    name, photo, decision = entry
    return {
        "id": name,
        "name": photo.file.name,
        "rank": -1 if photo.unlabelled else round(rank, 4),
        "loss": None if photo.unlabelled or isinf(photo.loss) else round(photo.loss, 2),
        "own": photo.label,
        "action": decision.action,
        "label": photo.words,
        "says": ", ".join(photo.answer) or (IN_WORDS if photo.probabilities else "nothing"),
        "to": decision.label,
    }
