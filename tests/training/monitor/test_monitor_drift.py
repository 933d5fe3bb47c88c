"""training/monitor/drift.py and training/statistics.py: what is drift and what is chance."""

import json

import numpy as np
import pytest

from helpers.histories import a_day, drifted, history, tally
from helpers.paths import ROOT
from training.monitor.bursts import burst_factor
from training.monitor.drift import MIN_ANSWERS, find_drifts, pool_periods
from training.monitor.reference import DEFAULT_UNFAMILIAR, Reference, read_reference
from training.statistics import design_effect, dispersion, holm, p_above, p_below, psi, wilson


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
