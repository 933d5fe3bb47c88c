"""Build tensors, arrays and plain data from a pickle's nodes, none of them larger than what the file holds."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .nodes import Call, InvalidExport, Name, Node, args_of, attributes, items_of, name_of, pairs_of
from .storages import Storage

if TYPE_CHECKING:
    import torch

MAX_DIMS = 32
PADDING = 10_000  # numbers that a tensor may have beyond those of the file: one value for a small shape
MAX_DEPTH, MAX_DATA = 12, 1_000_000  # of plain data: containers in containers, items
TENSOR_COST = 200  # items that take as much time and memory as a tensor or an array
DTYPE = re.compile(r"[<=|]?([biuf][1248]|b1|U\d{1,4}|S\d{1,4})")
MAX_SETTING = 1000  # items of one setting of a transform
SCALARS = {
    "builtins.int": int,
    "builtins.float": float,
    "builtins.bool": bool,
    "builtins.str": str,
    "fastai.torch_core.TitledStr": str,
    "fastai.torch_core.TitledInt": int,
    "fastai.torch_core.TitledFloat": float,
    "fastai.data.transforms.Category": str,
}
FROM_TYPE = {
    "torch._tensor._rebuild_from_type",
    "torch._tensor._rebuild_from_type_v2",
    "fastai.torch_core._rebuild_from_type",
}
PARAMETERS = {
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.nn.parameter.Parameter",
}


class NotData(InvalidExport):
    """Raised where a tensor, an array or plain data is expected and the file has something else."""


def _shape(node: Node) -> tuple[int, ...]:
    """Return the whole numbers, 0 or more, of a shape; NotData for anything else."""
    numbers = items_of(node, MAX_DIMS)
    if numbers is None or not all(type(n) is int and 0 <= n < 1 << 48 for n in numbers):
        raise NotData("has a tensor of a shape that is none")
    return tuple(numbers)


def tensor(node: Node) -> torch.Tensor:
    """Return the torch tensor of a node, a view of the numbers in the file; NotData for any other node."""
    import torch

    name, args = name_of(node), args_of(node)
    if name in PARAMETERS and args:
        return tensor(args[0])
    if name in FROM_TYPE and len(args) >= 3 and isinstance(args[0], Name):  # one of fastai's own classes of tensors
        return tensor(Call(args[0], args[2]))
    if (
        name not in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
        or len(args) < 4
        or not (isinstance(args[0], Storage) and type(args[1]) is int and args[1] >= 0)
    ):
        raise NotData(f"has {name or 'plain data'} where a tensor is expected")
    storage, offset, size, stride = args[0], args[1], _shape(args[2]), _shape(args[3])
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride)) if count else offset - 1
    if len(size) != len(stride) or last >= storage.n or count > max(storage.n, PADDING):
        raise NotData("has a tensor that is larger than its numbers")
    return torch.empty(0, dtype=storage.dtype).set_(storage.bytes, offset, size, stride)


def _bytes(node: Node) -> bytes:
    """Return the bytes of a node, which protocol 2 stores as text; NotData for any other node."""
    if isinstance(node, bytes):
        return node
    args = args_of(node)
    if name_of(node) == "_codecs.encode" and args and isinstance(args[0], str):
        try:
            return args[0].encode("latin-1")
        except UnicodeError:
            pass
    raise NotData("has an array without its numbers")


def _dtype(node: Node) -> np.dtype[Any]:
    """Return the type of numbers or text of a node; NotData for objects and for big-endian numbers."""
    args = args_of(node)
    code = args[0] if name_of(node) == "numpy.dtype" and args else None
    if not isinstance(code, str) or not DTYPE.fullmatch(code):
        raise NotData("has an array that is none of numbers")
    if type(node.state) is tuple and len(node.state) > 1 and node.state[1] == ">":
        raise NotData("has numbers of a big-endian machine")
    return np.dtype(code)


def _array_of(data: bytes, dtype: np.dtype[Any], shape: Node, fortran: bool = False) -> np.ndarray:
    sides = _shape(shape)
    if not dtype.itemsize or math.prod(sides) * dtype.itemsize != len(data):
        raise NotData("has an array that is larger than its numbers")
    return np.frombuffer(data, dtype).reshape(sides, order="F" if fortran else "C")


def array(node: Node) -> np.ndarray | np.generic:
    """Return the NumPy array or single number of a node; NotData for any other node."""
    name, args = name_of(node), args_of(node)
    state = node.state if isinstance(node, Call) else None
    if name == "numpy.core.multiarray._reconstruct" and type(state) is tuple and len(state) == 5:
        return _array_of(_bytes(state[4]), _dtype(state[2]), state[1], state[3] is True)
    if name == "numpy.core.numeric._frombuffer" and len(args) == 4:
        return _array_of(_bytes(args[0]), _dtype(args[1]), args[2], args[3] == "F")
    if name == "numpy.core.multiarray.scalar" and len(args) == 2:
        number: np.generic = _array_of(_bytes(args[1]), _dtype(args[0]), ()).reshape(1)[0]
        return number
    raise NotData(f"has {name or 'plain data'} where an array is expected")


class DataReader:
    """Converts nodes to plain data: numbers, text, lists, dictionaries with text for keys, tensors and arrays."""

    def __init__(self, most: int = MAX_DATA) -> None:
        """most: items of all calls together, since a file may give one list to thousands of objects."""
        self._left = most

    def _charge(self, n: int) -> None:
        self._left -= n
        if self._left < 0:
            raise NotData("has too much data")

    def __call__(self, node: Node, depth: int = MAX_DEPTH) -> Any:
        """Return the data of a node; NotData for one that holds anything else, or more than any export holds."""
        self._charge(1)
        if depth < 0:
            raise NotData("has data in data in data")
        if node is None or type(node) in (bool, int, float, str):
            return node
        if (pairs := pairs_of(node, self._left)) is not None:
            return {key: self(value, depth - 1) for key, value in pairs if type(key) is str}
        if (items := items_of(node, self._left)) is not None:
            return [self(item, depth - 1) for item in items]
        args = args_of(node)
        if (kind := SCALARS.get(name_of(node))) and len(args) == 1:
            value = self(args[0], depth - 1)
            return value if type(value) is kind else _converted(kind, value)
        self._charge(TENSOR_COST)
        if name_of(node).startswith("numpy."):
            found = array(node)
            self._charge(found.nbytes // 16)  # protocol 2 stores bytes as text: each array is a copy
            return found
        return tensor(node)


def _converted(kind: type, value: Any) -> Any:
    if type(value) in (bool, int, float):
        return kind(value)
    raise NotData(f"has no {kind.__name__} where one is expected")


def setting(node: Node, name: str, default: Any = None) -> Any:
    """Return an attribute of an object as plain data; the default where it has none."""
    found = attributes(node)
    return DataReader(MAX_SETTING)(found[name]) if name in found else default
