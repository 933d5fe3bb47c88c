"""training/train/probes/calibration.py: "90%" comes to mean right 9 times in 10, from photos held out in turn."""

import json

import numpy as np
import pytest
from fastai.learner import load_learner

from classifier import Classifier
from classifier.inference.confidence import TEMPERATURES, probabilities, read_temperature
from helpers.paths import ROOT
from training.export.portable_pickle import to_bytes
from training.train.probes.calibration import (
    SHRINKAGE_PHOTOS,
    calibrate,
    calibration_error,
    fit_temperature,
    reliability,
)


def overconfident(n: int = 4000, n_labels: int = 3, by: float = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, 1, C) scores and (N,) targets, where the true probabilities are the softmax of scores / by."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1.5, (n, n_labels))
    targets = np.array([rng.choice(n_labels, p=row) for row in probabilities(scores)])
    return (scores * by)[:, None], targets


def calibrated(scores: np.ndarray, targets: np.ndarray, n_folds: int = 5, **options) -> dict | None:
    return calibrate(scores, targets, np.arange(len(targets)) % n_folds, **options)


@pytest.mark.parametrize("by", [0.4, 1, 3])
def test_temperature_is_found_again(by):
    assert fit_temperature(*overconfident(by=by)) == pytest.approx(by, rel=0.1)


def test_probabilities_divide_scores_by_the_temperature():
    scores = np.array([[2.0, 0.0], [1000.0, -1000.0]])
    assert probabilities(scores)[0] == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))])
    assert probabilities(scores, 2)[0] == pytest.approx(probabilities(np.array([1.0, 0.0])))
    assert probabilities(scores, 2).sum(1) == pytest.approx([1, 1])


def test_reliability_by_hand():
    confidences, right = np.array([0.51, 0.52, 0.99, 1.0]), np.array([True, False, True, True])
    low, high = reliability(confidences, right)
    assert low == {"n": 2, "confidence": pytest.approx(0.515), "accuracy": 0.5}
    assert high == {"n": 2, "confidence": pytest.approx(0.995), "accuracy": 1}
    assert calibration_error([low, high]) == pytest.approx((0.015 + 0.005) / 2)


def test_calibration_lowers_the_error_of_an_overconfident_model():
    result = calibrated(*overconfident())
    assert result["before"]["error"] > 0.15
    assert result["after"]["error"] < 0.03
    assert result["temperature"] == pytest.approx(3, rel=0.1)
    assert result["n_folds"] == 5 and result["n_photos"] == 4000


@pytest.mark.parametrize("n", [20, 400])
def test_a_model_that_is_never_wrong_is_not_made_infinitely_sure(n):
    targets = np.arange(n) % 3
    result = calibrated(np.eye(3)[targets][:, None] * 8.0, targets)
    assert TEMPERATURES[0] < result["temperature"] < TEMPERATURES[1]
    assert probabilities(np.array([8.0, 0, 0]), result["temperature"])[0] < 1 - 0.5 / (n + 2)


@pytest.mark.parametrize("n_labels", [1, 2, 200])
def test_any_number_of_labels_is_fitted(n_labels):
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(30, 4, n_labels)), rng.integers(0, n_labels, 30)
    assert TEMPERATURES[0] <= fit_temperature(scores, targets) <= TEMPERATURES[1]


def test_scores_that_are_no_numbers_are_not_fitted():
    scores, targets = overconfident(20)
    scores[3] = np.nan
    assert calibrated(scores, targets) is None


def test_few_photos_move_the_temperature_of_a_fine_tuned_network_little():
    scores, targets = overconfident(SHRINKAGE_PHOTOS)
    plain, shrunk = (calibrated(scores, targets, 2, shrink=shrink)["temperature"] for shrink in (False, True))
    assert shrunk == pytest.approx(plain**0.5)


def test_one_fold_of_photos_is_measured_at_its_own_temperature():
    scores, targets = overconfident(1)
    assert calibrated(scores, targets, 2, shrink=True)["n_folds"] == 1


def test_views_are_calibrated_with_the_photo_and_its_error_is_that_of_the_plain_one():
    scores, targets = overconfident(300)
    result = calibrated(np.concatenate([scores, -scores], axis=1), targets)
    assert result["error_rate"] == np.mean(scores[:, 0].argmax(1) != targets)
    assert sum(row["n"] for row in result["before"]["bins"]) == 600


def test_training_calibrates_and_the_export_serves_it(training_run, tmp_path):
    calibration = json.loads((training_run / "metrics.json").read_text())["calibration"]
    assert calibration["n_photos"] == 30 and calibration["n_folds"] == 5
    classifier = Classifier.load(training_run / "export.pkl")
    assert classifier.calibrated and classifier.temperature == calibration["temperature"]
    photo = training_run / "photos" / "red" / "00.png"
    calibrated = classifier.predict(photo)
    learn = load_learner(training_run / "export.pkl")
    learn.fieldguide = {**learn.fieldguide, "calibration": None}
    (tmp_path / "export.pkl").write_bytes(to_bytes(learn))
    plain = Classifier.load(tmp_path / "export.pkl")
    assert not plain.calibrated
    odds = {label: p ** (1 / classifier.temperature) for label, p in plain.predict(photo).probabilities.items()}
    assert calibrated.probabilities == pytest.approx(
        {label: p / sum(odds.values()) for label, p in odds.items()}, abs=1e-5
    )  # by torch here, by export.onnx above
    assert calibrated.label == plain.predict(photo).label


@pytest.mark.parametrize(
    "facts",
    [
        "text",
        [],
        {},
        {"temperature": None},
        {"temperature": float("nan")},
        {"temperature": 0},
        {"temperature": -1},
        {"temperature": 1e9},
        {"temperature": "hot"},
    ],
    ids=repr,
)
def test_data_that_makes_no_sense_is_left_out_and_logged(facts, caplog):
    assert read_temperature(facts) is None
    assert "cannot be used" in caplog.text


def test_committed_export_is_calibrated_out_of_fold():
    metrics = json.loads((ROOT / "metrics.json").read_text())
    calibration = metrics["calibration"]
    assert calibration["n_photos"] >= metrics["n_valid"]
    assert calibration["after"]["error"] <= 0.03
    assert Classifier.load(ROOT / "export.pkl").temperature == calibration["temperature"]
