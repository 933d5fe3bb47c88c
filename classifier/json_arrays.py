"""Convert plain data with arrays to JSON and back, for the metadata of export.onnx.

Usage:

    json.loads(json.dumps(pack({"threshold": 0.5, "reference": array})))
"""

import base64
from math import prod

import numpy as np


def pack(value: object) -> object:
    """Return the value with each array (NumPy's or a torch tensor) as {dtype, shape, base64}."""
    if isinstance(value, dict):
        return {str(key): pack(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [pack(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) or type(value).__module__ == "torch":
        array = np.ascontiguousarray(np.asarray(value))
        return {"dtype": array.dtype.str, "shape": list(array.shape), "base64": base64.b64encode(array.data).decode()}
    return value


def unpack(value: object) -> object:
    """Return what was packed, tuples as lists. Raises ValueError or TypeError for an array that is invalid."""
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {"dtype", "shape", "base64"}:
        return {key: unpack(item) for key, item in value.items()}
    dtype = np.dtype(value["dtype"])
    if dtype.kind not in "biuf":
        raise TypeError(f"an array of {dtype}")
    samples = base64.b64decode(value["base64"])
    if 0 in value["shape"] or len(samples) != prod(value["shape"]) * dtype.itemsize:
        raise ValueError(f"{len(samples)} bytes for an array of shape {value['shape']}")
    return np.frombuffer(samples, dtype).reshape(value["shape"])
