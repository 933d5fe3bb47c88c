"""Tensors and arrays out of a pickle, with no more in them than the file has.

Read by `classifier.rebuild`: `CALLS` maps a name that torch or NumPy stores to a function of ours that checks
its arguments.
"""
import functools
import math
import re

import numpy as np

from .stand_ins import Call, Refused, expect
from .torch_file import Storage

MAX_DIMS = 32


def _whole(numbers, limit: int = MAX_DIMS) -> bool:
    return type(numbers) in (tuple, list, _size()) and len(numbers) <= limit and all(
        type(n) is int and n >= 0 for n in numbers)


@functools.cache
def _size():
    import torch

    return torch.Size


def _tensor(storage, offset, size, stride, *rest):
    """A tensor over numbers of the file, never beyond them and hardly larger than them."""
    import torch

    expect(isinstance(storage, Storage) and type(offset) is int and offset >= 0 and _whole(size) and _whole(stride)
            and len(size) == len(stride), "torch._utils._rebuild_tensor_v2")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride)) if count else offset - 1
    if last >= storage.n or count > max(storage.n, 10_000):
        raise Refused("has a tensor that is larger than its numbers")
    return torch.empty(0, dtype=storage.dtype).set_(storage.bytes, offset, tuple(size), tuple(stride))


def _tensor_v2(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None):
    tensor = _tensor(storage, offset, size, stride)
    return tensor.requires_grad_() if requires_grad is True else tensor


def _parameter(data, requires_grad=True, hooks=None, state=None):
    import torch

    expect(isinstance(data, torch.Tensor), "torch._utils._rebuild_parameter")
    return torch.nn.Parameter(data, requires_grad is True)


def _from_type(function, kind, args, state):
    """A tensor of one of fastai's subclasses."""
    import torch

    expect(isinstance(function, Call) and function.make in (_tensor, _tensor_v2, _parameter) and type(args) is tuple
            and isinstance(kind, type) and issubclass(kind, torch.Tensor), "torch._tensor._rebuild_from_type_v2")
    tensor = function.make(*args)
    tensor = tensor if type(tensor) is kind else tensor.as_subclass(kind)
    if type(state) is tuple:
        state = state[0] if state else None
    if type(state) is dict:
        tensor.__dict__.update((key, value) for key, value in state.items() if type(key) is str)
    return tensor


def _device(*args):
    import torch

    expect(1 <= len(args) <= 2 and type(args[0]) is str and all(type(arg) is int for arg in args[1:]), "torch.device")
    return torch.device("cpu")  # wherever it was trained, it is served here


def _torch_size(numbers=()):
    expect(_whole(numbers), "torch.Size")
    return _size()(numbers)


def _dtype(code, *rest):
    expect(type(code) is str and re.fullmatch(r"[<=|]?([biuf][1248]|f16|c8|c16|U\d{1,4}|S\d{1,4})", code) is not None,
            "numpy.dtype")
    return np.dtype(code)


def _array(cls, shape, code):
    expect(cls is np.ndarray and shape == (0,) and code in (b"b", "b"), "numpy.core.multiarray._reconstruct")
    return np.ndarray((0,), "b")


def fill_array(array: np.ndarray, state) -> None:
    """Give an array of `_array` its numbers."""
    name = "numpy.ndarray.__setstate__"
    expect(type(state) is tuple and len(state) == 5 and _whole(state[1]) and isinstance(state[2], np.dtype)
            and not state[2].hasobject and type(state[4]) in (bytes, bytearray), name)
    expect(math.prod(state[1]) * state[2].itemsize == len(state[4]) and array.size == 0, name)
    array.__setstate__((1, tuple(state[1]), state[2], bool(state[3]), bytes(state[4])))


def _numpy_scalar(dtype, data):
    expect(isinstance(dtype, np.dtype) and not dtype.hasobject and type(data) in (bytes, bytearray)
            and len(data) == dtype.itemsize > 0, "numpy.core.multiarray.scalar")
    return np.frombuffer(bytes(data), dtype)[0]


def _from_buffer(data, dtype, shape, order):
    expect(type(data) in (bytes, bytearray) and isinstance(dtype, np.dtype) and not dtype.hasobject and _whole(shape)
            and order in ("C", "F") and math.prod(shape) * dtype.itemsize == len(data),
            "numpy.core.numeric._frombuffer")
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order=order)


CALLS = {
    "torch.device": _device, "torch.Size": _torch_size, "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2, "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter, "torch._tensor._rebuild_from_type": _from_type,
    "torch._tensor._rebuild_from_type_v2": _from_type, "fastai.torch_core._rebuild_from_type": _from_type,
    "numpy.dtype": _dtype, "numpy.core.multiarray._reconstruct": _array, "numpy.core.multiarray.scalar": _numpy_scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
}
