"""training/report/groups.py: groups of photos that are wrong more often than chance and their labels explain."""

import numpy as np
import pytest

from helpers.commands import run_module
from training.data.traits import EXTREMES
from training.report.groups import chance, find_groups

N = 300


def made(seed: int, rate: float = 0.15):
    """Return (wrong, labels, traits, features) of photos whose errors fall at random."""
    rng = np.random.default_rng(seed)
    labels = [("ant", "bee", "wasp")[i % 3] for i in range(N)]
    return rng.random(N) < rate, labels, rng.normal(size=(N, len(EXTREMES))), rng.normal(size=(N, 16))


def test_the_dark_ones_are_found_and_told_in_words():
    wrong, labels, traits, features = made(0, 0.05)
    dark = traits[:, 0] <= np.quantile(traits[:, 0], 0.2)
    wrong[np.flatnonzero(dark)[::2]] = True
    group = find_groups(wrong, labels, traits, features)[0]
    assert (group.members == dark).all() and group.p < 1e-6
    assert str(group).startswith("the darkest photos: 3") and "of 60 wrong (5" in str(group)
    assert wrong[group.examples].all()


def test_photos_that_look_alike_are_found():
    wrong, labels, traits, features = made(1, 0.05)
    features[:40] += 20 * np.eye(16)[0]
    wrong[:20] = True
    group = find_groups(wrong, labels, traits, features)[0]
    assert group.name == "photos that look like these" and group.members[:40].all()


def test_errors_at_random_make_no_group():
    assert sum(bool(find_groups(*made(seed))) for seed in range(100)) <= 5


def test_a_label_that_is_hard_by_itself_makes_no_group():
    found = 0
    for seed in range(40):
        wrong, labels, traits, features = made(seed, 0.02)
        hard = np.array(labels) == "wasp"
        wrong |= hard & (np.random.default_rng(seed).random(N) < 0.5)
        traits[hard, 0] += 3  # brighter
        features[hard] += 10 * np.eye(16)[0]  # and alike
        found += bool(find_groups(wrong, labels, traits, features))
    assert found <= 2


def test_chance_is_that_of_errors_drawn_anew():
    rng = np.random.default_rng(3)
    labels, wrong, members = rng.integers(0, 2, 60), rng.random(60) < 0.3, rng.random(60) < 0.3
    observed, drawn = wrong[members].sum(), []
    for _ in range(4000):
        shuffled = wrong.copy()
        for label in (0, 1):
            shuffled[labels == label] = rng.permutation(wrong[labels == label])
        drawn.append(shuffled[members].sum() >= observed)
    assert chance(wrong, labels, members) == pytest.approx(np.mean(drawn), abs=0.03)


def test_one_group_is_told_once():
    wrong, labels, traits, features = made(4, 0.02)
    traits[:, 1] = traits[:, 0] + 0.01 * traits[:, 1]  # dark photos have little contrast
    wrong |= traits[:, 0] <= np.quantile(traits[:, 0], 0.15)
    assert len(find_groups(wrong, labels, traits, features)) == 1


@pytest.mark.parametrize("n", [0, 1, 15])
def test_few_photos_make_no_group(n):
    assert find_groups(np.ones(n, bool), ["ant"] * n, np.zeros((n, len(EXTREMES))), np.zeros((n, 4))) == []


def test_traits_that_do_not_vary_and_an_export_without_features_make_none():
    wrong, labels, traits, _ = made(5)
    assert find_groups(wrong, labels, np.zeros_like(traits), None) == []


def test_the_report_says_so(trained, tmp_path):
    run = run_module("training.report", trained / "export.pkl", trained / "photos", "--out", tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert run.returncode == 0 and "Groups that it gets wrong" in page and "No group stands out" in page
