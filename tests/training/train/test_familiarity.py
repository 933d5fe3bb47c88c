"""training/train/probes/familiarity.py: centres of the training photos, a threshold, how well both work on the set."""

import numpy as np
import pytest

from classifier.inference.confidence import MAX_NUMBERS, Familiarity
from training.train.probes.familiarity import (
    CENTRES_PER_LABEL,
    MAX_BYTES,
    FamiliarityMetrics,
    cluster_centres,
    fit_familiarity,
    fit_threshold,
    measure_familiarity,
    score_photos,
    similarities,
)

D = 32


def photos_of(directions: np.ndarray, n: int = 30, n_views: int = 2, noise: float = 0.1, seed: int = 0):
    """Return (N, V, D) features and (N,) targets: n photos of each label, around the direction that it has."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(len(directions)), n)
    photos = directions[targets] + rng.normal(0, noise, (len(targets), directions.shape[1]))
    return photos[:, None] + rng.normal(0, noise / 3, (len(targets), n_views, directions.shape[1])), targets


def fitted(features: np.ndarray, targets: np.ndarray, n_folds: int = 5):
    everyone = np.arange(len(targets))
    return fit_familiarity(
        features, targets, everyone % n_folds, [(everyone, features[:, i]) for i in range(features.shape[1])]
    )


def test_centres_are_of_length_1_and_each_label_has_its_own():
    rows, owners = cluster_centres(*photos_of(np.eye(D)[:3] * 7))
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    assert np.bincount(owners).tolist() == [CENTRES_PER_LABEL] * 3
    assert (rows.argmax(1) == owners).all()


@pytest.mark.parametrize("n_labels, of_a_label", [(2, 15), (3, 10), (31, 1)])
def test_centres_fit_in_their_bytes(monkeypatch, n_labels, of_a_label):
    monkeypatch.setattr("training.train.probes.familiarity.MAX_BYTES", 1000)
    rows, owners = cluster_centres(*photos_of(np.random.default_rng(0).random((n_labels, D)), n=20, n_views=1))
    assert rows.size <= 1000 < MAX_BYTES <= MAX_NUMBERS
    assert np.bincount(owners).tolist() == [of_a_label] * n_labels


def test_few_photos_have_as_many_centres_as_there_are():
    features, targets = photos_of(np.eye(D)[:2], n=3, n_views=1)
    assert len(cluster_centres(features, targets)[0]) == 6


def test_copies_are_one_centre(recwarn):
    features, targets = photos_of(np.eye(D)[:2], n=1, n_views=1)
    rows, _ = cluster_centres(features.repeat(30, 0), targets.repeat(30))
    assert len(rows) == 2 and not list(recwarn)


def test_a_photo_is_not_held_against_a_centre_that_it_made():
    features, targets = photos_of(np.eye(D)[:2], n=10, n_views=1)
    features[0] = 9 * np.eye(D)[30]  # unlike all others
    everyone = np.arange(20)
    near, labels = similarities(features, targets, everyone % 5, [(everyone, features[:, 0])])
    assert near[0].shape == (20, 2) and labels.tolist() == [0, 1]
    assert near[0][0].max() < 0.5 and near[0][1:].max(1).min() > 0.7
    assert (near[0][1:].argmax(1) == targets[1:]).all()


def test_threshold_lies_below_the_median_as_the_first_decile_does_and_farther():
    scores = 0.7 + 0.05 * np.random.default_rng(0).normal(size=100_000)
    assert fit_threshold([scores]) == pytest.approx(0.7 - 1.8 * 1.2816 * 0.05, abs=0.002)


def test_threshold_accepts_most_views_and_is_not_below_all_of_them():
    alike = np.concatenate([np.full(940, 0.9), np.linspace(0.5, 0.6, 60)])
    assert np.mean(alike >= fit_threshold([alike])) == pytest.approx(0.95)
    apart = np.concatenate([np.full(600, 0.9), np.full(400, 0.4)])
    assert fit_threshold([apart]) == 0.4
    assert fit_threshold([np.full(30, 0.8)]) == 0.8


def test_each_kind_of_view_counts_alike():
    many, few = np.full(900, 0.9), np.full(10, 0.4)
    assert fit_threshold([many]) == 0.9
    assert fit_threshold([many, few]) == fit_threshold([many, few, np.array([])]) == 0.4


def test_threshold_accepts_held_out_photos_and_views():
    features, targets = photos_of(np.eye(D)[:4], n=100)
    known, measured, scores = fitted(features, targets)
    assert measured.accepted == pytest.approx(0.985, abs=0.02)
    assert scores.shape == (400,) and np.mean(scores >= known.threshold) == measured.accepted
    new, _ = photos_of(np.eye(D)[:4], n=100, seed=1)
    assert np.mean(score_photos(known, new[:, 0]) >= known.threshold) == pytest.approx(0.985, abs=0.03)


def test_a_label_that_is_far_from_the_others_is_told_as_unfamiliar():
    _, measured, _ = fitted(*photos_of(np.eye(D)[:4]))
    assert measured.unfamiliar == 1 and measured.auroc == 1
    assert measured.left_out == {i: {"n": 30, "unfamiliar": 1, "auroc": 1} for i in range(4)}


def test_a_label_like_another_is_not():
    _, measured, _ = fitted(*photos_of(np.eye(D)[[0, 0, 1]]))
    assert measured.left_out[0]["unfamiliar"] < 0.1 and measured.left_out[0]["auroc"] < 0.75
    assert measured.left_out[2]["unfamiliar"] == 1
    assert 0.3 < measured.unfamiliar < 0.4


def test_strangers_are_unfamiliar():
    known, _, _ = fitted(*photos_of(np.eye(D)[:4]))
    strangers, _ = photos_of(np.eye(D)[10:20])
    assert score_photos(known, strangers[:, 0]).max() < known.threshold


def test_one_label_does_not_tell_what_a_label_left_out_would_be():
    known, measured, _ = fitted(*photos_of(np.eye(D)[:1]))
    assert known is not None and measured.accepted > 0.9
    assert (measured.unfamiliar, measured.auroc, measured.left_out) == (None, None, {})


def test_photos_of_one_label_alone_tell_nothing_of_labels_left_out():
    near, targets = np.array([[0.9, 0.1, 0.1], [0.8, 0.2, 0.1]]), np.array([0, 0])
    assert measure_familiarity(near, targets, np.arange(3), 0.85) == FamiliarityMetrics(accepted=0.5)


def test_of_many_labels_the_largest_are_left_out(monkeypatch):
    monkeypatch.setattr("training.train.probes.familiarity.MAX_LEFT_OUT", 2)
    targets = np.array([0, 1, 1, 1, 2, 2])
    assert set(measure_familiarity(np.eye(3)[targets], targets, np.arange(3), 0.5).left_out) == {1, 2}


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_features_of_a_dead_network_teach_nothing(capsys, value):
    known, measured, scores = fitted(np.full((20, 2, D), value), np.arange(20) % 2)
    assert known is None and scores is None and measured == FamiliarityMetrics()
    assert "cannot be learned" in capsys.readouterr().out


def test_what_is_learned_is_served():
    features, targets = photos_of(np.eye(D)[:4])
    known, _, _ = fitted(features, targets)
    served = Familiarity.from_facts(known.to_facts(), D)
    assert served.threshold == known.threshold
    assert score_photos(served, features[:, 0]) == pytest.approx(score_photos(known, features[:, 0]), abs=0.005)
