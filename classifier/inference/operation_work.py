"""Estimate the work of an operation of torch from its name and the shapes of its arguments and results."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# how many multiplications in a product of matrices take as long as one number: written, read, pooled, sorted
WRITTEN, READ, POOLED, SORTED = 25, 10, 40, 2500
CHANNELS = 64  # of a group: a convolution of fewer takes as long
SLOW = (
    "sort",
    "topk",
    "cum",
    "bicubic",
    "grid_sampler",
    "fft",
    "median",
    "kthvalue",
    "svd",
    "inv_ex",
    "eig",
    "_qr",
    "cholesky",
    "_lu",
)
PRODUCTS = ("mm", "matmul", "linear", "dot", "mv", "dist", "einsum")


def tensors_in(parts: Iterable[Any]) -> list[torch.Tensor]:
    """Return the tensors in arguments, or in a result, also those in lists."""
    import torch

    found: list[torch.Tensor] = []
    for part in parts:
        found += [
            one for one in (part if isinstance(part, (list, tuple)) else (part,)) if isinstance(one, torch.Tensor)
        ]
    return found


def work_of(name: str, args: tuple[Any, ...], results: list[torch.Tensor]) -> int:
    """Return about how many multiplications an operation takes, or how many take as long."""
    import torch

    taken, name = tensors_in(args), name.partition(".")[2]
    size = sum(one.numel() for one in results)
    work = WRITTEN * size + READ * sum(one.numel() for one in taken)
    if any(part in name for part in SLOW):
        return work + SORTED * max(size, *(one.numel() for one in taken), 0)
    precision = 1 if not taken or taken[0].dtype == torch.float32 else 100  # other types are slow on processors
    if "convolution" in name:
        return work + precision * _convolution(args, size)
    if "attention" in name and len(taken) > 2:
        return work + precision * 2 * taken[0].numel() * taken[1].shape[-2]
    if any(part in name for part in PRODUCTS):
        rows = taken[1:] if name.startswith(("add", "baddbmm")) else taken
        return work + precision * size * (rows[0].shape[-1] if rows and rows[0].ndim else 1)
    if "pool" in name and "adaptive" not in name and len(args) > 1:
        return work + POOLED * size * _window(name, args[1])
    return work


def _convolution(args: tuple[Any, ...], size: int) -> int:
    """Return the multiplications of a convolution, as many as take the same time. size: numbers of its result."""
    photo, weight = args[:2]
    transposed = len(args) > 6 and bool(args[6])
    n_positions: int = photo.numel() // max(photo.shape[1], 1) if transposed else size // max(weight.shape[0], 1)
    if weight.ndim < 3 or photo.ndim < 3:
        return 0
    n_weights: int = weight.numel()
    n_filters, n_channels = int(weight.shape[0]), int(weight.shape[1])
    return n_positions * n_weights * max(1, CHANNELS // max(n_channels, 1)) * (1 if n_filters > 3 else 2)


def _window(name: str, sides: Any) -> int:
    """Return how many numbers a pooling reads for one of its results."""
    sides = list(sides) if isinstance(sides, (list, tuple)) else [sides]
    dims = next((n for n in (1, 2, 3) if f"{n}d" in name), 1)
    return abs(math.prod(sides * dims if len(sides) == 1 else sides)) if all(type(n) is int for n in sides) else 1
