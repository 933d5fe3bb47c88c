"""server/feedback/records.py: the format of feedback, which training reads without the app's libraries."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.paths import ROOT
from server.feedback import records
from server.feedback.records import DayCounts, Record, confidence_bin, no_counts, read_counters, valid_counts

COUNTS = {"labels": {"teddy": 2}, "unfamiliar": 1, "confidence": [0] * 18 + [2, 0], "confidence_sum": 1.8}


def test_the_format_needs_the_standard_library_alone():
    code = (
        "import sys; before = set(sys.modules); import server.feedback.records; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.stdout.split() == ["server"], run.stdout + run.stderr


def test_each_key_is_explained():
    assert set(records.RECORD) == set(Record.__annotations__)
    of_a_day = {key.split(".")[2].removesuffix("[]") for key in records.COUNTERS if key.startswith("days.DATE.")}
    assert of_a_day == set(DayCounts.__annotations__) == {*no_counts(), "photos"}


def test_each_correction_of_a_photo_has_a_file_of_its_own(tmp_path):
    corrections = ["teddy", "../../etc/passwd", "a/b\0c", "", None, "null"]
    names = {records.record_path(tmp_path, "ab" * 32, correction) for correction in corrections}
    assert len(names) == len(corrections) and {name.parent for name in names} == {tmp_path / "ab"}
    assert records.photo_path(tmp_path, "ab" * 32).parent == tmp_path / "ab"


def test_a_probability_counts_in_one_of_twenty_bins():
    assert [confidence_bin(probability) for probability in (0, 0.049, 0.05, 0.999, 1)] == [0, 0, 1, 19, 19]


def test_counters_are_read_as_they_were_written(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"model_version": "d51c0901e26d", "days": {"2026-11-25": COUNTS}}))
    version, days = read_counters(file)
    assert version == "d51c0901e26d" and valid_counts(days["2026-11-25"]) == COUNTS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{",
        "{}",
        '{"model_version": 7, "days": {}}',
        "[" * 100_000,
        '{"model_version": "d51c", "days": []}',
    ],
    ids=lambda text: text[:9],
)
def test_a_file_without_counters_is_an_error(tmp_path, text):
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(ValueError):
        read_counters(file)
    with pytest.raises((OSError, ValueError)):
        read_counters(Path(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"labels": []},
        {"labels": {"teddy": 3}},
        {"labels": {"teddy": -2}},
        {"labels": {"teddy": True}},
        {"unfamiliar": "1"},
        {"confidence": [2]},
        {"confidence": None},
        {"confidence_sum": math.nan},
        {"confidence_sum": 2.5},
        {"confidence_sum": 10**400},
        {"labels": {"teddy": 10**400}},
    ],
    ids=str,
)
def test_counts_that_contradict_themselves_are_an_error(change):
    with pytest.raises(ValueError):
        valid_counts({**COUNTS, **change})
    for counts in (None, 7, [], {}):
        with pytest.raises(ValueError):
            valid_counts(counts)
