"""Read the history of an app's answers, by model and day, from its counters and its users' feedback, without a photo.

Reads  FOLDER/counters/*.json and FOLDER/ab/abc…-12345678.json (see `server.feedback.records`)
Gives  a `Tally` for each day of each model version

Anybody may have written these files: those that are not valid are listed in `History.unreadable`. A model gives each
photo one label, or it gives several or none: what is of the other kind than its model is not valid either.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from server.feedback.records import (
    COUNTERS_FOLDER,
    MAX_COUNTERS_BYTES,
    counter_files,
    read_counters,
    read_records,
    valid_counts,
)

from .tally import Tally, tally_of_answer, tally_of_day

MAX_COUNTERS_BYTES_IN_ALL = 100_000_000
FIRST_DAY = date(2020, 1, 1)  # clocks that were never set begin in 1970
PERIODS = ("day", "week", "month")


class History:
    """The counts in a folder of feedback, by model version and day, and which files could not be read."""

    def __init__(self, folder: Path, several: Mapping[str, bool] | None = None):
        """several: whether a photo may have several labels, for the versions of which that is known; for others it is
        what their latest counters say, and without counters their first record."""
        self.several = dict(several or {})
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
                    day, tally = self._day(name), tally_of_day(valid_counts(counts))
                    if tally.several != self.several.setdefault(version, tally.several):
                        raise ValueError("counts of the other kind of model")
                    self.days[version][day] += tally
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
            several = "labels" in record
            if several != self.several.setdefault(version, several):
                kind = "one label of a model with several" if not several else "several labels of a model with one"
                self.unreadable.append(f"record {record['photo'][:12]}: {kind}")
                continue
            judged = Tally(right=int(record["right"]), corrected=int(not record["right"]), several=several)
            self.days[version][day] += judged if version in self.counted_versions else judged + tally_of_answer(record)

    def _day(self, name: str) -> date:
        """Return the day with this ISO 8601 name; ValueError for other names, and for days in which no app ran."""
        day = date.fromisoformat(name)
        if str(day) != name or not FIRST_DAY <= day <= self.last_day:
            raise ValueError(name)
        return day


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


def shorten(text: str, most: int = 24) -> str:
    """Return a text of unknown origin as one line of at most `most` characters, without control characters."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: 4 * most])
    return line if len(line) <= most else line[: most - 1] + "…"
