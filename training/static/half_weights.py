"""Store the large weights of export.onnx in 16 bits: half of the bytes that a visitor loads.

Gives  `with_half_weights`, which changes the bytes of a compiled copy

A tensor of 20,000 numbers or more becomes float16 with a Cast to float32 in front of whatever reads it: the arithmetic
stays in float32. Biases, depthwise convolutions and the head are small, and nearly all of the error would be theirs.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LEAST = 20_000  # numbers of a tensor
# of a tensor's length, that rounding to 11 bits may move it: evenly spread it is 0.0003; numbers below 6e-5 lose more
TOLERANCE = 5e-4


def halved(weights: np.ndarray) -> np.ndarray | None:
    """Return weights as float16; None where they are out of its range or too near to 0 for it."""
    wide = weights.astype(np.float64)
    with np.errstate(over="ignore"):
        half = weights.astype(np.float16)
    if not np.isfinite(half).all() or np.linalg.norm(half - wide) > TOLERANCE * np.linalg.norm(wide):
        return None
    return half


def with_half_weights(data: bytes) -> bytes:
    """Return an ONNX file with its large float32 tensors in float16, and with all else, metadata too, as it was."""
    model = onnx.load_from_string(data)
    graph = model.graph
    taken = {one.name for one in graph.initializer} | {name for node in graph.node for name in node.output}
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims, dtype=np.int64) < LEAST:
            continue
        half = halved(numpy_helper.to_array(tensor))
        stored = f"{tensor.name}_half"
        if half is None or stored in taken:
            continue
        casts.append(helper.make_node("Cast", [stored], [tensor.name], name=f"{stored}_to_float", to=TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(half, stored))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(model)
    return model.SerializeToString()
