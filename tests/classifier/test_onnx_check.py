"""classifier/inference/onnx_check.py: only what the exporter writes passes; otherwise export.pkl serves."""

import json
import logging
import shutil
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from classifier import Classifier
from classifier.files import sha256
from classifier.inference.compiled_copy import CompileError, engine_from_bytes, onnx_path, read_compiled
from classifier.inference.onnx_check import check_model
from classifier.inference.onnx_shapes import InvalidModel
from helpers.paths import EXAMPLE, ROOT

EXPORT = ROOT / "export.pkl"
SAID = {
    "labels": ["a", "b"],
    "head": None,
    "facts": {},
    "gives_probabilities": False,
    "n_features": None,
    "preprocess": {
        "mode": "RGB",
        "steps": [{"kind": "resize", "size": [8, 8], "method": "squish", "pad_mode": "zeros", "resample": 2}],
        "scale": 255.0,
        "mean": None,
        "std": None,
    },
}


def model(nodes, tensors=(), said=(), outputs=("logits",), size=8, opset=17) -> onnx.ModelProto:
    """A compiled copy of a few steps."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, size, size])
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", [image], given, list(tensors))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    for name, value in {**SAID, **dict(said)}.items():
        made.metadata_props.add(key=name, value=json.dumps(value))
    made.metadata_props.add(key="export_sha256", value="x")
    return made


def whole(name: str, *numbers: int) -> TensorProto:
    return numpy_helper.from_array(np.array(numbers, dtype=np.int64), name)


PLAIN = [helper.make_node("Flatten", ["image"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["logits"])]
WEIGHTS = [numpy_helper.from_array(np.random.default_rng(0).normal(size=(192, 2)).astype(np.float32), "w")]


def test_a_copy_of_a_few_steps_is_opened():
    engine, facts = engine_from_bytes(model(PLAIN, WEIGHTS).SerializeToString(), "export.onnx", "x")
    assert engine.labels == ["a", "b"] and facts == {}


def outside() -> onnx.ModelProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[192, 2], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "../../etc/passwd"), ("length", "40")):
        tensor.external_data.add(key=key, value=value)
    return model(PLAIN, [tensor])


def outside_in_an_attribute() -> onnx.ModelProto:
    tensor = outside().graph.initializer[0]
    return model([helper.make_node("Constant", [], ["w"], value=tensor), *PLAIN])


def outside_in_a_branch() -> onnx.ModelProto:
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["o"], value=outside().graph.initializer[0])],
        "b",
        [],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)],
    )
    condition = numpy_helper.from_array(np.array(True), "c")
    return model([helper.make_node("If", ["c"], ["w"], then_branch=branch, else_branch=branch), *PLAIN], [condition])


def loop() -> onnx.ModelProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"])],
        "b",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, [])],
    )
    return model(
        [helper.make_node("Loop", ["n", "c"], [], body=body), *PLAIN],
        [*WEIGHTS, numpy_helper.from_array(np.array(2**62), "n"), numpy_helper.from_array(np.array(True), "c")],
    )


def of_a_function() -> onnx.ModelProto:
    made = model(PLAIN, WEIGHTS)
    made.functions.append(
        helper.make_function(
            "", "Own", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], [helper.make_opsetid("", 17)]
        )
    )
    return made


def of_another_set() -> onnx.ModelProto:
    made = model([helper.make_node("Gelu", ["image"], ["logits"], domain="com.microsoft")])
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return made


def tile(*by: int) -> onnx.ModelProto:
    return model(
        [
            helper.make_node("Tile", ["image", "by"], ["much"]),
            helper.make_node("GlobalAveragePool", ["much"], ["logits"]),
        ],
        [whole("by", *by)],
    )


def tile_by_what_is_computed() -> onnx.ModelProto:
    return model(
        [
            helper.make_node("Shape", ["image"], ["shape"]),
            helper.make_node("Mul", ["shape", "much"], ["by"]),
            helper.make_node("Tile", ["image", "by"], ["logits"]),
        ],
        [whole("much", 1, 1, 1000, 1000)],
    )


def wide_kernel() -> onnx.ModelProto:
    """100,000 multiplications for each of 300 million results."""
    return model(
        [helper.make_node("Conv", ["image", "k"], ["logits"], pads=[8000] * 4)],
        [numpy_helper.from_array(np.zeros((1, 3, 200, 200), dtype=np.float32), "k")],
    )


def ends_of_a_range() -> onnx.ModelProto:
    return model(
        [
            helper.make_node("ReduceSum", ["image"], ["end"], keepdims=0),
            helper.make_node("Range", ["zero", "end", "step"], ["logits"]),
        ],
        [
            numpy_helper.from_array(np.array(0, dtype=np.float32), "zero"),
            numpy_helper.from_array(np.array(1e-9, dtype=np.float32), "step"),
        ],
    )


def numbers_that_are_missing() -> onnx.ModelProto:
    return model(PLAIN, [TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[192, 2], raw_data=bytes(8))])


def too_many_numbers() -> onnx.ModelProto:
    return model(
        [helper.make_node("ConstantOfShape", ["s"], ["much"]), helper.make_node("Add", ["much", "image"], ["logits"])],
        [whole("s", 1, 3, 100_000, 100_000)],
    )


HOSTILE = {
    "numbers of another file": (outside, "outside of itself"),
    "numbers of another file, in an attribute": (outside_in_an_attribute, "outside of itself"),
    "numbers of another file, in a branch": (outside_in_a_branch, "the operator 'If'"),
    "a loop": (loop, "the operator 'Loop'"),
    "a function": (of_a_function, "has parts"),
    "operators of another set": (of_another_set, "operators of another set"),
    "a photo a million times": (lambda: tile(1, 1, 10_000, 10_000), "more memory or time"),
    "as often as is computed": (tile_by_what_is_computed, "more memory or time"),
    "a wide kernel": (wide_kernel, "more memory or time"),
    "a size that the photo chooses": (ends_of_a_range, "a size"),
    "missing numbers": (numbers_that_are_missing, "has not the numbers"),
    "a constant of any size": (too_many_numbers, "more memory or time"),
}


@pytest.mark.parametrize("key", HOSTILE)
def test_what_no_copy_of_ours_has_is_refused_before_it_runs(key):
    make, says = HOSTILE[key]
    data, before = make().SerializeToString(), time.process_time()
    with pytest.raises(InvalidModel, match=says):
        check_model(data)
    assert time.process_time() - before < 5


@pytest.mark.parametrize("key", HOSTILE)
def test_the_export_itself_serves_where_its_copy_is_refused(key, tmp_path, caplog):
    shutil.copy(EXPORT, tmp_path / "export.pkl")
    made = HOSTILE[key][0]()
    next(one for one in made.metadata_props if one.key == "export_sha256").value = sha256(EXPORT)
    (tmp_path / "export.onnx").write_bytes(made.SerializeToString())
    with caplog.at_level(logging.WARNING):
        classifier = Classifier.load(tmp_path / "export.pkl")
    assert not classifier.compiled and classifier.predict(EXAMPLE).label == "teddy"
    lines = [record.message for record in caplog.records if "export.onnx is no compiled copy" in record.message]
    assert len(lines) == 1 and "\n" not in lines[0]


ODD = [
    {"labels": ["a"]},
    {"labels": ["a", "a"]},
    {"labels": "ab"},
    {"labels": [1, 2]},
    {"labels": ["a", "b" * 501]},
    {"labels": None},
    {"gives_probabilities": "no"},
    {"n_features": 7},
    {"facts": []},
    {"facts": None},
    {"head": {"means": True, "maxima": False, "layers": []}},
    {"head": 5},
    {"preprocess": None},
    {"preprocess": {**SAID["preprocess"], "scale": 0}},
    {"preprocess": {**SAID["preprocess"], "mode": "CMYK"}},
    {"preprocess": {**SAID["preprocess"], "steps": []}},
    {"preprocess": {**SAID["preprocess"], "steps": [{"kind": "crop_pad", "size": [9, 9], "pad_mode": "zeros"}]}},
]


@pytest.mark.parametrize("said", ODD, ids=str)
def test_words_that_do_not_fit_the_graph_are_an_error_in_one_line(said):
    with pytest.raises(CompileError, match="no compiled copy") as error:
        engine_from_bytes(model(PLAIN, WEIGHTS, said).SerializeToString(), "export.onnx", "x")
    assert "\n" not in str(error.value)


def test_whatever_is_changed_in_a_copy_it_opens_or_is_named():
    """Bytes of the real copy, changed at random: never anything but the engine or a CompileError."""
    data, rng = onnx_path(EXPORT).read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        changed = bytearray(data)
        low, n = (0, 40) if rng.random() < 0.5 else (len(data) - 9000, 4)
        for at in rng.integers(low, len(data), n):
            changed[at] = rng.integers(256)
        try:
            size = rng.integers(1, len(data)) if rng.random() < 0.2 else len(changed)
            engine_from_bytes(bytes(changed[:size]), "export.onnx", sha256(EXPORT))
        except CompileError as error:
            assert "\n" not in str(error)


def test_the_committed_copy_is_one_of_ours():
    check_model(onnx_path(EXPORT).read_bytes())
    assert read_compiled(onnx_path(EXPORT), sha256(EXPORT))[0].explains
