"""What the app answered, by model and day: from its counters and from what users say, without a photo.

Reads  FOLDER/counters/*.json (see `server.feedback.counters`) and FOLDER/ab/abc…-12345678.json (see `server.feedback.store`)
Gives  a `Tally` for each day of each model version

Anyone's bytes may lie there: what makes no sense is named in `History.unread`, and read no further.
"""
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from training.feedback import read_records

COUNTERS = "counters"
BINS = 20  # of confidence, in a counter
MOST_BYTES, MOST_BYTES_IN_ALL = 20_000_000, 100_000_000  # of counters
MOST_LABELS = 10_000  # of a day
MOST_ANSWERS = 10_000_000  # of a kind in a day: over a hundred a second
FIRST = date(2020, 1, 1)  # clocks that were never set say 1970
PERIODS = ("day", "week", "month")


@dataclass
class Tally:
    """Answers of some days, as numbers."""

    labels: Counter = field(default_factory=Counter)
    """answers that the app stood by"""
    unfamiliar: int = 0
    """answers of which it said that they are none of its labels"""
    confidence: list[int] = field(default_factory=lambda: [0] * BINS)
    """those of `labels` by the label's probability, in twentieths"""
    confidence_sum: float = 0.0
    right: int = 0
    """photos of which users said that the answer was right, or was not"""
    corrected: int = 0

    @property
    def stood(self) -> int:
        return self.labels.total()

    @property
    def n(self) -> int:
        return self.stood + self.unfamiliar

    @property
    def said(self) -> int:
        return self.right + self.corrected

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.labels + other.labels, self.unfamiliar + other.unfamiliar,
                     [a + b for a, b in zip(self.confidence, other.confidence)],
                     self.confidence_sum + other.confidence_sum, self.right + other.right,
                     self.corrected + other.corrected)


class History:
    """All that a folder of feedback tells, and what of it could not be read."""

    def __init__(self, folder: Path):
        self.days: dict[str, dict[date, Tally]] = defaultdict(lambda: defaultdict(Tally))
        self.unread: list[str] = []
        self.last = datetime.now(timezone.utc).date() + timedelta(1)  # clocks differ by a little
        self._read_counters(folder)
        self.counted = {version for version in self.days if self.days[version]}
        self._read_records(folder)

    def _read_counters(self, folder: Path) -> None:
        left = MOST_BYTES_IN_ALL
        for file in sorted(folder.glob(f"{COUNTERS}/*.json"), reverse=True):  # the latest start of the app first
            try:
                size = file.stat().st_size if file.is_file() else 0
                if size > min(MOST_BYTES, left):
                    raise ValueError("too large")
                left -= size
                version, days = _counter(file)
            except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                why = str(error) if str(error) == "too large" else "no counters"
                self.unread.append(f"{COUNTERS}/{file.name}: {why}")
                continue
            bad = []
            for name, counts in days.items():
                try:
                    self.days[version][self._day(name)] += _tally(counts)
                except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
                    bad.append(name)
            if bad:
                more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
                self.unread.append(f"{COUNTERS}/{file.name}: the day {bad[0][:20]!r}{more}")

    def _read_records(self, folder: Path) -> None:
        """Add the records; the last word on a photo counts. Where nothing was counted, they are the answers too."""
        records, unreadable = read_records(folder)
        self.unread += [f"{unreadable} files that are no records"] * bool(unreadable)
        for record in {(record["model_version"], record["photo"]): record for record in records}.values():
            version = record["model_version"]
            try:
                day = self._day(f"{datetime.fromisoformat(record['time']).astimezone(timezone.utc):%Y-%m-%d}")
            except (ValueError, OverflowError):
                self.unread.append(f"record {record['photo'][:12]}: no such time")
                continue
            told = Tally(right=int(record["right"]), corrected=int(not record["right"]))
            self.days[version][day] += told if version in self.counted else told + _answer(record)

    def _day(self, name: str) -> date:
        """Return a day by its name; ValueError for one that the app cannot have lived."""
        day = date.fromisoformat(name)
        if str(day) != name or not FIRST <= day <= self.last:
            raise ValueError(name)
        return day


def _counter(file: Path) -> tuple[str, dict]:
    """Return model version and days of a file of counters; ValueError and others for what is none."""
    data = json.loads(file.read_bytes() if file.is_file() else b"")  # a pipe would never end
    if not isinstance(data["model_version"], str) or not isinstance(data["days"], dict):
        raise ValueError("no counters")
    return data["model_version"], data["days"]


def _tally(counts: dict) -> Tally:
    """Return a day's counts; ValueError and others where they contradict themselves."""
    labels, bins, total = counts["labels"], counts["confidence"], counts["confidence_sum"]
    numbers = [counts["unfamiliar"], *labels.values(), *bins]
    if (len(labels) > MOST_LABELS or len(bins) != BINS or type(total) not in (int, float)
            or not all(type(number) is int and 0 <= number <= MOST_ANSWERS for number in numbers)
            or sum(labels.values()) != sum(bins)):
        raise ValueError("no counts")
    low = sum(n * i / BINS for i, n in enumerate(bins))
    if not low - 1e-3 * (1 + sum(bins)) <= total <= low + sum(bins) * (1 / BINS + 1e-3):  # false for NaN
        raise ValueError("no counts")
    return Tally(Counter(labels), counts["unfamiliar"], list(bins), float(total))


def _answer(record: dict) -> Tally:
    """Return the answer that a record is of."""
    if record["familiar"] is False:
        return Tally(unfamiliar=1)
    confidence = record["probabilities"][record["label"]]
    bins = [0] * BINS
    bins[min(int(confidence * BINS), BINS - 1)] = 1
    return Tally(Counter({record["label"]: 1}), confidence=bins, confidence_sum=confidence)


def start_of(day: date, by: str) -> date:
    """Return the first day of a day's period; by: one of PERIODS, weeks from Monday."""
    return {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}[by]


def by_period(days: dict[date, Tally], by: str) -> dict[date, Tally]:
    """Return the tallies summed by period, in order; periods without any are left out."""
    found: dict[date, Tally] = {}
    for day in sorted(days):
        start = start_of(day, by)
        found[start] = found[start] + days[day] if start in found else days[day]
    return found


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of tallies."""
    return sum(tallies, Tally())
