"""training/monitor/ of models that give a photo several labels, or none."""

import json
import re
from collections import Counter
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier import Prediction
from server.feedback.counters import Counters
from server.feedback.records import BINS, confidence_bin
from training.monitor.__main__ import main
from training.monitor.bursts import burst_factor
from training.monitor.confidence import adjust_to_mix
from training.monitor.drift import Finding, find_drifts
from training.monitor.figure import plot_drift
from training.monitor.history import History
from training.monitor.mix import changed_shares, describe_mixes
from training.monitor.reference import Reference, read_reference
from training.monitor.summary import describe_finding
from training.monitor.tally import Tally, total

START = date(2025, 3, 3)
LABELS = ["dress", "hat", "shoes"]
MEANS = {"dress": 0.9, "hat": 0.5, "shoes": 0.75}  # of the confidence in a label that is given
EXPORT = b"an export"
VERSION = sha256(EXPORT).hexdigest()[:12]


def a_day(i: int) -> date:
    return START + timedelta(i)


def answer(rng, hat: float = 0.3, none: float = 0.1, less_sure: float = 0.0, dress: float = 0.6) -> dict[str, float]:
    """Return the labels of an answer with their probabilities: a dress, perhaps with a hat, or shoes, or none."""
    if rng.random() < none:
        return {}
    given = ["dress", "hat"][: 1 + (rng.random() < hat)] if rng.random() < dress else ["shoes"]
    return {label: float(np.clip(rng.normal(MEANS[label] - less_sure, 0.07), 0.05, 0.999)) for label in given}


def tally(*answers: dict[str, float], right: int = 0, corrected: int = 0) -> Tally:
    """Return the counts of answers, each its labels with their probabilities."""
    said = [(label, confidence) for of in answers for label, confidence in of.items()]
    bins = [0] * BINS
    for _, confidence in said:
        bins[confidence_bin(confidence)] += 1
    labelled = sum(map(bool, answers))
    return Tally(
        Counter(label for label, _ in said),
        len(answers) - labelled,
        bins,
        sum(confidence for _, confidence in said),
        right,
        corrected,
        len(said) - labelled,
        True,
    )


def metrics(answers: list[dict[str, float]], **changed) -> dict:
    """Return what metrics.json says of held-out photos with these answers, none of them unfamiliar."""
    hashes = [sha256(str(i).encode()).hexdigest() for i in range(len(answers))]
    return {
        "error_rate": 0.2,
        "n_valid": len(answers),
        "photos": {label: {"train": 50, "valid": 0} for label in LABELS},
        "by_label": {label: {"n": 50, "said": sum(label in of for of in answers)} for label in LABELS},
        "several_labels": {"thresholds": dict.fromkeys(LABELS, 0.1), "n_without": 0, "none_right": None},
        "calibration": {"n_photos": len(answers), "after": {"bins": [{"n": 900, "confidence": 0.1, "accuracy": 0.1}]}},
        "familiarity": {"accepted": 1.0},
        "held_out": {
            "labels": LABELS,
            "answers": {
                digest: {str(LABELS.index(of)): p for of, p in a.items()} for digest, a in zip(hashes, answers)
            },
            "predicted": {digest: [LABELS.index(of) for of in a] for digest, a in zip(hashes, answers)},
            "familiarity": {digest: 0.9 for digest in hashes},
        },
        "export": {"sha256": sha256(EXPORT).hexdigest()},
        **changed,
    }


def history(rng, n_days: int, mean: float, burst: int = 1, since: int = 1000, **what) -> dict[date, Tally]:
    """Return days of answers, in bursts of similar photos; `what` holds from `since` on."""
    days = {}
    for i in range(n_days):
        answers = [answer(rng, **(what if i >= since else {})) for _ in range(rng.poisson(mean / burst))]
        if answers:
            days[a_day(i)] = tally(*[one for one in answers for _ in range(burst)])
    return days


def reference(seed: int = 0, n: int = 400) -> Reference:
    rng = np.random.default_rng(1000 + seed)
    return read_reference(metrics([answer(rng) for _ in range(n)]))


def drifted(days: dict[date, Tally], of: Reference) -> dict[str, Finding]:
    return {found.measure: found for found in find_drifts(days, burst_factor(list(days.values())), of)}


def mixes(days: dict[date, Tally], of: Reference) -> list[str]:
    return describe_mixes(days, burst_factor(list(days.values())), of)


def counters(folder: Path, days: dict[date, Tally], version: str = VERSION, name: str = "20250303-090000-abc") -> None:
    """Write counters as the app does."""
    file = folder / "counters" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"model_version": version, "days": {str(day): counts(of) for day, of in days.items()}}))


