"""Check a compiled copy before it is loaded: it may hold only what `classifier.inference.onnx_export` writes.

    check_model(data)

Operators come from a list without loops, branches, calls and file access; all numbers lie in the file itself; and the
shape of each result is inferred for one photo, so that memory and time are known before the model runs.
"""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper

from .onnx_shapes import InvalidModel, ShapeInference

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
    ShapeInference(model).run()


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
