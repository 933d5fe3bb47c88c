"""training/monitor/history.py: counters and records that anybody may have written are read, or named."""

import json
import os
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from helpers.histories import VERSION, a_day, counters, record, tally
from training.monitor.history import History, by_period
from training.monitor.tally import total


def test_counts_of_several_starts_are_summed_by_day_and_version(tmp_path):
    counters(tmp_path, {a_day(0): tally(teddy=3, unfamiliar=1), a_day(1): tally(black=1)})
    counters(tmp_path, {a_day(0): tally(0.5, teddy=1, grizzly=2)}, name="20250303-120000-fedcba")
    counters(tmp_path, {a_day(0): tally(teddy=9)}, "0123456789ab", "20250303-130000-fedcba")
    said = History(tmp_path)
    day = said.days[VERSION][a_day(0)]
    assert (day.labels, day.unfamiliar, day.n) == (Counter(teddy=4, grizzly=2), 1, 7)
    assert day.confidence_sum == pytest.approx(3 * 0.97 + 3 * 0.5) and day.confidence[10] == day.confidence[19] == 3
    assert said.days["0123456789ab"][a_day(0)].n == 9 and said.unreadable == []


def test_records_are_answers_only_where_nothing_was_counted(tmp_path):
    (
        record(tmp_path, 1, a_day(0)),
        record(tmp_path, 2, a_day(0), "black"),
        record(tmp_path, 3, a_day(0), None, familiar=False, right=True),
    )
    alone = History(tmp_path).days[VERSION][a_day(0)]
    assert (alone.n, alone.unfamiliar, alone.right, alone.corrected) == (3, 1, 2, 1)
    counters(tmp_path, {a_day(0): tally(teddy=40)})
    both = History(tmp_path).days[VERSION][a_day(0)]
    assert (both.n, both.unfamiliar, both.right, both.corrected) == (40, 0, 2, 1)


def test_the_last_word_on_a_photo_counts(tmp_path):
    record(tmp_path, 1, a_day(0), "black"), record(tmp_path, 1, a_day(1), "teddy")
    said = History(tmp_path).days[VERSION]
    assert (total(said.values()).right, said[a_day(0)].n) == (1, 0)


GOOD = {"labels": {"teddy": 1}, "unfamiliar": 0, "confidence": [0] * 19 + [1], "confidence_sum": 0.97}


@pytest.mark.parametrize(
    "changed",
    [
        {"labels": {"teddy": -1}},
        {"labels": {"teddy": 1.0}},
        {"labels": {"teddy": True}},
        {"labels": ["teddy"]},
        {"labels": {"teddy": 10**30}},
        {"labels": {"teddy": 2}},
        {"unfamiliar": None},
        {"unfamiliar": float("nan")},
        {"unfamiliar": "3"},
        {"unfamiliar": 10**8},
        {"confidence": [1]},
        {"confidence": 7},
        {"confidence_sum": 97},
        {"confidence_sum": float("nan")},
        {"confidence_sum": float("inf")},
        {"confidence_sum": 0.2},
        {"confidence_sum": "1"},
        {"confidence_sum": 10**400},
        {"labels": {str(i): 1 for i in range(20_000)}, "confidence": [0] * 19 + [20_000], "confidence_sum": 19_900},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_counts_that_make_no_sense_are_named_and_the_others_read(tmp_path, changed):
    (tmp_path / "counters").mkdir()
    (tmp_path / "counters" / "a.json").write_text(
        json.dumps({"model_version": VERSION, "days": {"2025-03-03": {**GOOD, **changed}, "2025-03-04": GOOD}})
    )
    said = History(tmp_path)
    assert said.unreadable == ["counters/a.json: the day '2025-03-03'"]
    assert {day: of.n for day, of in said.days[VERSION].items() if of.n} == {a_day(1): 1}


@pytest.mark.parametrize(
    "day",
    [
        "2025-02-30",
        "yesterday",
        "",
        "0001-01-01",
        "9999-12-31",
        "1970-01-01",
        "20250303",
        "2025-W10-1",
        "\x1b[31m2025",
        f"{datetime.now(timezone.utc) + timedelta(9):%Y-%m-%d}",
    ],
)
def test_days_that_the_app_cannot_have_lived_are_left_out(tmp_path, day):
    (tmp_path / "counters").mkdir()
    (tmp_path / "counters" / "a.json").write_text(json.dumps({"model_version": VERSION, "days": {day: GOOD}}))
    said = History(tmp_path)
    assert not said.days[VERSION] and len(said.unreadable) == 1 and "\x1b" not in said.unreadable[0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"model_version": "d5',
        b"[]",
        b"7",
        b"null",
        b'"days"',
        b"\xff\xfe",
        b"[" * 90_000,
        b"9" * 10_000,
        b'{"model_version": 1, "days": {}}',
        b'{"model_version": "a", "days": [1]}',
    ],
    ids=lambda data: repr(data[:20]),
)
def test_files_that_hold_no_counters_or_record_are_named(tmp_path, data):
    for file in (tmp_path / "counters" / "a.json", tmp_path / "ab" / "abc-12345678.json"):
        file.parent.mkdir()
        file.write_bytes(data)
    said = History(tmp_path)
    assert said.unreadable == ["counters/a.json: no counters", "1 files that are no records"] and not said.days


def test_a_gigabyte_a_million_days_and_a_pipe_take_no_time(tmp_path):
    (tmp_path / "counters").mkdir()
    with (tmp_path / "counters" / "a.json").open("wb") as file:
        file.truncate(10**9)  # a hole
    (tmp_path / "counters" / "b.json").write_text(
        json.dumps({"model_version": VERSION, "days": {str(i): {} for i in range(200_000)}})
    )
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "counters" / "c.json")
    (tmp_path / "counters" / "d.json").mkdir()
    said = History(tmp_path)
    assert said.unreadable == [
        f"counters/{name}"
        for name in (
            "d.json: no counters",
            "c.json: no counters",
            "b.json: the day '0' and 199999 more",
            "a.json: too large",
        )
    ]


def test_weeks_begin_on_monday_and_months_on_the_first():
    days = {a_day(i): tally(teddy=1) for i in (0, 6, 7, 30)}
    assert {start: of.n for start, of in by_period(days, "week").items()} == {a_day(0): 2, a_day(7): 1, a_day(28): 1}
    assert {str(start): of.n for start, of in by_period(days, "month").items()} == {"2025-03-01": 3, "2025-04-01": 1}
