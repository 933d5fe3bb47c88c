"""training/monitor/: what is drift and what is chance, from counters and records that anybody may have written."""

import json
import os
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from fastcore.script import CliError
from PIL import Image

from classifier import Prediction
from helpers.commands import run_module
from helpers.paths import ROOT
from helpers.photos import noisy_photo
from server.feedback.counters import Counters
from server.feedback.records import BINS
from server.feedback.store import Feedback
from training.monitor.__main__ import main
from training.monitor.bursts import burst_factor
from training.monitor.drift import MIN_ANSWERS, find_drifts, pool_periods
from training.monitor.figure import add_title, period_starts, plot_drift
from training.monitor.history import History, by_period, shorten
from training.monitor.reference import DEFAULT_UNFAMILIAR, Reference, read_reference
from training.monitor.summary import percent
from training.monitor.tally import Tally, total
from training.statistics import design_effect, dispersion, holm, p_above, p_below, psi, wilson

VERSION = sha256((ROOT / "export.pkl").read_bytes()).hexdigest()[:12]  # of the export that comes along
START = date(2025, 3, 3)  # a Monday
LABELS = ["black", "grizzly", "teddy"]
REFERENCE = Reference(dict.fromkeys(LABELS, 140), (0.02, 83), (0.98, 0.085, 416), (0.005, 416))
SURE = Prediction("teddy", {"teddy": 0.9, "grizzly": 0.07, "black": 0.03}, 0.8, True)
STRANGE = Prediction("teddy", {"teddy": 0.6, "grizzly": 0.3, "black": 0.1}, 0.2, False)


def tally(confidence: float = 0.97, unfamiliar: int = 0, right: int = 0, corrected: int = 0, **labels: int) -> Tally:
    """Return a tally whose answers all have one confidence."""
    n, bins = sum(labels.values()), [0] * BINS
    bins[min(int(confidence * BINS), BINS - 1)] = n
    return Tally(Counter(labels), unfamiliar, bins, confidence * n, right, corrected)


def counters(folder: Path, days: dict, version: str = VERSION, name: str = "20250303-090000-abcdef") -> None:
    """Write a file of counters as the app does; days: Tally by date."""
    (folder / "counters").mkdir(parents=True, exist_ok=True)
    (folder / "counters" / f"{name}.json").write_text(
        json.dumps(
            {
                "model_version": version,
                "days": {
                    str(day): {
                        "labels": of.labels,
                        "unfamiliar": of.unfamiliar,
                        "confidence": of.confidence,
                        "confidence_sum": of.confidence_sum,
                    }
                    for day, of in days.items()
                },
            }
        )
    )


def record(folder: Path, i: int, day: date, correction: str | None = "teddy", **changed) -> None:
    """Write a record as the app does, of the i-th photo."""
    photo = sha256(str(i).encode()).hexdigest()
    told = {
        "photo": photo,
        "label": "teddy",
        "probabilities": {"teddy": 0.9},
        "familiar": True,
        "familiarity": 0.8,
        "correction": correction,
        "right": correction == "teddy",
        "model_version": VERSION,
        "time": f"{day}T12:00:00+00:00",
        **changed,
    }
    (folder / photo[:2]).mkdir(parents=True, exist_ok=True)
    (folder / photo[:2] / f"{photo}-{sha256(str(correction).encode()).hexdigest()[:8]}.json").write_text(
        json.dumps(told)
    )


def a_day(i: int) -> date:
    return START + timedelta(i)


