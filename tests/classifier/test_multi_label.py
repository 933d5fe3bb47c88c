"""Exports with several labels a photo, or none: they open as data, and answer as stock fastai does."""

import json
import logging

import numpy as np
import onnx
import pytest
import torch
from fastai.data.block import CategoryBlock, MultiCategoryBlock
from fastai.learner import load_learner
from fastai.losses import BCELossFlat, BCEWithLogitsLossFlat, CrossEntropyLossFlat
from fastai.vision.augment import Resize
from PIL import Image
from torch import nn

from classifier import Classifier
from classifier.export import ExportError, read_export
from classifier.files import sha256
from classifier.inference.compiled_copy import CompileError, engine_from_bytes, read_compiled
from classifier.inference.multi_label import LabelCalibration, read_label_calibration, sigmoid
from classifier.inference.onnx_export import write_compiled
from classifier.inference.torch_engine import TorchEngine
from helpers.learners import NORMALIZE, TOLERANCE, export, label_as_list, make_learner
from helpers.paths import EXPORTS
from helpers.photos import noisy_photo

EXPECTED = json.loads((EXPORTS / "expected-several.json").read_text())["answers"]
BOOK = EXPORTS / "several-pascal.pkl"
PHOTO = Image.open(EXPORTS / "photo.png").convert("RGB")
N = 3  # labels of BOOK


def with_facts(folder, facts, name="several-pascal"):
    """Write a fixture again, with facts as our training stores them, and return its path."""
    learn = load_learner(EXPORTS / f"{name}.pkl")
    learn.fieldguide = facts
    return export(learn, folder)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("trusted", [False, True], ids=["as data", "trusted"])
def test_export_answers_as_stock_fastai(name, trusted, monkeypatch):
    monkeypatch.setenv("TRUST_EXPORT", "1" if trusted else "")
    classifier, expected = Classifier.load(EXPORTS / f"{name}.pkl"), EXPECTED[name]
    answer = classifier.predict(PHOTO)
    assert classifier.multi_label and not classifier.calibrated
    assert classifier.labels == list(expected["probabilities"])
    assert answer.probabilities == pytest.approx(expected["probabilities"], abs=TOLERANCE)
    assert set(answer.labels) == set(expected["labels"])
    assert classifier.thresholds == dict.fromkeys(classifier.labels, expected["threshold"])
    assert list(answer.probabilities.values()) == sorted(answer.probabilities.values(), reverse=True)
    assert list(answer.labels) == [label for label in answer.probabilities if label in answer.labels]
    assert answer.label == (answer.labels[0] if answer.labels else next(iter(answer.probabilities)))
    assert answer.is_none == (not answer.labels)


@pytest.mark.parametrize("name", EXPECTED)
def test_compiled_copy_gives_the_same_answer(name, tmp_path):
    (tmp_path / "export.pkl").write_bytes((EXPORTS / f"{name}.pkl").read_bytes())
    slow = Classifier.load(tmp_path / "export.pkl")
    write_compiled(tmp_path / "export.pkl")
    fast = Classifier.load(tmp_path / "export.pkl")
    assert fast.compiled and not slow.compiled and fast.multi_label
    ours, theirs = slow.predict(PHOTO), fast.predict(PHOTO)
    assert theirs.probabilities == pytest.approx(ours.probabilities, abs=TOLERANCE)
    assert theirs.labels == ours.labels and fast.thresholds == slow.thresholds


@pytest.mark.parametrize("name", EXPECTED)
def test_heatmap_of_each_label_sums_to_its_logit(name):
    classifier = Classifier.load(EXPORTS / f"{name}.pkl")
    assert classifier.explains == (name != "several-sigmoid"), "a sigmoid is no sum"
    if classifier.explains:
        scores, _ = classifier._engine.answer(PHOTO)
        for score, label in zip(scores, classifier.labels):
            heatmap = classifier.explain(PHOTO, label).heatmap
            assert heatmap.contributions.sum() + heatmap.bias == pytest.approx(score, abs=1e-4)
        explanation = classifier.explain(PHOTO)
        assert explanation.heatmap.label == explanation.prediction.label
        assert explanation.prediction == classifier.predict(PHOTO)


CALIBRATION = {"slopes": [2.0, 0.5, 1], "biases": [0.5, -3.0, 0.25]}


