"""Check a compiled copy before it is loaded: it may hold only what `classifier.inference.onnx_export` writes.

    check_model(data)

Operators come from a list without loops, branches, calls and file access; all numbers lie in the file itself; and the
shape of each result is inferred for one photo, so that memory and time are known before the model runs.
"""

import math
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

OPERATORS = set(
    """
    Abs Add And ArgMax AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv
    ConvTranspose Cos CumSum DepthToSpace Div Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements
    Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity
    InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Min Mish
    Mod Mul Neg Not Or PRelu Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceSum
    Relu Reshape Resize Round ScatterND Selu Shape Sigmoid Sign Sin Slice Softmax Softplus Softsign SpaceToDepth
    Split Sqrt Squeeze Sub Sum Tanh Tile TopK Transpose Trilu Unsqueeze Where""".split()
)
OUTPUTS = ("logits", "cells", "features")
OPSETS = range(11, 22)
TYPES = {
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.DOUBLE,
    TensorProto.INT64,
    TensorProto.INT32,
    TensorProto.BOOL,
    TensorProto.INT8,
    TensorProto.UINT8,
}
MAX_STEPS = 50_000  # a large network has some thousand
MAX_RESULT = 300_000_000  # numbers of one result, 1.2 GB
MAX_NUMBERS = 3_000_000_000  # of all results together
MAX_WORK = 700_000_000_000  # multiplications; the largest networks for photos take half of that
MAX_VALUES = 10_000  # numbers of a result whose values are computed too, such as a shape


class InvalidModel(ValueError):
    """Raised for a file that is no compiled copy; the message follows "it"."""


def check_model(data: bytes) -> None:
    """Raise InvalidModel, or any error of protobuf or onnx, for a file that `to_onnx` does not write."""
    model = onnx.load_from_string(data)
    graph = model.graph
    if model.functions or model.training_info or graph.sparse_initializer or graph.quantization_annotation:
        raise InvalidModel("has parts that no compiled copy has")
    if [(one.domain, one.version in OPSETS) for one in model.opset_import] != [("", True)]:
        raise InvalidModel("uses operators of another set")
    if len(graph.node) > MAX_STEPS:
        raise InvalidModel(f"has more than {MAX_STEPS} steps")
    if (
        [one.name for one in graph.input] != ["image"]
        or not graph.output
        or any(one.name not in OUTPUTS for one in graph.output)
    ):
        raise InvalidModel("takes or gives something else than a compiled copy")
    for tensor in graph.initializer:
        _check_tensor(tensor)
    for node in graph.node:
        _check_node(node)
    _ShapeInference(model).run()


def _check_node(node: onnx.NodeProto) -> None:
    if node.domain or node.op_type not in OPERATORS:
        raise InvalidModel(f"has the operator {node.op_type[:80]!r}, which no compiled copy has")
    for attribute in node.attribute:
        if attribute.HasField("t"):
            _check_tensor(attribute.t)
        if (
            attribute.HasField("g")
            or attribute.HasField("sparse_tensor")
            or attribute.HasField("tp")
            or attribute.graphs
            or attribute.tensors
            or attribute.sparse_tensors
            or attribute.type_protos
            or attribute.ref_attr_name
        ):
            raise InvalidModel(f"has a program in an attribute of {node.op_type}")


def _check_tensor(tensor: TensorProto) -> None:
    """Raise InvalidModel for numbers that are not in the file, or not as many as the shape has."""
    if tensor.data_location != TensorProto.DEFAULT or tensor.external_data or tensor.HasField("segment"):
        raise InvalidModel("keeps numbers outside of itself")
    if tensor.data_type not in TYPES or any(side < 0 for side in tensor.dims):
        raise InvalidModel("has numbers of a kind that no compiled copy has")
    size = math.prod(tensor.dims)
    width = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    fields = (
        len(tensor.raw_data) // width,
        len(tensor.float_data),
        len(tensor.int32_data),
        len(tensor.int64_data),
        len(tensor.double_data),
    )
    if max(fields) != size or sum(map(bool, fields)) > 1:
        raise InvalidModel("has not the numbers that it names")


