"""training/monitor/ of models that give a photo several labels, or none: what is read, reported and drawn."""

import json
from collections import Counter

import pytest
from PIL import Image

from helpers.histories_several import (
    BOTH,
    DRESS,
    LABELS,
    START,
    VERSION,
    a_day,
    counters,
    counts,
    metrics,
    record,
    run_main,
    tally,
)
from training.monitor.drift import Finding
from training.monitor.figure import plot_drift
from training.monitor.history import History
from training.monitor.reference import read_reference
from training.monitor.summary import describe_finding
from training.monitor.tally import Tally, total

GOOD = counts(tally(BOTH, DRESS, {}))


@pytest.mark.parametrize(
    "photos",
    [None, -1, 0, 2, 5, 3.0, True, "3", [3], float("nan"), 10**30],
    ids=lambda photos: str(photos)[:10],
)
def test_photos_that_make_no_sense_are_named_and_other_days_read(tmp_path, photos):
    (tmp_path / "counters").mkdir()
    days = {"2025-03-03": {**GOOD, "photos": photos}, "2025-03-04": GOOD}
    (tmp_path / "counters" / "a.json").write_text(json.dumps({"model_version": VERSION, "days": days}))
    read = History(tmp_path)
    assert read.unreadable == ["counters/a.json: the day '2025-03-03'"]
    assert {day: of.n for day, of in read.days[VERSION].items() if of.n} == {a_day(1): 3}


def test_a_model_gives_one_label_or_several_and_counts_of_the_other_kind_are_named(tmp_path):
    of_one = Tally(Counter(dress=9), 0, [0] * 19 + [9], 8.8)
    counters(tmp_path, {a_day(0): of_one, a_day(1): tally(BOTH, {})})
    for several, n in ((True, {a_day(1): 2}), (False, {a_day(0): 9})):
        read = History(tmp_path, {VERSION: several})
        assert {day: of.n for day, of in read.days[VERSION].items()} == n and len(read.unreadable) == 1
    counters(tmp_path, {a_day(2): tally(BOTH)}, name="20250305-090000-abc")  # the latest start says what it is
    assert History(tmp_path).unreadable == [f"counters/20250303-090000-abc.json: the day '{a_day(0)}'"]


def test_records_count_as_answers_with_all_their_labels(tmp_path):
    record(tmp_path, 1, a_day(0), ["dress", "hat"], "dress|hat")
    record(tmp_path, 2, a_day(0), ["dress", "dress"], None)
    record(tmp_path, 3, a_day(0), [], None)
    record(tmp_path, 4, a_day(0), ["dress"], None, familiar=False)
    read = History(tmp_path)
    day = read.days[VERSION][a_day(0)]
    assert (day.labels, day.n, day.unfamiliar) == (Counter(dress=2, hat=1), 4, 2) and not read.unreadable
    assert (day.right, day.corrected, day.confidence_sum) == (2, 2, 1.5)


def test_a_record_of_the_other_kind_of_model_is_named(tmp_path):
    counters(tmp_path, {a_day(0): tally(BOTH, {})})
    record(tmp_path, 1, a_day(0), ["dress"], "dress", labels="missing")
    record(tmp_path, 2, a_day(0), ["dress"], "dress")
    read = History(tmp_path)
    assert [why.split(": ")[1] for why in read.unreadable] == ["one label of a model with several"]
    assert total(read.days[VERSION].values()).right == 1


