"""training/train/probes/linear.py and cross_validation.py: a classifier of features, and photos out of fold."""

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from torch import nn

from classifier.inference.confidence import probabilities
from helpers.learners import tiny_backbone
from helpers.photos import make_photos
from training.data.photos import get_photos
from training.data.splits import Photos
from training.options import TrainingOptions
from training.train.learner import prepare
from training.train.out_of_fold import score_out_of_fold
from training.train.probes.calibration import fit_temperature
from training.train.probes.cross_validation import assign_folds, cross_validate
from training.train.probes.linear import OneOf, cross_entropy, fit_probe, sample_weights


def clusters(counts: list[int], n_features: int = 12, n_views: int = 2, apart: float = 1, seed: int = 0):
    """Return (N, V, D) features and (N,) targets of labels that lie `apart`, in standard deviations a feature."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(len(counts)), counts)
    centres = rng.normal(3, apart, (len(counts), n_features))
    photos = centres[targets] + rng.normal(size=(len(targets), n_features))
    return (photos[:, None] + rng.normal(0, 0.2, (len(targets), n_views, n_features))).astype(np.float32), targets


@pytest.mark.parametrize("n_labels", [2, 3, 40])
def test_layers_score_as_the_probe_does(n_labels):
    features, targets = clusters([6] * n_labels, n_features=30)
    features[..., 0] = 7  # a feature that never changes is not divided by zero
    probe = fit_probe(features, targets, n_labels, 0.1)
    layers = nn.Sequential(*probe.to_layers()).eval()
    with torch.inference_mode():
        by_layers = layers(torch.from_numpy(features[:, 0])).numpy()
    assert by_layers.shape == (len(targets), n_labels)
    assert np.abs(by_layers - probe.scores(features[:, 0])).max() < 1e-4


@pytest.mark.parametrize("n_labels", [2, 3])
def test_probe_gives_the_probabilities_of_sklearn(n_labels):
    features, targets = clusters([20] * n_labels, n_views=1)
    x = features[:, 0]
    standardised = (x - x.mean(0)) / x.std(0)
    expected = LogisticRegression(C=0.1, tol=1e-8, max_iter=5000).fit(standardised, targets).predict_proba(standardised)
    probe = fit_probe(features, targets, n_labels, 0.1)
    assert probabilities(probe.scores(x)) == pytest.approx(expected, abs=0.01)


def test_many_labels_are_told_apart():
    features, targets = clusters([5] * 200, n_features=60, n_views=1, apart=2)
    probe = fit_probe(features, targets, 200, 0.1)
    assert np.mean(probe.scores(features[:, 0]).argmax(1) == targets) > 0.95


@pytest.mark.parametrize("counts, rarer", [([30, 10], 1), ([30, 9], 30 / 9), ([100, 10], 10), ([100, 100, 10], 10)])
def test_labels_more_than_three_times_rarer_are_weighted(counts, rarer):
    weights = sample_weights(np.repeat(np.arange(len(counts)), counts), len(counts))
    assert weights[0] == 1 and weights[-1] == pytest.approx(rarer)


def test_of_imbalanced_labels_each_is_expected_equally_often():
    features, targets = clusters([200, 20], apart=0.3)
    by_label = probabilities(fit_probe(features, targets, 2, 0.1).scores(features))[:, 0]
    weights = sample_weights(targets, 2)
    assert np.average(by_label[:, 1], weights=weights) == pytest.approx(0.5, abs=0.1)
    temperature = fit_temperature(fit_probe(features, targets, 2, 0.1).scores(features), targets, weights)
    assert 0.3 < temperature < 3


def test_the_rarest_label_is_found_more_often_than_by_a_plain_regression():
    all_features, all_targets = clusters([500, 340, 314], apart=0.5, n_views=1)
    index = np.concatenate([np.flatnonzero(all_targets == label)[:n] for label, n in enumerate((200, 40, 14))])
    features, targets = all_features[index], all_targets[index]
    unseen, labels = np.delete(all_features, index, axis=0), np.delete(all_targets, index)
    plain = LogisticRegression(C=0.03).fit(features[:, 0], targets).predict(unseen[:, 0])
    ours = fit_probe(features, targets, 3, 0.03).scores(unseen[:, 0]).argmax(1)
    recall = [(found[labels == 2] == 2).mean() for found in (ours, plain)]
    assert recall[0] > recall[1] + 0.1 and (ours == labels).mean() > (plain == labels).mean()


def test_views_count_as_one_photo():
    features, targets = clusters([20, 20], n_views=1)
    one, four = (fit_probe(features.repeat(n, 1), targets, 2, 0.1) for n in (1, 4))
    assert four.weight == pytest.approx(one.weight, abs=2e-3)


def test_cross_entropy_by_hand():
    scores = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    expected = -np.log([0.25, 0.8])
    assert cross_entropy(scores, np.array([1, 2])) == pytest.approx(expected)
    assert cross_entropy(scores[:, None] + 1000, np.array([1, 2])) == pytest.approx(expected[:, None])


def test_scores_of_a_fold_do_not_depend_on_its_labels(monkeypatch):
    monkeypatch.setattr("training.train.probes.cross_validation.STRENGTHS", (0.03,))  # that alone is chosen by all
    features, targets = clusters([20, 20, 20])
    folds = np.arange(60) % 5
    changed, own = targets.copy(), folds == 0
    changed[own] = np.roll(targets[own], 5)
    assert (changed != targets).any()
    before, after = (cross_validate(features, labels, folds, OneOf(3))[1] for labels in (targets, changed))
    assert np.array_equal(before[own], after[own])
    assert not np.allclose(before[~own], after[~own])


def test_noise_is_told_apart_no_better_than_by_chance_out_of_fold():
    features, targets = clusters([40, 40], n_features=200, apart=0)
    strength, scores = cross_validate(features, targets, np.arange(80) % 5, OneOf(2))
    probe = fit_probe(features, targets, 2, strength)
    assert scores.shape == (80, 2, 2)
    assert np.mean(probe.scores(features[:, 0]).argmax(1) == targets) > 0.9
    assert 0.3 < np.mean(scores[:, 0].argmax(1) == targets) < 0.7


def test_of_many_photos_some_choose_the_regularisation(monkeypatch):
    features, targets = clusters([60, 60], apart=0.5)
    expected = cross_validate(features, targets, np.arange(120) % 3, OneOf(2))[1]
    monkeypatch.setattr("training.train.probes.cross_validation.MAX_TUNING_VIEWS", 60)
    scores = cross_validate(features, targets, np.arange(120) % 3, OneOf(2))[1]
    assert scores.shape == expected.shape and np.isfinite(scores).all()
    assert np.mean(scores[:, 0].argmax(1) == targets) == pytest.approx(
        np.mean(expected[:, 0].argmax(1) == targets), abs=0.1
    )


def test_folds_hold_out_each_photo_once_spread_labels_and_keep_copies_together():
    labels = [("a",)] * 20 + [("b",)] * 10
    hashes = [str(i // 2) for i in range(30)]  # each photo twice
    folds = assign_folds(labels, hashes, 5)
    assert sorted(set(folds)) == [0, 1, 2, 3, 4]
    assert all(folds[i] == folds[i + 1] for i in range(0, 30, 2))
    for label in "ab":
        counts = np.bincount([fold for fold, own in zip(folds, labels) if own == (label,)], minlength=5)
        assert counts.max() - counts.min() <= 2


def test_few_photos_make_fewer_folds_or_none():
    assert assign_folds([("a",)] * 9 + [("b",)] * 3, [str(i) for i in range(12)], 5).max() == 2
    assert assign_folds([("a",)] * 9 + [("b",)] * 9, ["same"] * 9 + [str(i) for i in range(9)], 5) is None


def test_copies_and_near_copies_of_a_photo_are_held_out_together(monkeypatch, tmp_path):
    monkeypatch.setattr("training.train.learner.load_backbone", tiny_backbone)
    folder = make_photos(tmp_path / "photos", n=12, size=(200, 150))
    with Image.open(folder / "red" / "02.png") as photo:
        photo.resize((160, 120)).save(folder / "red" / "smaller.jpg", quality=90)
    (folder / "red" / "same.png").write_bytes((folder / "red" / "02.png").read_bytes())
    photos, options = Photos(get_photos(folder)), TrainingOptions(image_size=32, folds=3)
    probes = score_out_of_fold(*prepare(photos, options), photos, options)
    fold_of = {file.name: fold for file, fold in zip(probes.files, probes.folds) if file.parent.name == "red"}
    assert fold_of["same.png"] == fold_of["smaller.jpg"] == fold_of["02.png"]
    assert set(probes.folds) == {0, 1, 2}
