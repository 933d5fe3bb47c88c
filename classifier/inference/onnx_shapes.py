"""Infer the shape of each result of a compiled copy for one photo, so that its memory and time are known beforehand."""

import math
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

MAX_RESULT = 300_000_000  # numbers of one result, 1.2 GB
MAX_NUMBERS = 3_000_000_000  # of all results together
MAX_WORK = 700_000_000_000  # multiplications; the largest networks for photos take half of that
MAX_VALUES = 10_000  # numbers of a result whose values are computed too, such as a shape


class InvalidModel(ValueError):
    """Raised for a file that is no compiled copy; the message follows "it"."""


class ShapeInference:
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