def counts(of: Tally) -> dict:
    return {
        "labels": of.labels,
        "unfamiliar": of.unfamiliar,
        "confidence": of.confidence,
        "confidence_sum": of.confidence_sum,
        **({"photos": of.n} if of.several else {}),
    }


def record(folder: Path, i: int, day: date, said: list[str], correction: str | None, **changed) -> None:
    """Write a record as the app does, of the i-th photo; said: the labels of the answer."""
    photo = sha256(str(i).encode()).hexdigest()
    file = folder / photo[:2] / f"{photo}-12345678.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "photo": photo,
        "label": said[0] if said else "dress",
        "labels": said,
        "probabilities": dict.fromkeys(said or ["dress"], 0.5),
        "familiar": True,
        "familiarity": 0.8,
        "correction": correction,
        "right": correction == ("|".join(said) or None),
        "model_version": VERSION,
        "time": f"{day}T12:00:00+00:00",
    } | changed
    file.write_text(json.dumps({key: value for key, value in told.items() if value != "missing"}))


def run_main(folder: Path, capsys, with_metrics: dict | None = None, **options) -> str:
    """Run the command with an export whose metrics.json are these; return what it prints."""
    (folder / "export.pkl").write_bytes(EXPORT)
    if with_metrics:
        (folder / "metrics.json").write_text(json.dumps(with_metrics))
    (folder / "feedback").mkdir(exist_ok=True)
    main(str(folder / "feedback"), str(folder / "export.pkl"), out=str(folder / "monitor.png"), **options)
    return capsys.readouterr().out


DRESS, BOTH = {"dress": 0.9}, {"dress": 0.9, "hat": 0.5}


def test_expectations_are_what_the_held_out_photos_get():
    found = read_reference(metrics([DRESS, BOTH, BOTH, {"hat": 0.3}, {}]))
    assert (found.labels, found.n, found.several) == ({"dress": 3, "hat": 3, "shoes": 0}, 5, True)
    assert found.unfamiliar == (pytest.approx(0.2), 5) and found.error == (0.2, 5)
    assert found.confidence == (pytest.approx(4 / 6), pytest.approx(0.2427, abs=1e-4), 4)
    assert found.confidence_by_label["hat"] == (pytest.approx(1.3 / 3), 3)
    assert found.confidence_by_label["shoes"] == (0, 0)


def test_photos_below_the_threshold_of_familiarity_get_no_label():
    of = metrics([DRESS, BOTH, BOTH, {"hat": 0.3}, {}], familiarity={"accepted": 1.0, "threshold": 0.70004})
    of["held_out"]["familiarity"] = dict(zip(of["held_out"]["answers"], [0.9, 0.7, 0.6999, 0.4, 0.1]))
    found = read_reference(of)
    assert found.unfamiliar == (pytest.approx(0.6), 5) and found.labels == {"dress": 2, "hat": 1, "shoes": 0}


def test_photos_that_the_familiarity_rejects_get_no_label():
    of = metrics([DRESS, BOTH, BOTH, {"hat": 0.3}, {}], familiarity={"accepted": 0.75})
    of["several_labels"]["n_without"] = 1  # of the four with a label one is unfamiliar: the last of them
    of["held_out"]["familiarity"] = dict(zip(of["held_out"]["answers"], [0.9, 0.8, 0.7, 0.4, 0.1]))
    found = read_reference(of)
    assert found.unfamiliar == (pytest.approx(0.4), 5) and found.labels == {"dress": 3, "hat": 2, "shoes": 0}


def test_without_held_out_predictions_only_the_mix_and_the_error_are_known():
    found = read_reference({**metrics([DRESS, BOTH, {}]), "held_out": None})
    assert (found.labels, found.n, found.error) == ({"dress": 2, "hat": 1, "shoes": 0}, 3, (0.2, 3))
    assert found.unfamiliar is None and found.confidence is None and found.several


def test_what_the_app_counts_is_read(tmp_path):
    app = Counters(tmp_path, VERSION)
    for labels in (("dress", "hat"), ("dress",), (), ("dress", "hat")):
        app.count(Prediction("dress", {"dress": 0.9, "hat": 0.5}, 0.8, True, labels))
    app.count(Prediction("dress", {"dress": 0.9, "hat": 0.5}, 0.1, False, ()))
    app.flush()
    (day,) = History(tmp_path).days[VERSION].values()
    assert (day.labels, day.n, day.unfamiliar, day.n_labelled) == (Counter(dress=3, hat=2), 5, 2, 3)
    assert day.several and day.n_labels == 5 and day.confidence_sum == pytest.approx(3.7)