def test_the_report_speaks_of_photos_with_no_label(tmp_path, capsys):
    expected = metrics([*[BOTH] * 150, *[DRESS] * 200, *[{}] * 50])
    counters(tmp_path / "feedback", {a_day(i): tally(*[BOTH] * 15, *[DRESS] * 20, *[{}] * 5) for i in range(8)})
    record(tmp_path / "feedback", 1, a_day(7), ["dress"], "dress|hat")
    head, *_, day, training, verdict, _, _ = run_main(tmp_path, capsys, expected, fail=True).splitlines()
    assert head.split(None, 6) == [
        "day",
        "answers",
        "no",
        "label",
        "confidence",
        "right",
        "corrected  labels, % of answers",
    ]
    assert day.split() == [str(a_day(7)), "40", "12%", "78%", "0", "1", "dress", "88%,", "hat", "38%"]
    assert training.split() == [
        "in",
        "training",
        "400",
        "12%",
        "78%",
        "20%",
        "dress",
        "88%,",
        "hat",
        "38%,",
        "shoes",
        "0%",
    ]
    assert verdict == (
        "Nothing has drifted: 12% of 320 photos get no label (12% in training), the mean confidence is 78% (78% in "
        "training), 1 of 1 judged answers were corrected."
    )
    assert Image.open(tmp_path / "monitor.png").size == (1210, 1210)


def test_findings_are_told_in_the_words_of_several_labels():
    no_label = Finding("unfamiliar", START, 0.33, 200, 0.11, 0.12, 0.0001)
    assert describe_finding(no_label, True) == (
        f"Drifted since {START}: of 200 photos 33% get no label, 11% in training and 12% before (p < 0.001)."
    )
    unsure = Finding("confidence", START, 0.65, 200, 0.8, None, 0.01)
    assert describe_finding(unsure, True) == (
        f"Drifted since {START}: the mean confidence of the labels is 65%, 80% in training, for the same mix of labels "
        "(p = 0.010)."
    )


@pytest.mark.parametrize("own", ["one", "several"])
def test_a_model_that_followed_one_of_the_other_kind_is_judged_by_itself(tmp_path, capsys, own):
    one, several = Tally(Counter(dress=40), 2, [0] * 19 + [40], 39.0), tally(*[BOTH] * 30, *[{}] * 60)
    days = {"one": (one, several), "several": (several, one)}[own]
    counters(tmp_path / "feedback", {a_day(9): days[0]})
    counters(tmp_path / "feedback", {a_day(0): days[1]}, "0123456789ab", "20250303-080000-abc")
    told = run_main(tmp_path, capsys)
    other = {"one": "several labels", "several": "one label"}[own]
    assert f"({a_day(0)} to {a_day(0)}, {other} a photo)" in told and "0 not read" in told
    expected = {"one": "4.8% of 42 photos are unfamiliar", "several": "67% of 90 photos get no label"}[own]
    assert f"Nothing has drifted: {expected}" in told
    assert ("dress 33%, hat 33%" in told) and ("dress 100%" in told)


def test_the_plot_shows_each_label_as_a_share_of_the_photos():
    of = read_reference(metrics([BOTH, DRESS, DRESS, {}]))
    days = {a_day(i): tally(*[BOTH] * 10, *[DRESS] * 20, *[{}] * 10) for i in range(6)}
    figure = plot_drift(days, {}, "day", 1.0, of, [])
    shares = {line.get_color(): list(line.get_ydata()) for line in figure.axes[1].lines if len(line.get_ydata()) == 6}
    assert sorted(shares.values()) == [[0] * 6, [25] * 6, [75] * 6]
    assert sorted(float(line.get_ydata()[0]) for line in figure.axes[1].lines if len(line.get_ydata()) == 1) == [
        0,
        25,
        75,
    ]
    assert [text.get_text().strip() for text in figure.axes[1].get_legend().get_texts()] == LABELS
    assert figure.axes[1].get_ylabel() == "photos with\nthe label, %" and figure.axes[2].get_ylabel() == "no label, %"


def test_labels_in_any_script_or_markup_are_drawn_as_text(tmp_path, capsys):
    hostile = {"$x^2$": 0.9, "_hidden": 0.9, "\x1b[31mred": 0.9, "x" * 5000: 0.9, "熊": 0.9}
    counters(tmp_path / "feedback", {a_day(i): tally(*[hostile] * 20) for i in range(3)})
    told = run_main(tmp_path, capsys)
    assert "\x1b" not in told and "x" * 30 not in told
    assert Image.open(tmp_path / "monitor.png").size == (1210, 1210)
