"""The numbers of the tensors in a file of `torch.save`: their type, as the file's pickle names it, and their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .nodes import Name, Node

if TYPE_CHECKING:
    import torch

MAX_STORAGES = 50_000  # a large network has some thousand tensors
DTYPES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}


class BrokenFile(ValueError):
    """Raised for a file that `torch.save` did not write; the message follows the file's name."""


class Storage:
    """The numbers of one or more tensors, in one block of memory."""

    def __init__(self, dtype: torch.dtype, data: bytearray) -> None:
        import torch

        self.dtype = dtype
        self.n = len(data) // dtype.itemsize
        numbers = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)
        self.bytes = numbers.untyped_storage()
        self._truth_values = numbers if data and dtype == torch.bool else None

    def check(self) -> None:
        """Raise BrokenFile for truth values that are neither 0 nor 1: torch computes with their bytes."""
        if self._truth_values is not None and int(self._truth_values.max()) > 1:
            raise BrokenFile("has truth values that are neither true nor false")


def storage_type(pid: Node, n_storages: int) -> tuple[torch.dtype, str, int]:
    """Return dtype, key and count of the numbers that a pickle names by a node. n_storages: those named before."""
    import torch

    kind = pid[1].full if type(pid) is tuple and len(pid) >= 5 and isinstance(pid[1], Name) else ""
    module, _, name = kind.rpartition(".")
    if (
        module not in ("torch", "torch.cuda", "torch.storage")
        or name not in DTYPES
        or pid[0] != "storage"
        or type(pid[2]) is not str
        or type(pid[4]) is not int
        or pid[4] < 0
    ):
        raise BrokenFile("names the numbers of a tensor in a way that torch does not")
    if n_storages > MAX_STORAGES:
        raise BrokenFile("names more tensors than any network has")
    return getattr(torch, DTYPES[name]), pid[2], pid[4]
