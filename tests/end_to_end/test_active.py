"""benchmarks/active/__main__.py: labelling is simulated on features made from a seed; each rule chooses photos once."""

import numpy as np
import pytest

from benchmarks.active.__main__ import Settings, curve, mean_curve, needed, state_of, table
from benchmarks.active.photos import Photos, with_held_out
from benchmarks.active.rules import RULES
from training.data.labels import Labels
from training.train.one_label import OneLabel

SETTINGS = Settings(start=4, batch=10, labels=20, quick=True)


def made(n: int = 60, n_strange: int = 0) -> Photos:
    """Return photos of three labels that lie apart, and of other things."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16))
    targets = np.concatenate([np.arange(n) % 3, np.full(n_strange, -1)])
    rows = (centres[targets] + rng.normal(0, 2.0, (len(targets), 16))).astype(np.float32)
    test_targets = np.arange(90) % 3
    test_rows = (centres[test_targets] + rng.normal(0, 2.0, (90, 16))).astype(np.float32)
    return Photos("made", OneLabel(["a", "b", "c"], Labels()), rows[:, None], targets, test_rows, test_targets)


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_chooses_each_photo_once(rule):
    photos, labelled = made(n_strange=12), np.arange(12)
    inbox = np.arange(12, len(photos.targets))
    state, error = state_of(photos, labelled, inbox, SETTINGS, 0)
    chosen = RULES[rule](state, 10)
    assert len(set(chosen.tolist())) == 10 and set(chosen.tolist()) <= set(range(len(inbox))) and 0 <= error < 0.66


def test_a_curve_has_an_error_for_each_round_and_is_the_same_again():
    assert mean_curve(made(n_strange=12), "random", SETTINGS, 2, False).shape == (3,)
    assert (curve(made(), "inbox", SETTINGS, 1) == curve(made(), "inbox", SETTINGS, 1)).all()


def test_held_out_photos_are_of_those_to_learn_from():
    photos = made(n_strange=12)
    held = with_held_out(photos, 0)
    assert (len(held.targets), len(held.test_targets)) == (54, 18) and held.test_targets.min() >= 0


def test_labels_needed_are_counted_between_rounds():
    assert needed(np.array([0.4, 0.2, 0.1]), 0.3, 10) == pytest.approx(5)
    assert needed(np.array([0.4, 0.2, 0.25]), 0.2, 10) == pytest.approx(10)
    assert needed(np.array([0.1, 0.1]), 0.2, 10) == 0 and needed(np.array([0.4, 0.3]), 0.2, 10) == np.inf
    errors = {"random": np.array([0.4, 0.3, 0.2]), "inbox": np.array([0.4, 0.2, 0.1])}
    lines = table("made, network", errors, [20], SETTINGS)
    assert lines[1].split()[-2:] == ["10", "(50%)"]
