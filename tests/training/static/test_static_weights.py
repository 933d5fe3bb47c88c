"""training/static/half_weights.py and check.py: half weights are published where the answers stay the same."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from fastcore.script import CliError
from onnx import TensorProto, helper, numpy_helper

from classifier import Prediction
from classifier.files import sha256
from helpers.paths import ROOT
from helpers.photos import make_photos
from training.static import __main__ as command
from training.static import check, half_weights
from training.static.check import check_half_weights, photos_to_compare
from training.static.half_weights import halved, with_half_weights
from training.static.model import CompiledModel


def test_large_weights_take_half_and_all_else_stays(model):
    before, after = onnx.load_from_string(model.data), onnx.load_from_string(with_half_weights(model.data))
    assert after.metadata_props == before.metadata_props and after.opset_import == before.opset_import
    assert [one for one in after.graph.node if one.op_type != "Cast"] == [
        one for one in before.graph.node if one.op_type != "Cast"
    ]
    large = [one for one in before.graph.initializer if np.prod(one.dims) >= half_weights.LEAST]
    half = [one for one in after.graph.initializer if one.data_type == TensorProto.FLOAT16]
    assert len(half) == len(large) > 10 and {f"{one.name}_half" for one in large} == {one.name for one in half}
    small = {one.name: one for one in before.graph.initializer if one not in large}
    assert {one.name: one for one in after.graph.initializer if one not in half} == small
    assert len(with_half_weights(model.data)) < 0.6 * len(model.data)


@pytest.mark.parametrize("scale, taken", [(1, True), (1e5, False), (1e-7, False), (np.nan, False), (0, True)])
def test_weights_that_16_bits_cannot_hold_stay(scale, taken):
    weights = (np.random.default_rng(0).standard_normal((200, 200)) * scale).astype(np.float32)
    assert (halved(weights) is not None) == taken


def test_numbers_of_other_kinds_and_names_that_are_taken_stay():
    def tensor(name, dtype):
        return numpy_helper.from_array(np.ones((200, 200), dtype), name)

    whole = [tensor("a", np.int64), tensor("b", np.float64), tensor("c", np.float32), tensor("c_half", np.float32)]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, (200, 200))
    graph = helper.make_graph([helper.make_node("MatMul", ["c", "c_half"], ["y"])], "g", [], [out], whole)
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    kinds = {one.name: one.data_type for one in onnx.load_from_string(with_half_weights(data)).graph.initializer}
    kept = {"a": TensorProto.INT64, "b": TensorProto.DOUBLE, "c": TensorProto.FLOAT}
    assert kinds == {**kept, "c_half_half": TensorProto.FLOAT16}


def doctored(model: CompiledModel, change) -> CompiledModel:
    """Return a model whose largest tensor was changed."""
    loaded = onnx.load_from_string(model.data)
    tensor = max(loaded.graph.initializer, key=lambda one: np.prod(one.dims))
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)).astype(np.float32), tensor.name))
    return CompiledModel.from_bytes(loaded.SerializeToString(), model.classifier.version)


EXAMPLES = [ROOT / "examples" / name for name in ("teddy-1.jpg", "other-mug.jpg")]


def test_the_committed_model_answers_the_same_with_half_weights(model):
    half = CompiledModel.from_bytes(with_half_weights(model.data), model.classifier.version)
    told = check_half_weights(model.classifier, half.classifier, [*EXAMPLES, ROOT / "README.md"])
    assert (told.n, told.ties) == (2, 0) and 0 < told.largest < check.TOLERANCE


@pytest.mark.parametrize(
    ("expected", "given", "tie"),
    [
        (Prediction("a", {"a": 0.4956, "b": 0.4949}), Prediction("b", {"b": 0.4953, "a": 0.4951}), True),
        (Prediction("a", {"a": 0.6, "b": 0.4}), Prediction("b", {"b": 0.6, "a": 0.4}), False),
        (Prediction("a", {"a": 1}, 0.7001, True), Prediction("a", {"a": 1}, 0.6999, False), True),
        (Prediction("a", {"a": 1}, 0.72, True), Prediction("a", {"a": 1}, 0.69, False), False),
        (Prediction("a", {"a": 0.302}, labels=("a",)), Prediction("a", {"a": 0.299}, labels=()), True),
        (Prediction("a", {"a": 0.4}, labels=("a",)), Prediction("a", {"a": 0.2}, labels=()), False),
        (Prediction("a", {"a": 1}, 0.7001, True, ("a",)), Prediction("a", {"a": 1}, 0.6999, False, ()), True),
    ],
    ids=["labels", "other label", "familiar", "unfamiliar", "threshold", "another set", "none, since not familiar"],
)
def test_what_the_whole_weights_hardly_decide_is_a_tie(expected, given, tie):
    full = SimpleNamespace(familiarity=SimpleNamespace(threshold=0.7), thresholds={"a": 0.3, "b": 0.3})
    assert check.is_tie(full, expected, given) is tie


def test_another_label_is_refused(model):
    other = doctored(model, lambda weights: -weights)
    with pytest.raises(
        CliError, match=r"teddy-1\.jpg is .* instead of teddy \(a probability differs by 0\.\d+\)\. Nothing"
    ):
        check_half_weights(model.classifier, other.classifier, EXAMPLES)


def test_another_familiarity_is_refused(model):
    strict = CompiledModel.from_bytes(model.data, model.classifier.version).classifier
    strict.familiarity = replace(strict.familiarity, threshold=0.99)
    with pytest.raises(
        CliError, match=r"teddy-1\.jpg is teddy \(not familiar\) instead of teddy \(a probability differs by 0\.0000\)"
    ):
        check_half_weights(model.classifier, strict, EXAMPLES)


@pytest.mark.parametrize("photos", [EXAMPLES, []], ids=["photos", "drawn pictures alone"])
def test_another_probability_is_refused(model, photos):
    other = doctored(model, lambda weights: weights * 1.02)
    with pytest.raises(CliError, match=r"a probability differs by 0\.\d{4}, more than 0\.005"):
        check_half_weights(model.classifier, other.classifier, photos)


def test_a_model_that_needs_whole_weights_is_not_written(npm, tmp_path, monkeypatch):
    monkeypatch.setattr(half_weights, "halved", lambda weights: (weights * 1.05).astype(np.float16))
    with pytest.raises(CliError, match="Say --fp32"):
        command.main(str(ROOT / "export.pkl"), str(tmp_path / "site"))
    assert not (tmp_path / "site").exists()
    command.main(str(ROOT / "export.pkl"), str(tmp_path / "site"), fp32=True)
    assert (tmp_path / "site" / "model.onnx").read_bytes() == (ROOT / "export.onnx").read_bytes()


def test_photos_that_were_held_out_are_compared_on(trained):
    photos = photos_to_compare(str(trained / "photos"), str(trained / "export.pkl"))
    held_out = json.loads((trained / "metrics.json").read_text())["held_out"]["answers"]
    assert {sha256(photo) for photo in photos} == set(held_out)


def test_of_other_photos_an_even_sample_is_compared_on(tmp_path, monkeypatch):
    folder = make_photos(tmp_path / "photos")
    everything = photos_to_compare(str(folder), str(ROOT / "export.pkl"))
    assert len(everything) == len(list(folder.rglob("*.*")))
    monkeypatch.setattr(check, "MOST_PHOTOS", 4)
    sample = photos_to_compare(str(folder), str(ROOT / "export.pkl"))
    assert len(sample) == 4 and sample[0] == everything[0] and sample[-1] == everything[-1]
    (tmp_path / "empty").mkdir()
    with pytest.raises(CliError, match="there are no photos"):
        photos_to_compare(str(tmp_path / "empty"), "export.pkl")
