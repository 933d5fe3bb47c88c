"""training/monitor/ of models that give a photo several labels, or none: what is expected, and what is drift."""

import re
from collections import Counter

import numpy as np
import pytest

from classifier import Prediction
from helpers.histories_several import BOTH, DRESS, VERSION, a_day, drifted, history, metrics, mixes, reference, tally
from server.feedback.counters import Counters
from training.monitor.bursts import burst_factor
from training.monitor.confidence import adjust_to_mix
from training.monitor.history import History
from training.monitor.mix import changed_shares
from training.monitor.reference import Reference, read_reference
from training.monitor.tally import Tally


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
