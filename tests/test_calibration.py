"""training/folds.py and calibration.py: "90%" comes to mean right 9 times in 10, from photos held out in turn."""
import json

import numpy as np
import pytest
from fastai.learner import load_learner

from classifier import Classifier
from classifier.trust import TEMPERATURES, probabilities, read_temperature
from conftest import ROOT, make_photos, train
from training.calibration import calibrate, calibration_error, fit_temperature, learn_calibration, reliability
from training.data import get_photos
from training.export import to_bytes
from training.folds import N_VIEWS, OutOfFold, assign_folds, of_validation, out_of_fold
from training.train import train as fit_learner


def overconfident(n: int = 4000, n_labels: int = 3, by: float = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, 1, C) scores and (N,) targets, where the true probabilities are the softmax of scores / by."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1.5, (n, n_labels))
    targets = np.array([rng.choice(n_labels, p=row) for row in probabilities(scores)])
    return (scores * by)[:, None], targets


def answers_of(scores: np.ndarray, targets: np.ndarray, n_folds: int = 5) -> OutOfFold:
    return OutOfFold([], ["a", "b", "c"], np.arange(len(targets)) % n_folds, targets, scores.repeat(N_VIEWS, 1))


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
    result = calibrate(answers_of(*overconfident()))
    assert result["before"]["error"] > 0.15
    assert result["after"]["error"] < 0.03
    assert result["temperature"] == pytest.approx(3, rel=0.1)
    assert result["n_folds"] == 5 and result["n_photos"] == 4000


@pytest.mark.parametrize("n", [20, 400])
def test_a_model_that_is_never_wrong_is_not_made_infinitely_sure(n):
    targets = np.arange(n) % 3
    result = calibrate(answers_of(np.eye(3)[targets][:, None] * 8.0, targets))
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
    assert calibrate(answers_of(scores, targets)) is None


def test_folds_hold_out_each_photo_once_spread_labels_and_keep_copies_together():
    labels = ["a"] * 20 + ["b"] * 10
    hashes = [str(i // 2) for i in range(30)]  # each photo twice
    folds = assign_folds(labels, hashes, 5)
    assert sorted(set(folds)) == [0, 1, 2, 3, 4]
    assert all(folds[i] == folds[i + 1] for i in range(0, 30, 2))
    for label in "ab":
        counts = np.bincount([fold for fold, own in zip(folds, labels) if own == label], minlength=5)
        assert counts.max() - counts.min() <= 2


def test_few_photos_make_fewer_folds_or_none():
    assert assign_folds(["a"] * 9 + ["b"] * 3, [str(i) for i in range(12)], 5).max() == 2
    assert assign_folds(["a"] * 9 + ["b"] * 9, ["same"] * 9 + [str(i) for i in range(9)], 5) is None


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Photos, a function that trains on them, and what it said out of fold."""
    photos = get_photos(make_photos(tmp_path_factory.mktemp("folds") / "photos", n=5))
    held_out = []

    def fit(hashes):
        held_out.append(hashes)
        return fit_learner(photos, "squeezenet1_1", epochs=1, image_size=64, batch_size=8, pretrained=False,
                           valid_pct=0, keep=hashes, quiet=True)[0]

    return photos, held_out, out_of_fold(photos, fit, 2)


def test_out_of_fold_answers_each_photo_by_a_model_that_did_not_learn_from_it(tiny):
    photos, held_out, answers = tiny
    assert answers.files == photos and answers.vocab == ["blue", "green", "red"]
    assert answers.scores.shape == (15, N_VIEWS, 3) and np.isfinite(answers.scores).all()
    assert [answers.vocab[i] for i in answers.targets] == [file.parent.name for file in photos]
    assert len(held_out) == 2 and not set(held_out[0]) & set(held_out[1])
    assert len(held_out[0]) + len(held_out[1]) == 15
    assert answers.wrong().shape == (N_VIEWS,)


def test_validation_photos_stand_in_for_folds_where_they_are_enough(tiny, monkeypatch):
    photos, _, _ = tiny
    learn = fit_learner(photos, "squeezenet1_1", epochs=1, image_size=64, batch_size=8, pretrained=False)[0]
    assert of_validation(learn, 9).scores.shape == (3, N_VIEWS, 3)
    monkeypatch.setattr("training.calibration.ENOUGH", 3)
    assert learn_calibration(learn, photos, None)["n_folds"] == 2  # nothing was fitted again


def test_training_calibrates_and_the_export_serves_it(trained, tmp_path):
    calibration = json.loads((trained / "metrics.json").read_text())["calibration"]
    assert calibration["n_photos"] == 30 and calibration["n_folds"] == 5
    classifier = Classifier.load(trained / "export.pkl")
    assert classifier.calibrated and classifier.temperature == calibration["temperature"]
    photo = trained / "photos" / "red" / "00.png"
    calibrated = classifier.predict(photo)
    learn = load_learner(trained / "export.pkl")
    learn.fieldguide = {**learn.fieldguide, "calibration": None}
    (tmp_path / "export.pkl").write_bytes(to_bytes(learn))
    plain = Classifier.load(tmp_path / "export.pkl")
    assert not plain.calibrated
    odds = {label: p ** (1 / classifier.temperature) for label, p in plain.predict(photo).probabilities.items()}
    assert calibrated.probabilities == pytest.approx({label: p / sum(odds.values()) for label, p in odds.items()},
                                                     abs=1e-5)  # by torch here, by export.onnx above
    assert calibrated.label == plain.predict(photo).label


def test_no_folds_leave_it_out_and_say_so(photos, tmp_path):
    run = train(photos, "--folds", "0", "--out", tmp_path / "export.pkl")
    assert run.returncode == 0 and "--folds 0: the probabilities stay plain softmax" in run.stdout
    assert json.loads((tmp_path / "metrics.json").read_text())["calibration"] is None
    assert not Classifier.load(tmp_path / "export.pkl").calibrated


@pytest.mark.parametrize("facts", ["text", [], {}, {"temperature": None}, {"temperature": float("nan")},
                                   {"temperature": 0}, {"temperature": -1}, {"temperature": 1e9},
                                   {"temperature": "hot"}], ids=repr)
def test_data_that_makes_no_sense_is_left_out_and_logged(facts, caplog):
    assert read_temperature(facts) is None
    assert "cannot be used" in caplog.text


def test_committed_export_is_calibrated_out_of_fold():
    metrics = json.loads((ROOT / "metrics.json").read_text())
    calibration = metrics["calibration"]
    assert calibration["n_photos"] == metrics["n_train"] + metrics["n_valid"]
    assert calibration["after"]["error"] <= 0.03
    assert Classifier.load(ROOT / "export.pkl").temperature == calibration["temperature"]