def test_each_label_is_calibrated_and_given_on_its_own(tmp_path):
    facts = {"calibration": CALIBRATION, "thresholds": [0.7, 0.2, 0.3]}
    plain, classifier = Classifier.load(BOOK), Classifier.load(with_facts(tmp_path, facts))
    scores = plain._engine.answer(PHOTO)[0]
    wanted = 1 / (1 + np.exp(-(scores * CALIBRATION["slopes"] + np.array(CALIBRATION["biases"]))))
    answer = classifier.predict(PHOTO)
    assert classifier.calibrated and classifier.thresholds == {"blue": 0.7, "green": 0.2, "sky": 0.3}
    assert [answer.probabilities[label] for label in classifier.labels] == pytest.approx(wanted)
    # blue is the most probable, but below its own threshold
    assert next(iter(answer.probabilities)) == "blue" and answer.labels == ("sky",) and answer.label == "sky"
    assert classifier.explain(PHOTO).heatmap.label == "sky"
    write_compiled(tmp_path / "export.pkl")
    compiled = Classifier.load(tmp_path / "export.pkl")
    assert compiled.compiled and compiled.calibrated and compiled.thresholds == classifier.thresholds
    assert compiled.predict(PHOTO).probabilities == pytest.approx(answer.probabilities, abs=TOLERANCE)


def test_photo_that_is_not_familiar_has_none_of_the_labels(tmp_path):
    n = TorchEngine(read_export(BOOK)).n_features
    reference = -torch.ones(6, n, dtype=torch.int8)
    facts = {"familiarity": {"reference": reference, "threshold": 0.9, "k": 1}, "thresholds": [0.01] * N}
    answer = Classifier.load(with_facts(tmp_path, facts)).predict(PHOTO)
    assert answer.familiar is False and answer.labels == () and answer.is_none
    assert answer.label == next(iter(answer.probabilities)), "what it would be, if it had to be one"


def test_thresholds_without_calibration_are_those_of_plain_sigmoids(tmp_path):
    classifier = Classifier.load(with_facts(tmp_path, {"thresholds": [0.1, 0.9, 0.9]}))
    assert not classifier.calibrated and classifier.predict(PHOTO).labels == ("blue",)


def test_calibration_without_thresholds_has_the_threshold_of_the_loss(tmp_path):
    classifier = Classifier.load(with_facts(tmp_path, {"calibration": CALIBRATION}, "several-threshold"))
    assert classifier.calibrated and set(classifier.thresholds.values()) == {0.2}


BROKEN = [
    {"calibration": "text"},
    {"calibration": {}},
    {"calibration": {"temperature": 1.5}},
    {"calibration": {**CALIBRATION, "slopes": [1.0, 1.0]}},
    {"calibration": {**CALIBRATION, "slopes": [1.0, 0.0, 1.0]}},
    {"calibration": {**CALIBRATION, "slopes": [1.0, -1.0, 1.0]}},
    {"calibration": {**CALIBRATION, "slopes": [1.0, 100.1, 1.0]}},
    {"calibration": {**CALIBRATION, "slopes": [1.0, True, 1.0]}},
    {"calibration": {**CALIBRATION, "slopes": "111"}},
    {"calibration": {**CALIBRATION, "slopes": {"blue": 1.0}}},
    {"calibration": {**CALIBRATION, "biases": [0.0, float("nan"), 0.0]}},
    {"calibration": {**CALIBRATION, "biases": [0.0, float("inf"), 0.0]}},
    {"calibration": {**CALIBRATION, "biases": [0.0, -100.1, 0.0]}},
    {"calibration": {**CALIBRATION, "biases": [0.0, 10**400, 0.0]}},
    {"calibration": {**CALIBRATION, "biases": [0.0, None, 0.0]}},
    {"calibration": {**CALIBRATION, "biases": [[0.0], [0.0], [0.0]]}},
    {"thresholds": []},
    {"thresholds": 0.5},
    {"thresholds": [0.5] * 4},
    {"thresholds": [0.5, 0.5, 0.0]},
    {"thresholds": [0.5, 0.5, 1.0]},
    {"thresholds": [0.5, 0.5, True]},
    {"thresholds": [0.5, 0.5, float("nan")]},
    {"thresholds": {"blue": 0.5}},
    {"calibration": CALIBRATION, "thresholds": [0.5, 0.5, "0.5"]},
    {"calibration": {**CALIBRATION, "slopes": None}, "thresholds": [0.1, 0.1, 0.1]},
]


