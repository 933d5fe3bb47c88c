"""training/evaluation/held_out.py: what is said of photos by models that had not seen them, kept in metrics.json."""

import json

import numpy as np
import pytest

from classifier.files import sha256
from helpers.photos import make_photos
from training.data.photos import get_photos
from training.evaluation.held_out import MAX_LABELS_KEPT, HeldOutPredictions
from training.evaluation.predictions import Predictions


def held_out_of(n: int, n_labels: int, familiarity: bool = True) -> HeldOutPredictions:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(n_labels, 0.3), n)
    return HeldOutPredictions(
        [f"label {i}" for i in range(n_labels)],
        [f"{i:064x}" for i in range(n)],
        rows,
        rng.random(n) if familiarity else None,
    )


def through_a_file(held_out: HeldOutPredictions) -> HeldOutPredictions:
    return HeldOutPredictions.from_metrics(json.loads(json.dumps({"held_out": held_out.to_data()})))


@pytest.mark.parametrize("n_labels", [2, 3, MAX_LABELS_KEPT])
@pytest.mark.parametrize("familiarity", [True, False])
def test_metrics_keep_every_answer(n_labels, familiarity):
    before = held_out_of(12, n_labels, familiarity)
    after = through_a_file(before)
    assert (after.labels, after.hashes) == (before.labels, before.hashes)
    assert after.probabilities == pytest.approx(before.probabilities, abs=1e-5)
    assert after.familiarity == (pytest.approx(before.familiarity, abs=1e-4) if familiarity else None)


def test_of_many_labels_the_most_probable_are_kept_and_the_rest_share_what_is_left():
    before = held_out_of(12, 20)
    after = through_a_file(before)
    assert {len(answer) for answer in before.to_data()["answers"].values()} == {MAX_LABELS_KEPT}
    assert after.probabilities.sum(1) == pytest.approx(np.ones(12), abs=1e-4)
    best = np.argsort(-before.probabilities, axis=1)[:, :MAX_LABELS_KEPT]
    assert np.take_along_axis(after.probabilities, best, 1) == pytest.approx(
        np.take_along_axis(before.probabilities, best, 1), abs=1e-5
    )
    assert (after.probabilities.argmax(1) == before.probabilities.argmax(1)).all()
    for row, kept in zip(after.probabilities, best):
        rest = np.delete(row, kept)
        assert np.ptp(rest) < 1e-12 and rest.min() >= 0


GOOD = {"labels": ["a", "b"], "answers": {"0": {"0": 0.9, "1": 0.1}}, "familiarity": None}


@pytest.mark.parametrize(
    "data",
    [
        None,
        5,
        "text",
        [],
        {},
        {**GOOD, "answers": {}},
        {**GOOD, "answers": None},
        {**GOOD, "answers": [["0", 1]]},
        {**GOOD, "labels": None},
        {**GOOD, "labels": 3},
        {**GOOD, "answers": {"0": {"2": 0.9}}},
        {**GOOD, "answers": {"0": {"first": 0.9}}},
        {**GOOD, "answers": {"0": {"0": "much"}}},
        {**GOOD, "answers": {"0": 0.9}},
        {**GOOD, "familiarity": {"other": 0.5}},
        {**GOOD, "familiarity": {"0": "near"}},
        {**GOOD, "familiarity": [0.5]},
        {**GOOD, "familiarity": 3},
        {**GOOD, "answers": {"0": {"0": float("nan"), "1": 0.1}}},
        {**GOOD, "answers": {"0": {"0": -5.0, "1": 0.1}}},
        {**GOOD, "answers": {"0": {"-1": 0.5}}},
        {**GOOD, "familiarity": {}},
        {**GOOD, "answers": {"0": {"0": 7, "1": 0.1}}},
        {**GOOD, "familiarity": {"0": float("nan")}},
    ],
    ids=repr,
)
def test_metrics_that_make_no_sense_hold_nothing(data):
    assert HeldOutPredictions.from_metrics({"held_out": data}) is None


def test_good_data_holds_answers_and_missing_data_none():
    assert HeldOutPredictions.from_metrics({"held_out": GOOD}).probabilities.tolist() == [[0.9, 0.1]]
    assert HeldOutPredictions.from_metrics({}) is None


@pytest.fixture
def kept(tmp_path):
    """Two photos each of three labels, and answers for the first four of them."""
    files = get_photos(make_photos(tmp_path / "photos", n=2))
    rows = np.eye(3)[[0, 0, 1, 2]]
    return files, HeldOutPredictions(["blue", "green", "red"], list(map(sha256, files[:4])), rows, np.arange(4) / 4)


def test_answers_are_for_the_photos_that_were_held_out(kept):
    files, held_out = kept
    predictions = held_out.predictions_for(files)
    assert predictions.files == files[:4] and predictions.n_wrong == 1
    assert predictions.targets.tolist() == [0, 0, 1, 1]
    assert predictions.familiarity.tolist() == [0, 0.25, 0.5, 0.75]
    assert held_out.hashes_of(files) == held_out.hashes
    assert held_out.predictions_for(files[4:]) is None


def test_answers_go_by_the_label_that_a_photo_has_now(kept):
    files, held_out = kept
    moved = files[3].rename(files[3].parent.parent / "red" / "moved.png")
    predictions = held_out.predictions_for([*files[:3], moved])
    assert predictions.files[-1] == moved and predictions.targets.tolist() == [0, 0, 1, 2] and predictions.n_wrong == 0


def test_a_photo_that_now_has_an_unknown_label_is_left_out(kept):
    files, held_out = kept
    (files[0].parent.parent / "purple").mkdir()
    moved = files[0].rename(files[0].parent.parent / "purple" / "0.png")
    assert held_out.predictions_for([moved, *files[1:4]]).files == files[1:4]


def test_errors_by_label_by_hand():
    answers = np.eye(3)[[0, 1, 1, 0, 1]]
    rows = Predictions([], ["a", "b", "c"], np.array([0, 0, 0, 0, 1]), answers).by_label()
    assert (rows["a"]["n"], rows["a"]["wrong"]) == (4, 2) and rows["a"]["low"] < 0.5 < rows["a"]["high"]
    assert (rows["b"]["n"], rows["b"]["wrong"], rows["b"]["low"]) == (1, 0, 0)
    assert rows["c"] == {"n": 0, "wrong": 0, "low": 0.0, "high": 1.0}
