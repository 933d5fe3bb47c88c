"""Read the history of an app's answers, by model and day, from its counters and its users' feedback, without a photo.

Reads  FOLDER/counters/*.json and FOLDER/ab/abc…-12345678.json (see `server.feedback.records`)
Gives  a `Tally` for each day of each model version

Anybody may have written these files: those that are not valid are listed in `History.unreadable`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from server.feedback.records import (
    BINS,
    COUNTERS_FOLDER,
    MAX_COUNTERS_BYTES,
    DayCounts,
    Record,
    confidence_bin,
    counter_files,
    read_counters,
    read_records,
    valid_counts,
)

MAX_COUNTERS_BYTES_IN_ALL = 100_000_000
FIRST_DAY = date(2020, 1, 1)  # clocks that were never set begin in 1970
PERIODS = ("day", "week", "month")


@dataclass
class Tally:
    """Counts of the answers of one or more days."""

    labels: Counter[str] = field(default_factory=Counter)
    """answers by label, of photos that did not count as unfamiliar"""
    unfamiliar: int = 0
    """answers that the photo is none of the labels"""
    confidence: list[int] = field(default_factory=lambda: [0] * BINS)
    """the answers in `labels` by the probability of their label, in BINS bins of equal width from 0 to 1"""
    confidence_sum: float = 0.0
    right: int = 0
    """photos of which users say that the answer is right"""
    corrected: int = 0
    """photos of which users say that it is not"""

    @property
    def n_familiar(self) -> int:
        """Answers of photos that did not count as unfamiliar."""
        return self.labels.total()

    @property
    def n(self) -> int:
        """All answers."""
        return self.n_familiar + self.unfamiliar

    @property
    def n_judged(self) -> int:
        """Photos whose answer users judged."""
        return self.right + self.corrected

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.labels + other.labels,
            self.unfamiliar + other.unfamiliar,
            [a + b for a, b in zip(self.confidence, other.confidence)],
            self.confidence_sum + other.confidence_sum,
            self.right + other.right,
            self.corrected + other.corrected,
        )


class History:
    """The counts in a folder of feedback, by model version and day, and which files could not be read."""

    def __init__(self, folder: Path):
        self.days: dict[str, dict[date, Tally]] = defaultdict(lambda: defaultdict(Tally))
        self.unreadable: list[str] = []
        self.last_day = datetime.now(timezone.utc).date() + timedelta(1)  # clocks differ a little
        self._read_counters(folder)
        self.counted_versions = {version for version in self.days if self.days[version]}
        self._read_records(folder)

    def _read_counters(self, folder: Path) -> None:
        left = MAX_COUNTERS_BYTES_IN_ALL
        for file in counter_files(folder):
            try:
                size = file.stat().st_size if file.is_file() else 0
                if size > min(MAX_COUNTERS_BYTES, left):
                    raise ValueError("too large")
                left -= size
                version, days = read_counters(file)
            except (OSError, ValueError) as error:
                why = str(error) if str(error) == "too large" else "no counters"
                self.unreadable.append(f"{COUNTERS_FOLDER}/{file.name}: {why}")
                continue
            bad = []
            for name, counts in days.items():
                try:
                    self.days[version][self._day(name)] += _tally(valid_counts(counts))
                except ValueError:
                    bad.append(name)
            if bad:
                more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
                self.unreadable.append(f"{COUNTERS_FOLDER}/{file.name}: the day {bad[0][:20]!r}{more}")

    def _read_records(self, folder: Path) -> None:
        """Add the records; of several on a photo the last one counts. Without counters, they are the answers too."""
        records, unreadable = read_records(folder)
        if unreadable:
            self.unreadable.append(f"{unreadable} files that are no records")
        for record in {(record["model_version"], record["photo"]): record for record in records}.values():
            version = record["model_version"]
            try:
                day = self._day(f"{datetime.fromisoformat(record['time']).astimezone(timezone.utc):%Y-%m-%d}")
            except (ValueError, OverflowError):
                self.unreadable.append(f"record {record['photo'][:12]}: no such time")
                continue
            judged = Tally(right=int(record["right"]), corrected=int(not record["right"]))
            self.days[version][day] += judged if version in self.counted_versions else judged + _answer(record)

    def _day(self, name: str) -> date:
        """Return the day with this ISO 8601 name; ValueError for other names, and for days in which no app ran."""
        day = date.fromisoformat(name)
        if str(day) != name or not FIRST_DAY <= day <= self.last_day:
            raise ValueError(name)
        return day


def _tally(counts: DayCounts) -> Tally:
    """Return a day's counts as a tally."""
    return Tally(Counter(counts["labels"]), counts["unfamiliar"], counts["confidence"], counts["confidence_sum"])


def _answer(record: Record) -> Tally:
    """Return the counts of the one answer that a record is about."""
    if record["familiar"] is False:
        return Tally(unfamiliar=1)
    confidence = record["probabilities"][record["label"]]
    bins = [0] * BINS
    bins[confidence_bin(confidence)] = 1
    return Tally(Counter({record["label"]: 1}), confidence=bins, confidence_sum=confidence)


def start_of(day: date, by: str) -> date:
    """Return the first day of a day's period; by: one of PERIODS, weeks from Monday."""
    return {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1)}[by]


def by_period(days: dict[date, Tally], by: str) -> dict[date, Tally]:
    """Return the tallies summed by period, in order; periods without answers are left out."""
    found: dict[date, Tally] = {}
    for day in sorted(days):
        start = start_of(day, by)
        found[start] = found[start] + days[day] if start in found else days[day]
    return found


def total(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of tallies."""
    return sum(tallies, Tally())


def shorten(text: str, most: int = 24) -> str:
    """Return a text of unknown origin as one line of at most `most` characters, without control characters."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: 4 * most])
    return line if len(line) <= most else line[: most - 1] + "…"