@pytest.mark.parametrize("facts", BROKEN, ids=lambda facts: "")
def test_facts_that_make_no_sense_are_dropped_and_logged(facts, caplog):
    calibration, thresholds = read_label_calibration(facts, N, 0.4)
    assert calibration is None and thresholds.tolist() == [0.4] * N
    assert caplog.text.count("cannot be used") == 1


def test_broken_facts_in_an_export_leave_its_plain_answer(tmp_path, caplog):
    classifier = Classifier.load(with_facts(tmp_path, BROKEN[-1]))
    assert not classifier.calibrated and set(classifier.thresholds.values()) == {0.5}
    answer = classifier.predict(PHOTO)
    assert answer.probabilities == pytest.approx(EXPECTED["several-pascal"]["probabilities"], abs=TOLERANCE)


def test_facts_of_a_calibration_give_it_back_and_no_facts_are_none(caplog):
    made = LabelCalibration(np.array([2, 0.5, 100]), np.array([0.5, -100, 100]))
    read, thresholds = read_label_calibration({"calibration": json.loads(json.dumps(made.to_facts()))}, N, 0.5)
    scores = np.random.default_rng(0).normal(0, 50, (4, 2, N))
    assert (read.probabilities(scores) == made.probabilities(scores)).all() and thresholds.tolist() == [0.5] * N
    assert read_label_calibration({}, N, 0.5)[0] is None and not caplog.text


def test_sigmoid_of_any_number_is_a_probability():
    scores = np.array([-3e38, -1000.0, 0, 1000.0, 3e38], dtype=np.float32)
    assert sigmoid(scores).tolist() == pytest.approx([0, 0, 0.5, 1, 1])
    assert sigmoid(np.array(2.0)) == pytest.approx(float(torch.tensor(2.0).sigmoid()))


SEVERAL = {"y": MultiCategoryBlock, "get_y": label_as_list, "n_out": 3}
REFUSED = {
    "one label, loss for several": (
        {"y": CategoryBlock, "loss_func": BCEWithLogitsLossFlat()},
        "BCEWithLogitsLossFlat, a loss for several labels a photo",
    ),
    "one label, loss of probabilities": ({"y": CategoryBlock, "loss_func": BCELossFlat()}, "trained with BCELoss"),
    "several, loss for one label": ({**SEVERAL, "loss_func": CrossEntropyLossFlat()}, "a loss for one label a photo"),
    "several, torch's loss for one label": ({**SEVERAL, "loss_func": nn.NLLLoss()}, "a loss for one label a photo"),
    "several, other number of scores": (
        {**SEVERAL, "n_out": 7, "loss_func": BCEWithLogitsLossFlat()},
        "3 labels: not a classifier with a score for each label",
    ),
}


@pytest.mark.parametrize("key", REFUSED)
@pytest.mark.parametrize("trusted", [False, True], ids=["as data", "trusted"])
def test_loss_that_does_not_go_with_the_labels_is_refused_with_a_sentence(key, trusted, photos, tmp_path, monkeypatch):
    options, says = REFUSED[key]
    path = export(make_learner(photos, Resize(64), [], **options), tmp_path)
    monkeypatch.setenv("TRUST_EXPORT", "1" if trusted else "")
    with pytest.raises(ExportError, match=says) as refused:
        Classifier.load(path)
    assert str(refused.value).endswith(".")


class Focal(nn.Module):
    """A loss of somebody's own, without an activation."""


@pytest.mark.parametrize(
    "loss_func, last, multi",
    [
        (nn.BCEWithLogitsLoss(), None, False),
        (Focal(), None, False),
        (Focal(), nn.Sigmoid(), True),
        (nn.BCELoss(), nn.Sigmoid(), True),
        (BCELossFlat(), nn.Sigmoid(), True),
        (BCEWithLogitsLossFlat(), nn.Sigmoid(), False),  # fastai too gives a sigmoid of the sigmoid
    ],
    ids=["torch", "own", "own-sigmoid", "torch-bce-sigmoid", "bce-sigmoid", "twice"],
)
def test_outputs_are_scores_or_probabilities(loss_func, last, multi, photos, tmp_path):
    learn = make_learner(photos, Resize(64), [NORMALIZE], **SEVERAL, loss_func=loss_func)
    if last is not None:
        learn.model = nn.Sequential(learn.model, last)
    engine = TorchEngine(read_export(export(learn, tmp_path)))
    assert engine.gives_probabilities is multi
    photo = noisy_photo((200, 120, 40), 0)
    outputs = learn.model.eval()(torch.from_numpy(engine.preprocess(photo))[None])[0].detach()
    wanted = outputs if multi else outputs.sigmoid()
    assert sigmoid(engine.answer(photo)[0]) == pytest.approx(wanted.numpy(), abs=TOLERANCE)


