"""Tensors, arrays, numbers and plain data out of a pickle's nodes, with no more in them than the file has."""
import math
import re
from typing import Any

import numpy as np

from .nodes import Made, Name, Refused, attributes, items_of, name_of, pairs_of
from .torch_zip import Storage

MAX_DIMS = 32
PADDING = 10_000  # numbers that a tensor may have beyond those of the file: one value for a small shape
DEPTH, MOST_ITEMS = 12, 1_000_000  # of plain data
TENSOR_COSTS = 200  # items, as many as a tensor or an array of its own takes time and memory
DTYPE = re.compile(r"[<=|]?([biuf][1248]|b1|U\d{1,4}|S\d{1,4})")
MOST_SETTINGS = 1000  # items of one setting of a transform
SCALARS = {"builtins.int": int, "builtins.float": float, "builtins.bool": bool, "builtins.str": str,
           "fastai.torch_core.TitledStr": str, "fastai.torch_core.TitledInt": int,
           "fastai.torch_core.TitledFloat": float, "fastai.data.transforms.Category": str}
FROM_TYPE = {"torch._tensor._rebuild_from_type", "torch._tensor._rebuild_from_type_v2",
             "fastai.torch_core._rebuild_from_type"}
PARAMETERS = {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
              "torch.nn.parameter.Parameter"}


class NoData(Refused):
    """What stands where a tensor or plain data is wanted."""


def _whole(node: Any) -> tuple[int, ...]:
    """Return the whole numbers, 0 or more, of a shape; NoData for anything else."""
    numbers = items_of(node, MAX_DIMS)
    if numbers is None or not all(type(n) is int and 0 <= n < 1 << 48 for n in numbers):
        raise NoData("has a tensor of a shape that is none")
    return tuple(numbers)


def tensor(node: Any):
    """Return a torch tensor, over numbers of the file and hardly larger than them; NoData for any other node."""
    import torch

    name, args = name_of(node), node.args if isinstance(node, Made) and type(node.args) is tuple else ()
    if name in PARAMETERS and args:
        return tensor(args[0])
    if name in FROM_TYPE and len(args) >= 3 and isinstance(args[0], Name):  # one of fastai's own classes of tensors
        return tensor(Made(args[0], args[2]))
    if name not in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor") or len(args) < 4 or not (
            isinstance(args[0], Storage) and type(args[1]) is int and args[1] >= 0):
        raise NoData(f"has {name or 'plain data'} where a tensor is expected")
    storage, offset, size, stride = args[0], args[1], _whole(args[2]), _whole(args[3])
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride)) if count else offset - 1
    if len(size) != len(stride) or last >= storage.n or count > max(storage.n, PADDING):
        raise NoData("has a tensor that is larger than its numbers")
    return torch.empty(0, dtype=storage.dtype).set_(storage.bytes, offset, size, stride)


def _bytes(node: Any) -> bytes:
    if isinstance(node, bytes):
        return node
    if name_of(node) == "_codecs.encode" and type(node.args) is tuple and node.args and type(node.args[0]) is str:
        try:
            return node.args[0].encode("latin-1")  # how protocol 2 stores bytes
        except UnicodeError:
            pass
    raise NoData("has an array without its numbers")


def _dtype(node: Any) -> np.dtype:
    """Return a type of numbers or text; NoData for objects and for big-endian numbers."""
    code = node.args[0] if name_of(node) == "numpy.dtype" and type(node.args) is tuple and node.args else None
    if type(code) is not str or not DTYPE.fullmatch(code):
        raise NoData("has an array that is none of numbers")
    if type(node.state) is tuple and len(node.state) > 1 and node.state[1] == ">":
        raise NoData("has numbers of a big-endian machine")
    return np.dtype(code)


def _filled(data: bytes, dtype: np.dtype, shape: Any, order: str) -> np.ndarray:
    shape = _whole(shape)
    if not dtype.itemsize or math.prod(shape) * dtype.itemsize != len(data):
        raise NoData("has an array that is larger than its numbers")
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def array(node: Any) -> np.ndarray | np.generic:
    """Return NumPy's array or single number; NoData for any other node."""
    name, args = name_of(node), node.args if isinstance(node, Made) and type(node.args) is tuple else ()
    state = node.state if isinstance(node, Made) else None
    if name == "numpy.core.multiarray._reconstruct" and type(state) is tuple and len(state) == 5:
        return _filled(_bytes(state[4]), _dtype(state[2]), state[1], "F" if state[3] is True else "C")
    if name == "numpy.core.numeric._frombuffer" and len(args) == 4:
        return _filled(_bytes(args[0]), _dtype(args[1]), args[2], "F" if args[3] == "F" else "C")
    if name == "numpy.core.multiarray.scalar" and len(args) == 2:
        return _filled(_bytes(args[1]), _dtype(args[0]), (), "C")[()]
    raise NoData(f"has {name or 'plain data'} where an array is expected")


class Plain:
    """Turns nodes into plain data: numbers, text, lists, dictionaries with text for keys, tensors and arrays."""

    def __init__(self, most: int = MOST_ITEMS):
        """most: items, of all that is asked of this one together: a file may give one list to thousands."""
        self._left = most

    def _charge(self, n: int) -> None:
        self._left -= n
        if self._left < 0:
            raise NoData("has too much data")

    def __call__(self, node: Any, depth: int = DEPTH) -> Any:
        """Return the data of a node; NoData for one that holds anything else, or more than any export holds."""
        self._charge(1)
        if depth < 0:
            raise NoData("has data in data in data")
        if node is None or type(node) in (bool, int, float, str):
            return node
        if (pairs := pairs_of(node, self._left)) is not None:
            return {key: self(value, depth - 1) for key, value in pairs if type(key) is str}
        if (items := items_of(node, self._left)) is not None:
            return [self(item, depth - 1) for item in items]
        if (kind := SCALARS.get(name_of(node))) and type(node.args) is tuple and len(node.args) == 1:
            value = self(node.args[0], depth - 1)
            return value if type(value) is kind else _converted(kind, value)
        self._charge(TENSOR_COSTS)
        if name_of(node).startswith("numpy."):
            found = array(node)
            self._charge(found.nbytes // 16)  # protocol 2 stores bytes as text: each array is a copy
            return found
        return tensor(node)


def _converted(kind: type, value: Any) -> Any:
    if type(value) in (bool, int, float):
        return kind(value)
    raise NoData(f"has no {kind.__name__} where one is expected")


def setting(node: Any, name: str, default: Any = None) -> Any:
    """Return an attribute of an object as plain data, a little; its default where it has none."""
    found = attributes(node)
    return Plain(MOST_SETTINGS)(found[name]) if name in found else default