def history(
    rng,
    n_days: int,
    mean: float,
    burst: int = 1,
    since: int = 1000,
    unfamiliar: float = 0.02,
    less_sure: float = 0.0,
    wrong: float = 0.005,
) -> dict[date, Tally]:
    """Return days of answers, in bursts of similar photos; what differs from the reference does so from `since` on."""
    days = {}
    for i in range(n_days):
        strange, drop, error = (unfamiliar, less_sure, wrong) if i >= since else (0.02, 0, 0.005)
        day = Tally()
        for _ in range(rng.poisson(mean / burst)):
            if rng.random() < strange:
                day += Tally(unfamiliar=burst)
            else:
                confidence = max(0.34, 1 - rng.gamma(0.06, 0.34) - 2 * drop * rng.random())
                day += tally(confidence, **{LABELS[rng.integers(3)]: burst})
            clicked, mistaken = rng.binomial(burst, 0.3), rng.random() < error
            day += Tally(right=0 if mistaken else clicked, corrected=clicked if mistaken else 0)
        if day.n:
            days[a_day(i)] = day
    return days


def drifted(days: dict[date, Tally], reference: Reference = REFERENCE) -> dict[str, date]:
    """Return since when each measure has drifted."""
    return {
        finding.measure: finding.since for finding in find_drifts(days, burst_factor(list(days.values())), reference)
    }


def test_interval_of_a_share_is_wilsons():
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    assert wilson(10, 10)[1] == 1


def test_tests_are_those_whose_names_they_bear():
    assert p_above(np.array(7), np.array(8), 2, 7) == pytest.approx(0.03497, abs=1e-5)  # fisher_exact([[7, 1], [2, 5]])
    assert p_above(np.array(3), np.array(10), 0.1, None) == pytest.approx(0.0702, abs=1e-4)  # binomial
    assert p_above(np.array(0), np.array(0), 2, 7) == 1
    a, b = [0.9, 0.8, 0.85, 0.7], [0.95, 0.97, 0.9, 0.99, 0.93]  # a is the more spread
    stats = pytest.importorskip("scipy.stats")
    assert p_below((np.mean(a), np.std(a, ddof=1), 4), (np.mean(b), np.std(b, ddof=1), 5)) == pytest.approx(
        stats.ttest_ind(a, b, equal_var=False, alternative="less").pvalue
    )
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_stability_index_is_that_of_the_books_and_chance_stays_below_its_bound():
    assert psi({"a": 5000, "b": 5000}, {"a": 7000, "b": 3000})[0] == pytest.approx(0.1695, abs=1e-3)
    rng, mix = np.random.default_rng(0), np.array([0.5, 0.3, 0.2])
    told = [
        psi(dict(zip("abc", rng.multinomial(60, mix))), dict(zip("abc", rng.multinomial(400, mix)))) for _ in range(400)
    ]
    assert 0.02 < np.mean([value > chance for value, chance in told]) < 0.08