def test_outputs_of_a_sigmoid_at_its_ends_have_finite_scores(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [], **SEVERAL, loss_func=BCELossFlat())
    nn.init.constant_(learn.model[1][-1].weight, 1e9)
    learn.model = nn.Sequential(learn.model, nn.Sigmoid())
    scores = TorchEngine(read_export(export(learn, tmp_path))).answer(PHOTO)[0]
    assert np.isfinite(scores).all()
    answer = Classifier.load(tmp_path / "export.pkl").predict(PHOTO)
    assert all(0 <= probability <= 1 for probability in answer.probabilities.values())


@pytest.mark.parametrize("thresh", [0, 1, -0.5, 7, True, "0.2", None, float("nan"), [0.2, 0.3, 0.4]], ids=str)
def test_threshold_that_is_none_becomes_a_half(thresh, photos, tmp_path):
    learn = make_learner(photos, Resize(64), [], **SEVERAL, loss_func=BCEWithLogitsLossFlat())
    learn.loss_func.thresh = thresh
    assert read_export(export(learn, tmp_path)).threshold == 0.5


def test_one_label_keeps_its_answer_without_new_keys(trained):
    classifier = Classifier.load(trained / "export.pkl")
    answer = classifier.predict(PHOTO)
    assert not classifier.multi_label and classifier.thresholds == {} and answer.labels is None
    assert list(answer.to_dict()) == ["label", "probabilities", "familiar", "familiarity", "neighbours"]


def changed_copy(folder, **metadata) -> tuple[bytes, str]:
    """Return a compiled copy of BOOK with other metadata, None to remove one, and the hash of its export."""
    path = folder / "export.pkl"
    path.write_bytes(BOOK.read_bytes())
    model = onnx.load(write_compiled(path))
    kept = [(one.key, one.value) for one in model.metadata_props if one.key not in metadata]
    del model.metadata_props[:]
    for key, value in [*kept, *((key, value) for key, value in metadata.items() if value is not None)]:
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString(), sha256(path)


@pytest.mark.parametrize(
    "metadata",
    [
        {"multi_label": "1"},
        {"multi_label": '"yes"'},
        {"multi_label": "null"},
        {"multi_label": "not JSON"},
        {"threshold": "true"},
        {"threshold": "0.0"},
        {"threshold": "1.0"},
        {"threshold": "NaN"},
        {"threshold": "1e400"},
        {"threshold": "[0.5]"},
        {"threshold": '{"dtype": "<f8", "shape": [1], "base64": ""}'},
    ],
    ids=str,
)
def test_metadata_of_a_copy_that_make_no_sense_are_refused(metadata, tmp_path):
    with pytest.raises(CompileError, match="no compiled copy"):
        engine_from_bytes(*_copy_arguments(*changed_copy(tmp_path, **metadata)))


def test_copy_of_an_earlier_version_has_one_label_a_photo(tmp_path):
    data, digest = changed_copy(tmp_path, multi_label=None, threshold=None)
    engine, _ = engine_from_bytes(*_copy_arguments(data, digest))
    assert engine.multi_label is False and engine.threshold == 0.5


def test_committed_copies_without_the_keys_still_serve(trained):
    engine, _ = read_compiled(trained / "export.onnx", sha256(trained / "export.pkl"))
    assert engine.multi_label is False


def _copy_arguments(data: bytes, digest: str) -> tuple[bytes, str, str]:
    return data, "export.onnx", digest


def test_export_with_broken_targets_is_refused(photos, tmp_path, caplog):
    """Several labels are those of fastai's own transforms, in their order, with nothing after them."""
    learn = make_learner(photos, Resize(64), [], **SEVERAL, loss_func=BCEWithLogitsLossFlat())
    for loader in learn.dls.loaders:
        loader.dataset.tls[1].tfms.fs = loader.dataset.tls[1].tfms.fs[:-1]
    with caplog.at_level(logging.WARNING), pytest.raises(ExportError, match="one label a photo or several"):
        read_export(export(learn, tmp_path))
