"""What a network costs to ask, found out before it is asked: a file of some kilobytes can say "a million pixels more".

    checked = Cost(model)
    checked((1, 3, 224, 224))

A copy of the network without its numbers runs on torch's `meta` device, which computes the shapes of everything and
the numbers of nothing. Calls of modules are counted too: of modules in modules, each there twice, none ever ends.
"""
import copy
import math
import threading
from typing import Any

from classifier.export.nodes import Refused

MOST_STEPS = 20_000  # operations, and calls of modules; a large network has some thousand
MOST_BYTES = 1_500_000_000  # of all results that are kept at the same time
# and no more than this, and so much for each byte, or number, of its weights: a small file is no large network
LEAST_BYTES, BYTES_BY_BYTE = 150_000_000, 4
LEAST_WORK, WORK_BY_NUMBER = 60_000_000_000, 20_000
MOST_NUMBERS = 4_000_000_000  # of all results together
MOST_WORK = 700_000_000_000  # multiplications, or what takes as long; the largest networks for photos take half of that
MOST_SHAPES = 1000  # that are remembered
# how many multiplications in a product of matrices take as long as one number that is written, or read, or one of ...
WRITTEN, READ, IN_WINDOW, SORTED = 25, 10, 40, 2500
CHANNELS = 64  # of a group: a convolution of fewer takes as long
SLOW = ("sort", "topk", "cum", "bicubic", "grid_sampler", "fft", "median", "kthvalue", "svd", "inv_ex",
        "eig", "_qr", "cholesky", "_lu")
PRODUCTS = ("mm", "matmul", "linear", "dot", "mv", "dist", "einsum")


class _TooMuch(Refused):
    """The network takes more than any for photos does."""

    def __init__(self):
        super().__init__("has a network that takes more memory or time than any for photos does")


class Cost:
    """Says of one network which shapes of photos it can be asked about. Safe to use from many threads."""

    def __init__(self, model: Any):
        """model: a torch module in evaluation mode, which stays as it is."""
        self._meta, self._calls = _without_numbers(model), 0
        weights = [*model.parameters(), *model.buffers()]
        self._most_bytes = min(MOST_BYTES, LEAST_BYTES + BYTES_BY_BYTE * sum(one.nbytes for one in weights))
        self._most_work = min(MOST_WORK, LEAST_WORK + WORK_BY_NUMBER * sum(one.numel() for one in weights))
        for module in self._meta.modules():
            module.register_forward_pre_hook(self._count)
        self._lock, self._affordable = threading.Lock(), set()

    def _count(self, *_) -> None:
        self._calls += 1
        if self._calls > MOST_STEPS:
            raise _TooMuch

    def __call__(self, shape: tuple[int, ...]) -> None:
        """Raise Refused for a shape that would take far more memory or time than networks for photos do.

        A network whose way depends on the numbers themselves cannot be followed so: it raises whatever torch does.
        """
        import torch

        with self._lock:
            if shape in self._affordable:
                return
            self._calls = 0
            with torch.no_grad(), torch.device("meta"), _counted(self._most_bytes, self._most_work):
                self._meta(torch.empty(shape, device="meta"))
            if len(self._affordable) < MOST_SHAPES:
                self._affordable.add(shape)


def _without_numbers(model: Any) -> Any:
    """Return a copy of a module whose tensors, wherever they lie, have a shape and no numbers."""
    import torch

    found, pending, seen = {}, [vars(module) for module in model.modules()], set()
    while pending:
        part = pending.pop()
        if isinstance(part, torch.Tensor):
            meta = part.detach().to("meta")
            found[id(part)] = torch.nn.Parameter(meta, False) if isinstance(part, torch.nn.Parameter) else meta
        elif isinstance(part, (dict, list, tuple)) and id(part) not in seen:
            seen.add(id(part))
            pending += part.values() if isinstance(part, dict) else part
    return copy.deepcopy(model, found)


def _counted(most_bytes: int, most_work: int) -> Any:
    """Return a context in which torch adds up what each operation gives and takes; it raises where that is too much."""
    import torch
    from torch.multiprocessing.reductions import StorageWeakRef
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counted(TorchDispatchMode):
        steps, numbers, work, kept = 0, 0, 0, 0

        def __init__(self):
            super().__init__()
            self.storages: dict[int, tuple[Any, int]] = {}

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            given = _tensors((result,))
            self.steps += 1
            if not function.is_view:
                self.numbers += sum(one.numel() for one in given)
                self.work += _work(str(function), args, given)
            theirs = {one.untyped_storage()._cdata for one in _tensors(args)}  # a weight turned round is no new one
            for storage in (one.untyped_storage() for one in given):
                if storage._cdata not in theirs:
                    self.keep(storage)
            if self.steps > MOST_STEPS or self.numbers > MOST_NUMBERS or self.work > most_work:
                raise _TooMuch
            return result

        def keep(self, storage: torch.UntypedStorage) -> None:
            if storage._cdata in self.storages and not self.storages[storage._cdata][0].expired():
                return
            self.storages[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
            self.kept += storage.nbytes()
            if self.kept > most_bytes:  # or only seems so: what was let go is taken off now
                self.storages = {key: one for key, one in self.storages.items() if not one[0].expired()}
                self.kept = sum(n_bytes for _, n_bytes in self.storages.values())
                if self.kept > most_bytes:
                    raise _TooMuch

    return Counted()


def _tensors(parts: Any) -> list:
    """Return the tensors in arguments, or in a result, and in lists there."""
    import torch

    found = []
    for part in parts:
        found += [one for one in (part if isinstance(part, (list, tuple)) else (part,))
                  if isinstance(one, torch.Tensor)]
    return found


def _work(name: str, args: tuple, given: list) -> int:
    """Return about how many multiplications an operation takes, or what takes as long. given: its results."""
    import torch

    taken, name = _tensors(args), name.partition(".")[2]
    size = sum(one.numel() for one in given)
    work = WRITTEN * size + READ * sum(one.numel() for one in taken)
    if any(part in name for part in SLOW):
        return work + SORTED * max(size, *(one.numel() for one in taken), 0)
    precision = 1 if not taken or taken[0].dtype == torch.float32 else 100  # nobody made the others fast on processors
    if "convolution" in name:
        return work + precision * _convolution(args, size)
    if "attention" in name and len(taken) > 2:
        return work + precision * 2 * taken[0].numel() * taken[1].shape[-2]
    if any(part in name for part in PRODUCTS):
        rows = taken[1:] if name.startswith(("add", "baddbmm")) else taken
        return work + precision * size * (rows[0].shape[-1] if rows and rows[0].ndim else 1)
    if "pool" in name and "adaptive" not in name and len(args) > 1:
        return work + IN_WINDOW * size * _window(name, args[1])
    return work


def _convolution(args: tuple, size: int) -> int:
    photo, weight = args[:2]
    transposed = len(args) > 6 and bool(args[6])
    places = photo.numel() // max(photo.shape[1], 1) if transposed else size // max(weight.shape[0], 1)
    if weight.ndim < 3 or photo.ndim < 3:
        return 0
    return places * weight.numel() * max(1, CHANNELS // max(weight.shape[1], 1)) * (1 if weight.shape[0] > 3 else 2)


def _window(name: str, sides: Any) -> int:
    sides = list(sides) if isinstance(sides, (list, tuple)) else [sides]
    dims = next((n for n in (1, 2, 3) if f"{n}d" in name), 1)
    return abs(math.prod(sides * dims if len(sides) == 1 else sides)) if all(type(n) is int for n in sides) else 1