@pytest.mark.parametrize("n_days, mean, burst", [(30, 40, 1), (30, 40, 5), (1, 60, 5), (8, 25, 5)])
def test_histories_without_drift_raise_no_alarm_and_name_no_label(n_days, mean, burst):
    told = [(history(np.random.default_rng(seed), n_days, mean, burst), reference(seed)) for seed in range(40)]
    assert np.mean([bool(drifted(days, of)) for days, of in told]) <= 0.05
    assert np.mean([bool(mixes(days, of)) for days, of in told]) <= 0.1  # two comparisons, 5% each


@pytest.mark.parametrize(
    "measure, what, least",
    [("unfamiliar", {"none": 0.2}, 0.9), ("confidence", {"less_sure": 0.15}, 0.9)],
    ids=["none_doubles", "less_sure"],
)
def test_drifts_are_found_and_dated(measure, what, least):
    found = [drifted(history(np.random.default_rng(i), 30, 100, since=20, **what), reference(i)) for i in range(10)]
    since = [of[measure].since for of in found if measure in of]
    assert len(since) >= least * 10 and np.median([abs((day - a_day(20)).days) for day in since]) <= 2
    assert not any(set(of) - {measure} for of in found)


def test_a_label_that_doubles_its_share_is_named_and_is_no_drift():
    for seed in range(5):
        of, rng = reference(seed), np.random.default_rng(seed)
        days, throughout = (history(rng, 30, 100, since=since, hat=0.6) for since in (20, 0))
        assert re.search(
            r"Of late, some labels are given .* than before, by share .*: hat [23]\d% \(1", mixes(days, of)[-1]
        )
        (line,) = mixes(throughout, of)
        assert re.match(
            r"Some labels are given more or less often than in training, by share .*: hat [23]\d% \(1", line
        )
        assert line.endswith("That can be use alone, and is no error.") and not drifted(days, of)


def test_a_rare_label_that_doubles_is_named_and_a_small_difference_is_not():
    days = tally(*[{"shoes": 0.9}] * 80, *[DRESS] * 1920)
    assert changed_shares(days, {"shoes": 40, "dress": 1960}, (2000, 1), 1) == [("shoes", 0.04, 0.02)]
    days = tally(*[{"shoes": 0.9}] * 9600, *[DRESS] * 10400)  # certain, but 3 points alone
    assert changed_shares(days, {"shoes": 9000, "dress": 11000}, (20_000, 1), 1) == []
    assert changed_shares(Tally(several=True), {"shoes": 1}, (9, 1), 1) == changed_shares(days, {}, (0, 1), 1) == []


def test_another_mix_of_labels_is_no_lower_confidence():
    of = reference()
    days = history(np.random.default_rng(0), 30, 100, since=20, dress=1, hat=1)  # the model is never as sure of a hat
    assert drifted(days, of) == {}
    without = Reference(of.labels, of.unfamiliar, of.confidence, of.error, True, of.n)
    assert set(drifted(days, without)) == {"confidence"}


def test_a_mean_confidence_is_adjusted_by_what_is_known_of_the_labels():
    base, by_label = (0.8, 0.1, 200), {"dress": (0.9, 100), "hat": (0.7, 100)}
    mean, deviation, n = adjust_to_mix(base, {"dress": 100, "hat": 100}, {"hat": 50}, by_label)
    assert (mean, deviation) == (pytest.approx(0.8 - 0.1 * 100 / 105), 0.1)
    assert n == pytest.approx(1 / (1 / 200 + 2 * 0.25 / 105))
    same = adjust_to_mix(base, {"dress": 1, "hat": 1}, {"dress": 7, "hat": 7}, by_label)
    assert same == pytest.approx(base) and adjust_to_mix(base, {"dress": 1}, {"hat": 1}, {}) == base
    assert adjust_to_mix(base, {"dress": 1}, {"unknown": 1}, {"dress": (0.9, 100)})[0] == pytest.approx(0.8)


def test_labels_that_come_together_are_no_burst():
    rng = np.random.default_rng(0)
    of = {
        burst: burst_factor(
            [
                tally(*[BOTH] * burst * int(k), *[{}] * (200 - burst * int(k)))
                for k in rng.binomial(200 // burst, 0.5, 200)
            ]
        )
        for burst in (1, 5)
    }
    assert of == {1: pytest.approx(1.1, rel=0.3), 5: pytest.approx(5, rel=0.3)}


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