def test_bursts_of_five_count_as_one_once_days_have_shown_it():
    rng = np.random.default_rng(1)
    of = [
        design_effect(
            dispersion(*(burst * rng.multinomial(40 // burst, [0.3, 0.7]) for _ in range(2))) for _ in range(200)
        )
        for burst in (1, 5)
    ]
    assert of == pytest.approx([1.1, 5], rel=0.3)
    assert design_effect([]) == 5 and dispersion([3, 0], [5, 0]) is None and dispersion([3, 1], [0, 0]) is None


def test_expectations_come_from_metrics_json():
    reference = read_reference(json.loads((ROOT / "metrics.json").read_text()))
    assert reference.labels == {"black": 139, "grizzly": 135, "teddy": 142}
    assert reference.unfamiliar == (pytest.approx(3 / 416), 416) and reference.error == (pytest.approx(5 / 416), 416)
    assert reference.confidence == (pytest.approx(0.98672, abs=1e-5), pytest.approx(0.04255, abs=1e-5), 416)
    assert read_reference({}) == Reference()
    old = read_reference({"photos": {}, "error_rate": 0.1, "n_valid": 20, "calibration": None})
    assert old == Reference({}, (DEFAULT_UNFAMILIAR, None), None, (0.1, 20))


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


def test_few_answers_are_pooled_and_nothing_is_concluded_from_three():
    pools = pool_periods({a_day(i): tally(teddy=12) for i in range(8)})
    assert {start: of.n for start, of in pools.items()} == {a_day(0): 36, a_day(3): 60}
    assert drifted({a_day(0): tally(unfamiliar=3)}) == drifted({}) == {}
    assert drifted({a_day(0): tally(unfamiliar=MIN_ANSWERS - 1)}) == {}


@pytest.mark.parametrize("n_days, mean, burst", [(30, 40, 1), (30, 40, 5), (1, 60, 5), (8, 25, 5)])
def test_histories_without_drift_raise_no_alarm(n_days, mean, burst):
    alarms = [bool(drifted(history(np.random.default_rng(seed), n_days, mean, burst))) for seed in range(50)]
    assert np.mean(alarms) <= 0.05


@pytest.mark.parametrize("burst", [1, 5])
@pytest.mark.parametrize(
    "measure, what",
    [("unfamiliar", {"unfamiliar": 0.35}), ("confidence", {"less_sure": 0.15}), ("wrong", {"wrong": 0.5})],
    ids=["unfamiliar", "confidence", "wrong"],
)
def test_strong_drifts_are_found_and_dated(measure, what, burst):
    found = [drifted(history(np.random.default_rng(seed), 30, 50, burst, since=22, **what)) for seed in range(15)]
    assert np.mean([measure in of for of in found]) >= 0.8
    assert np.median([abs((of[measure] - a_day(22)).days) for of in found if measure in of]) <= 1


def test_a_doubled_share_is_found_when_photos_are_many():
    rng = np.random.default_rng(0)
    days = {
        a_day(i): tally(teddy=200 - k, unfamiliar=k)
        for i in range(60)
        for k in [int(rng.binomial(200, 0.2 if i >= 45 else 0.1))]
    }
    (found,) = find_drifts(days, burst_factor(list(days.values())), Reference())
    assert (found.measure, found.training) == ("unfamiliar", None) and abs((found.since - a_day(45)).days) <= 1
    assert (found.value, found.before) == (pytest.approx(0.2, abs=0.02), pytest.approx(0.1, abs=0.02))


def test_what_has_come_back_or_is_small_is_no_drift():
    def days(share):
        return {a_day(i): tally(teddy=100 - k, unfamiliar=k) for i in range(40) for k in [share(i)]}

    assert drifted(days(lambda i: 2 + 40 * (10 <= i < 15))) == {}
    assert drifted(days(lambda i: 2 + 3 * (i >= 20))) == {}
    assert drifted(days(lambda i: 2 + 40 * (i >= 35))) == {"unfamiliar": a_day(35)}


def test_another_mix_of_labels_is_told_and_is_no_drift(tmp_path, capsys):
    counters(tmp_path, {a_day(i): tally(teddy=60, black=2) for i in range(5)})
    run_main(tmp_path, fail=True)
    told = capsys.readouterr().out
    assert "The mix of labels is much unlike the one in training: teddy 97% (34%)" in told and "is no error" in told
    assert "Nothing has drifted: 0.0% of 310 photos are unfamiliar (0.7% in training), the mean confidence is" in told


def test_a_mix_that_changes_is_told(tmp_path, capsys):
    counters(tmp_path, {a_day(i): tally(**({"teddy": 60} if i > 5 else dict.fromkeys(LABELS, 20))) for i in range(8)})
    run_main(tmp_path, fail=True)
    assert "The latest mix of labels is much unlike the one before: teddy 100% (33%)" in capsys.readouterr().out


def run_main(folder: Path, **options) -> None:
    main(path=str(folder), export=str(ROOT / "export.pkl"), out=str(folder / "out" / "monitor.png"), **options)


def test_corrections_among_all_answers_are_the_least_that_the_error_can_be(tmp_path, capsys):
    counters(tmp_path, {a_day(0): tally(teddy=200)})
    for i in range(60):
        record(tmp_path, i, a_day(0), "black" if i < 50 else "teddy")
    run_main(tmp_path)
    told = capsys.readouterr().out
    assert f"Drifted since {START}: at least 25% of 200 answers are wrong, if users are right, 1.2% in training" in told
    assert "Who clicks is not everyone" in told


def test_judged_answers_alone_are_compared_with_earlier_ones_alone(tmp_path, capsys):
    for i in range(60):
        record(tmp_path, i, a_day(i // 30), "black")
    run_main(tmp_path)
    told = capsys.readouterr().out
    assert "Nothing has drifted" in told and "No counters are there" in told and "60 judged, 60 corrected" in told
    for i in range(60, 160):
        record(tmp_path, i, a_day(-5), "teddy")
    run_main(tmp_path)
    assert f"Drifted since {START}: users correct 100% of the 60 answers that they judge, 0.0% before (p <" in (
        capsys.readouterr().out
    )


def test_other_models_are_told_and_not_judged(tmp_path, capsys):
    counters(tmp_path, {a_day(0): tally(unfamiliar=90)}, "0123456789ab")
    counters(tmp_path, {a_day(3): tally(unfamiliar=90)}, "", "20250306-090000-abcdef")
    run_main(tmp_path, fail=True)
    told = capsys.readouterr().out
    assert "answers of 2 other models, which this export is not judged by:" in told and "  0123456789ab" in told
    assert "Nothing can be concluded yet: 0 answers of this model" in told and "180 of 2 other models" in told


def test_status_is_1_for_a_drift_only_when_asked_for(tmp_path, capsys):
    counters(tmp_path, {a_day(0): tally(teddy=60, unfamiliar=40)})
    run_main(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        run_main(tmp_path, fail=True)
    assert stopped.value.code == 1
    assert f"python -m training.gather --feedback {tmp_path} --out data/..." in capsys.readouterr().out


HOSTILE = [
    "$x^2$",
    "$\\frac{1}{",
    "_hidden",
    "\n",
    "\x1b[31mred",
    "a\nb",
    "\u202eevil",
    "<b>&",
    "\udcff",
    "x" * 5000,
    "熊",
]


def test_labels_are_shown_as_they_are_and_harm_nothing(tmp_path, capsys):
    counters(tmp_path, {a_day(i): tally(**{label: 5 for label in HOSTILE}) for i in range(3)})
    run_main(tmp_path)
    told = capsys.readouterr().out
    assert "\x1b" not in told and "\u202e" not in told and "\udcff" not in told and "x" * 30 not in told
    assert Image.open(tmp_path / "out" / "monitor.png").size == (1210, 1210)
    assert shorten("a\nb\x1b$") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}$"


def legend(figure, panel: int) -> list[str]:
    return [text.get_text().strip() for text in figure.axes[panel].get_legend().get_texts()]


def test_markup_in_labels_is_drawn_as_text_and_of_a_thousand_labels_the_most_frequent():
    days = {a_day(0): tally(**{"$x^2$": 50, "_hidden": 40}, **{f"bird_{i}": 1 for i in range(1000)})}
    figure = plot_drift(days, {}, "day", burst_factor(list(days.values())), Reference(), [])
    add_title(figure, ["$1 and $2"])
    assert not figure._suptitle.get_parse_math()
    assert len(legend(figure, 1)) == 7 and {"$x^2$", "_hidden", "others"} <= set(legend(figure, 1))
    assert not any(text.get_parse_math() for text in figure.axes[1].get_legend().get_texts())


@pytest.mark.parametrize(
    "n_days, by, length, n",
    [
        (1, "day", "day", 1),
        (62, "day", "day", 62),
        (63, "day", "week", 9),
        (1500, "day", "month", 50),
        (9, "month", "month", 1),
    ],
)
def test_periods_without_answers_keep_their_place_and_many_become_longer(n_days, by, length, n):
    found, used = period_starts([a_day(0), a_day(n_days - 1)], by)
    assert (used, len(found)) == (length, n) and found == sorted(set(found))


def test_years_are_named_where_they_change():
    days = {date(2024, 12, 1) + timedelta(i): tally(teddy=1) for i in range(0, 60, 4)}
    figure = plot_drift(days, {}, "day", burst_factor(list(days.values())), Reference(), [])
    named = [text.get_text() for text in figure.axes[4].get_xticklabels()]
    assert named == ["2024-12-01", "12-09", "12-17", "12-25", "2025-01-02", "01-10", "01-18", "01-26"]


def test_the_plot_names_the_trainings_level_and_marks_the_drift():
    days = {a_day(i): tally(teddy=40, unfamiliar=20 * (i > 3), right=2) for i in range(6)}
    effect = burst_factor(list(days.values()))
    findings = find_drifts(days, effect, REFERENCE)
    figure = plot_drift(days, {a_day(-2): tally(teddy=3)}, "day", effect, REFERENCE, findings)
    assert [text.get_text() for text in figure.axes[2].texts] == [" in training\n 2%"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["training"]
    assert legend(figure, 0) == ["of this model", "of others"] and legend(figure, 4) == ["called right", "corrected"]
    (marked,) = [patch for patch in figure.axes[2].patches if patch.get_alpha()]
    assert (marked.get_x(), marked.get_width()) == (5.5, 2)  # the fifth day, two slots after those of other models


def test_what_the_app_wrote_is_read(tmp_path):
    feedback = Feedback(tmp_path, LABELS, VERSION)
    for seed in range(40):
        feedback.counters.count(SURE)
        if seed < 3:
            feedback.add(noisy_photo((90, 60, 40), seed), SURE, "grizzly" if seed else "teddy")
    feedback.close(0)
    again = Counters(tmp_path, VERSION)
    for _ in range(2):
        again.count(STRANGE)
    again.flush()
    run = run_module("training.monitor", tmp_path, "--out", tmp_path / "monitor.png", timeout=60)
    assert run.returncode == 0 and run.stderr == ""
    head, day, training, *verdict, _, counts = run.stdout.splitlines()
    assert head.split() == ["day", "answers", "unfamiliar", "confidence", "right", "corrected", "labels"]
    assert day.split()[1:] == ["42", "4.8%", "90%", "1", "2", "teddy", "100%"]
    assert training.split()[2:6] == ["416", "0.7%", "99%", "1.2%"]
    assert "the mean confidence is 90%, 99% in training (p < 0.001" in verdict[0] and "--feedback" in verdict[1]
    assert counts.startswith(f"{tmp_path}: 42 answers of {VERSION} on 1 day, 3 judged, 2 corrected, 0 of 0 other model")
    assert counts.endswith(f" 0 not read, 1 drifted; {tmp_path / 'monitor.png'}")
    assert Image.open(tmp_path / "monitor.png").format == "PNG"


@pytest.mark.parametrize(
    "options, why",
    [
        ({"by": "year"}, "--by year: one of day, week, month"),
        ({"export": "no.pkl"}, "Name the export that the app"),
        ({"path": "nowhere"}, "There is no folder nowhere"),
        ({"out": "README.md/a.png"}, "--out README.md/a.png: "),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, options, why):
    counters(tmp_path, {a_day(0): tally(teddy=60)})
    with pytest.raises(CliError, match=why):
        main(**{"path": str(tmp_path), "export": str(ROOT / "export.pkl"), **options})


def test_an_empty_folder_is_no_drift(tmp_path, capsys):
    run_main(tmp_path, fail=True)
    assert "Nothing can be concluded yet: 0 answers" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_the_command_starts_without_fastai():
    run = run_module("timeit", "-n1", "-r1", "import training.monitor, sys; assert 'fastai' not in sys.modules")
    assert run.returncode == 0, run.stderr


def test_shares_are_shown_with_a_digit_where_they_are_small():
    assert [percent(share) for share in (None, 0, 0.0048, 0.0994, 0.0996, 0.31, 1)] == [
        "-",
        "0.0%",
        "0.5%",
        "9.9%",
        "10%",
        "31%",
        "100%",
    ]