class _ShapeInference:
    """The type of each result of a graph for one photo, and the values of those that are shapes."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph, self._opsets = model.graph, list(model.opset_import)
        self._types: dict[str, onnx.TypeProto] = {}
        self._values: dict[str, TensorProto] = {}
        self._numbers = self._work = 0

    def run(self) -> None:
        """Infer the type of every result; InvalidModel where a size is not known or too large."""
        image = self._graph.input[0].type
        image.tensor_type.shape.dim[0].dim_value = 1
        if image.tensor_type.elem_type != TensorProto.FLOAT or len(_shape(image)) != 4:
            raise InvalidModel("takes no photo")
        self._types["image"] = image
        for tensor in self._graph.initializer:
            self._types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
            self._values[tensor.name] = tensor
        for node in self._graph.node:
            self._infer(node)
        for output in self._graph.output:
            if output.name not in self._types:
                raise InvalidModel("gives something that it never makes")

    def _infer(self, node: onnx.NodeProto) -> None:
        """Infer the types, and where they are few the values, of a step's results."""
        inputs = [name for name in node.input if name]
        if any(name not in self._types for name in inputs):
            raise InvalidModel(f"uses something in {node.op_type} before it is made")
        types = {name: self._types[name] for name in inputs}
        if node.op_type == "Constant":
            self._keep_constant(node)
            return
        values = {name: self._values[name] for name in inputs if self._has_values(name)}
        schema = onnx.defs.get_schema(node.op_type, self._opsets[0].version, "")
        inferred = shape_inference.infer_node_outputs(schema, node, types, values, opset_imports=self._opsets)
        for name in node.output:
            if not name:
                continue
            if name not in inferred or name in self._types:
                raise InvalidModel(f"has a size in {node.op_type} that cannot be told")
            self._types[name] = inferred[name]
            self._add_cost(node, math.prod(_shape(inferred[name])))
        self._compute_values(node, inputs)

    def _has_values(self, name: str) -> bool:
        return name in self._values and math.prod(self._values[name].dims) <= MAX_VALUES

    def _keep_constant(self, node: onnx.NodeProto) -> None:
        value = next((one.t for one in node.attribute if one.name == "value"), None)
        if value is None or len(node.output) != 1 or node.output[0] in self._types:
            raise InvalidModel("has a constant without a value")
        self._types[node.output[0]] = helper.make_tensor_type_proto(value.data_type, value.dims)
        self._values[node.output[0]] = value

    def _add_cost(self, node: onnx.NodeProto, size: int) -> None:
        """Add the numbers of a step's result, and about how many multiplications it takes."""
        self._numbers += size
        shapes = [_shape(self._types[name]) for name in node.input if name]
        factor = 1  # multiplications for each number of the result
        if node.op_type in ("Conv", "ConvTranspose"):
            factor = max(math.prod(shapes[1][1:]), shapes[1][0])
        elif node.op_type in ("MatMul", "Gemm"):
            factor = max(max(shape, default=1) for shape in shapes[:2])
        elif node.op_type in ("MaxPool", "AveragePool"):
            factor = next((math.prod(one.ints) for one in node.attribute if one.name == "kernel_shape"), 1)
        elif node.op_type == "Einsum":  # no more than every side of every input times every other
            factor = math.prod({side for shape in shapes for side in shape} - {0})
        self._work += max([size * factor, *map(math.prod, shapes)])
        if size > MAX_RESULT or self._numbers > MAX_NUMBERS or self._work > MAX_WORK:
            raise InvalidModel("takes more memory or time than any network for photos does")

    def _compute_values(self, node: onnx.NodeProto, inputs: list[str]) -> None:
        """Compute the values of a step's results where they are few and those of its inputs are known."""
        if any(math.prod(_shape(self._types[name])) > MAX_VALUES for name in node.output if name):
            return
        if node.op_type == "Shape" and not node.attribute:
            values: Any = [np.array(_shape(self._types[inputs[0]]), dtype=np.int64)]
        elif all(map(self._has_values, inputs)):
            graph = helper.make_graph(
                [node],
                "step",
                [helper.make_value_info(name, self._types[name]) for name in inputs],
                [helper.make_value_info(name, self._types[name]) for name in node.output if name],
            )
            model = helper.make_model(graph, opset_imports=self._opsets)
            values = ReferenceEvaluator(model).run(
                None, {name: numpy_helper.to_array(self._values[name]) for name in inputs}
            )
        else:
            return
        for name, value in zip((name for name in node.output if name), values):
            self._values[name] = numpy_helper.from_array(np.asarray(value), name)


def _shape(kind: onnx.TypeProto) -> tuple[int, ...]:
    """Return the sides of a tensor; InvalidModel where they are not known."""
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        raise InvalidModel("has a size that cannot be told")
    sides = tuple(side.dim_value if side.HasField("dim_value") else -1 for side in kind.tensor_type.shape.dim)
    if any(side < 0 for side in sides):
        raise InvalidModel("has a size that cannot be told")
    return sides
