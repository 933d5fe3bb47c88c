"""training/train: several labels a photo, or none: probe, calibration, thresholds, familiarity, and a tiny run."""

import json
from pathlib import Path

import numpy as np
import pytest
from fastai.learner import load_learner
from fastai.vision.core import PILImage
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from classifier import Classifier
from helpers.commands import train
from helpers.photos import make_pairs
from training.data.drawn_split import strata
from training.data.labels import Labels, read_labels
from training.data.photos import get_photos, readable_photos
from training.evaluation.held_out import HeldOutPredictions
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.evaluation.predict import predict_labelled
from training.metrics import read_metrics
from training.train.__main__ import main
from training.train.probes.cross_validation import assign_folds, cross_validate
from training.train.probes.multi_label import AnyOf, MultiLabelPath
from training.train.probes.multi_label_calibration import (
    HIGHEST,
    calibrate_labels,
    choose_thresholds,
    fit_label_calibration,
    measure_labels,
)
from training.train.several_labels import SeveralLabels
from training.train.task import Scored

RNG = np.random.default_rng(0)


def marked(n: int = 120, n_labels: int = 3, n_features: int = 20, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, 1, D) features and (N, C) marks: each label adds a direction of its own."""
    rng = np.random.default_rng(n)
    marks = rng.random((n, n_labels)) < 0.35
    return (marks @ rng.normal(size=(n_labels, n_features)) + rng.normal(0, noise, (n, n_features)))[:, None], marks


def test_probe_is_a_logistic_regression_of_each_label():
    features, marks = marked()
    ours = MultiLabelPath(features, marks).at(0.1).scores(features[:, 0])
    x = (features[:, 0] - features[:, 0].mean(0)) / np.sqrt(features[:, 0].var(0) + 1e-5)
    for i in range(marks.shape[1]):
        theirs = LogisticRegression(C=0.1, tol=1e-6, max_iter=1000).fit(x, marks[:, i]).decision_function(x)
        assert ours[:, i] == pytest.approx(theirs, abs=0.02)


def test_views_of_a_photo_count_as_one():
    features, marks = marked()
    one, four = (MultiLabelPath(features.repeat(n, 1), marks).at(0.1) for n in (1, 4))
    assert one.weight == pytest.approx(four.weight, abs=0.01)


def test_out_of_fold_scores_find_labels_and_not_noise():
    folds = np.arange(120) % 5
    features, marks = marked()
    scores = cross_validate(features, marks, folds, AnyOf())[1][:, 0]
    assert ((scores > 0) == marks).mean() > 0.9
    shuffled = RNG.permutation(marks)
    noise = cross_validate(features, shuffled, folds, AnyOf())[1][:, 0]
    assert (noise[shuffled] > noise[~shuffled].mean()).mean() < 0.65


def test_calibration_is_one_of_each_label():
    truth = RNG.normal(size=(4000, 2)) * 3
    marks = RNG.random(truth.shape) < expit(truth)
    scores = truth * [4, 0.5] + [3, -2]  # one far too sure, one not sure enough, both off
    found = fit_label_calibration(scores[:, None], marks)
    assert found.slopes == pytest.approx([0.25, 2], rel=0.1) and found.biases == pytest.approx([-0.75, 4], abs=0.3)
    recorded = calibrate_labels(scores[:, None], marks, np.arange(4000) % 5)
    assert recorded["before"]["error"] > 0.1 and recorded["after"]["error"] < 0.03
    assert len(recorded["after"]["by_label"]) == 2


def test_a_label_with_few_photos_is_calibrated_like_the_others():
    truth = RNG.normal(size=(300, 4)) * 3
    marks = RNG.random(truth.shape) < expit(truth)
    marks[:, 3] = False
    marks[truth[:, 3].argmax(), 3] = True  # a single photo, the surest one
    slopes = fit_label_calibration(2 * truth[:, None], marks).slopes
    assert slopes[:3] == pytest.approx(0.5, rel=0.35) and 0.1 < slopes[3] < 2


def test_scores_without_numbers_are_not_calibrated(capsys):
    assert calibrate_labels(np.full((6, 1, 2), np.nan), np.eye(6, 2, dtype=bool), np.arange(6) % 2) is None
    assert "no numbers" in capsys.readouterr().out


def test_threshold_has_the_best_f1_that_is_to_be_expected():
    probabilities = np.array([[0.9], [0.8], [0.4], [0.1], [0.0]])
    # 1: 1.8 / 3.2; 2: 3.4 / 4.2; 3: 4.2 / 5.2; 4: 4.4 / 6.2 ... so two photos
    assert choose_thresholds(probabilities) == pytest.approx([0.6])


def test_threshold_of_a_wanted_precision_is_the_lowest_that_has_it():
    probabilities = np.array([[0.95], [0.9], [0.7], [0.3], [0.1]])
    assert choose_thresholds(probabilities, 0.85) == pytest.approx([0.5])  # 0.85 of three
    assert choose_thresholds(probabilities, 0.99) == pytest.approx([HIGHEST])


def test_perfect_probabilities_have_no_calibration_error():
    marks = np.eye(4, 3, dtype=bool)
    assert measure_labels(marks[:, None].astype(float), marks)["error"] == 0


def test_folds_spread_each_label_and_leave_some_of_each_to_learn_from():
    labels = [("a",)] * 20 + [("a", "b")] * 10 + [()] * 10
    folds = assign_folds(labels, [str(i) for i in range(40)], 5)
    for kind in set(labels):
        counts = np.bincount([fold for fold, own in zip(folds, labels) if own == kind], minlength=5)
        assert counts.max() - counts.min() <= 2
    assert strata(labels) == ["a"] * 20 + ["b"] * 10 + [""] * 10


def test_a_fold_never_holds_out_all_photos_that_lack_a_label():
    assert assign_folds([("a",)] * 20, [str(i) for i in range(20)], 5).max() == 4  # all show it: nothing to hold out
    assert assign_folds([("a", "b")] + [("a",)] * 20 + [()] * 9, [str(i) for i in range(30)], 5) is None


def several(n_labels: int = 3) -> SeveralLabels:
    return SeveralLabels([f"label {i}" for i in range(n_labels)], Labels({}))


def test_familiarity_is_learned_from_photos_with_labels():
    rng = np.random.default_rng(1)
    directions = 10 * np.eye(4, 30)
    kinds = [(0,), (1,), (2,), (0, 1), (1, 2)]
    marks = np.zeros((120, 3), dtype=bool)
    rows = []
    for i in range(100):
        marks[i, list(kinds[i % 5])] = True
        rows.append(directions[list(kinds[i % 5])].mean(0))
    rows += [directions[3]] * 20  # without a label, and like nothing else
    features = (np.array(rows) + rng.normal(0, 0.3, (120, 30))).astype(np.float32)
    known, metrics, scores = several().fit_familiarity(
        features[:, None], marks, np.arange(120) % 5, [(np.arange(120), features)]
    )
    assert (scores[:100] >= known.threshold).mean() >= 0.95
    assert (scores[100:] < known.threshold).all()
    assert metrics.accepted >= 0.95 and metrics.left_out[0]["n"] == 20
    assert metrics.left_out[2]["unfamiliar"] > 0.9  # alone it lies near no pair


def test_labels_of_held_out_photos_follow_the_thresholds_of_the_other_folds():
    scores = np.array([[4.0], [3.0], [-3.0], [-4.0], [9.0], [8.0]])
    of = Scored([str(i) for i in range(6)], scores, np.array([0, 1, 0, 1, -1, -1]), None, scores > 0)
    held_out, thresholds = several(1).held_out(of, None)
    assert held_out.predicted_labels.ravel().tolist() == [True, True, False, False, True, True]
    assert thresholds == pytest.approx(choose_thresholds(expit(scores[:4])))


def predictions() -> MultiLabelPredictions:
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=bool)
    probabilities = np.array([[0.9, 0.2, 0.1], [0.6, 0.7, 0.2], [0.7, 0.1, 0.1], [0.1, 0.3, 0.4]])
    return MultiLabelPredictions([], ["a", "b", "c"], targets, probabilities, predicted_labels=probabilities > 0.5)


def test_figures_of_each_label_by_hand():
    rows = predictions().by_label()
    assert (rows["a"]["n"], rows["a"]["said"], rows["a"]["found"]) == (2, 3, 2)
    assert rows["a"]["precision"] == pytest.approx(2 / 3, abs=1e-4) and rows["a"]["recall"] == 1
    assert rows["a"]["average_precision"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-4)
    assert rows["b"]["average_precision"] == 1 and rows["b"]["recall"] == 0.5
    assert (
        rows["c"]["n"] == 0 and rows["c"]["precision"] is rows["c"]["recall"] is rows["c"]["average_precision"] is None
    )


def test_figures_of_all_labels_by_hand():
    of = predictions()
    assert of.right.tolist() == [True, True, False, False] and of.n_wrong == 2
    assert of.mean_average_precision == pytest.approx((5 / 6 + 1) / 2)
    assert of.losses[0] == pytest.approx(-np.log([0.9, 0.8, 0.9]).mean())
    assert [of.answer(i) for i in range(4)] == ["a", "a|b", "a", "no label"]
    assert [of.truth(i) for i in range(4)] == ["a", "a|b", "no label", "b"]
    assert of.co_occurrence().tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert of.top_losses(1) == [3]


def test_held_out_predictions_come_back_from_metrics(tmp_path):
    labels = read_labels(make_pairs(tmp_path / "data", 1))
    of = predictions()
    hashes = [f"{i:064x}" for i in range(4)]
    kept = HeldOutPredictions(of.vocab, hashes, of.probabilities, np.arange(4) / 4, of.predicted)
    again = HeldOutPredictions.from_metrics({"held_out": json.loads(json.dumps(kept.to_data()))})
    assert again.probabilities == pytest.approx(of.probabilities)
    assert (again.predicted_labels == of.predicted).all()
    assert again.predictions_for(sorted(labels.listed), labels) is None  # other photos


@pytest.fixture(scope="module")
def pairs_run(tmp_path_factory):
    """A training on photos of one colour, of two and of none."""
    folder = tmp_path_factory.mktemp("pairs")
    make_pairs(folder / "data")
    run = train(folder / "data", "--out", folder / "export.pkl", "--quick")
    assert run.returncode == 0, run.stderr
    (folder / "log.txt").write_text(run.stdout)
    return folder


def test_run_tells_labels_that_are_all_right_and_records_each_label(pairs_run):
    log, metrics = (pairs_run / "log.txt").read_text(), read_metrics(pairs_run / "export.pkl")
    assert "mean average precision" in log.splitlines()[-1] and "a label too many or too few" in log.splitlines()[-1]
    assert set(metrics["by_label"]) == {"blue", "green", "red"}
    assert metrics["photos"]["blue"]["train"] == 30 and metrics["n_train"] == 70
    recorded = metrics["several_labels"]
    assert recorded["n_with_several"] == 30 and recorded["n_without"] == 10
    assert recorded["mean_average_precision"] > 0.9 and set(recorded["thresholds"]) == set(metrics["by_label"])


def test_export_answers_several_labels_one_or_none(pairs_run):
    classifier = Classifier.load(pairs_run / "export.pkl")
    assert classifier.multi_label and classifier.calibrated and set(classifier.thresholds) == {"blue", "green", "red"}
    photos = readable_photos(pairs_run / "data")
    predictions, _ = predict_labelled(classifier, photos.train, labels=photos.labels)
    assert isinstance(predictions, MultiLabelPredictions) and predictions.right.mean() > 0.8
    pair = next(file for file in photos.train if len(photos.labels(file)) == 2)
    answer = classifier.predict(pair)
    assert set(answer.labels) <= {"blue", "green", "red"} and answer.label == answer.labels[0]


def test_stock_fastai_opens_the_export(pairs_run):
    learn = load_learner(pairs_run / "export.pkl")
    photo = get_photos(pairs_run / "data")[0]
    with learn.no_bar(), learn.no_logging():
        probabilities = learn.predict(PILImage.create(photo))[2]
    assert list(learn.dls.vocab) == ["blue", "green", "red"] and len(probabilities) == 3


def test_a_wanted_precision_makes_thresholds_higher(pairs_run, tiny_training):
    best, precise = (train_here(pairs_run, f"{precision}.pkl", precision) for precision in (0, 0.99))
    assert all(precise[label] >= best[label] for label in best) and precise != best


def train_here(folder: Path, name: str, precision: float) -> dict[str, float]:
    """Train on the folder's photos; return the thresholds."""
    main(str(folder / "data"), out=str(folder / name), quick=True, image_size=32, folds=2, precision=precision)
    return read_metrics(folder / name)["several_labels"]["thresholds"]


def test_a_precision_that_cannot_be_is_refused(pairs_run):
    refused = train(pairs_run / "data", "--precision", "1.5")
    assert refused.returncode == 1 and "--precision 1.5" in refused.stderr
