"""Limit the memory and time of a network's forward pass before it runs: a file of some kilobytes can ask for any.

    limit = CostLimit(model)
    limit((1, 3, 224, 224))

A copy of the network without its numbers runs on torch's `meta` device, which computes the shapes of all results and
none of their numbers. Calls of modules are counted too: modules in modules, each there twice, would run without end.
"""

from __future__ import annotations

import copy
import threading
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from classifier.export.nodes import InvalidExport

from .operation_work import tensors_in, work_of

if TYPE_CHECKING:
    import torch

MAX_STEPS = 20_000  # operations, and calls of modules; a large network has some thousand
MAX_BYTES = 1_500_000_000  # of all results that are kept at the same time
MAX_NUMBERS = 4_000_000_000  # of all results together
MAX_WORK = 700_000_000_000  # multiplications, or what takes as long; the largest networks for photos take half of that
# a network of few weights has lower limits: a part for each network, and a part for each byte or number of its weights
BASE_BYTES, BYTES_PER_BYTE = 150_000_000, 4
BASE_WORK, WORK_PER_NUMBER = 60_000_000_000, 20_000
MAX_SHAPES = 1000  # that are remembered


class _TooExpensive(InvalidExport):
    """Raised for a network that takes more than any for photos does."""

    def __init__(self) -> None:
        super().__init__("has a network that takes more memory or time than any for photos does")


class CostLimit:
    """Checks the shapes of photos that one network is to answer. Safe to use from many threads."""

    def __init__(self, model: torch.nn.Module) -> None:
        """model: in evaluation mode; it stays as it is."""
        self._meta, self._calls = _without_numbers(model), 0
        weights = [*model.parameters(), *model.buffers()]
        self._max_bytes = min(MAX_BYTES, BASE_BYTES + BYTES_PER_BYTE * sum(one.nbytes for one in weights))
        self._max_work = min(MAX_WORK, BASE_WORK + WORK_PER_NUMBER * sum(one.numel() for one in weights))
        for module in self._meta.modules():
            module.register_forward_pre_hook(self._count)
        self._lock = threading.Lock()
        self._affordable: set[tuple[int, ...]] = set()

    def _count(self, *_: Any) -> None:
        self._calls += 1
        if self._calls > MAX_STEPS:
            raise _TooExpensive

    def __call__(self, shape: tuple[int, ...]) -> None:
        """Raise InvalidExport for a shape that would take far more memory or time than networks for photos do.

        A network whose operations depend on the numbers themselves cannot be checked: torch's own error is raised.
        """
        import torch

        with self._lock:
            if shape in self._affordable:
                return
            self._calls = 0
            with torch.no_grad(), torch.device("meta"), _counted(self._max_bytes, self._max_work):
                self._meta(torch.empty(shape, device="meta"))
            if len(self._affordable) < MAX_SHAPES:
                self._affordable.add(shape)


def _without_numbers(model: torch.nn.Module) -> torch.nn.Module:
    """Return a copy of a module whose tensors, also those in its settings, have a shape and no numbers."""
    import torch

    found: dict[int, Any] = {}
    pending: list[Any] = [vars(module) for module in model.modules()]
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        if isinstance(part, torch.Tensor):
            meta = part.detach().to("meta")
            found[id(part)] = torch.nn.Parameter(meta, False) if isinstance(part, torch.nn.Parameter) else meta
        elif isinstance(part, (dict, list, tuple)) and id(part) not in seen:
            seen.add(id(part))
            pending += part.values() if isinstance(part, dict) else part
    return copy.deepcopy(model, found)


def _counted(max_bytes: int, max_work: int) -> AbstractContextManager[Any]:
    """Return a context in which torch adds up the memory and work of its operations, and raises beyond the limits."""
    from torch.multiprocessing.reductions import StorageWeakRef
    from torch.utils._python_dispatch import TorchDispatchMode

    storages: dict[int, tuple[StorageWeakRef, int]] = {}  # of results: whether each still exists, and its bytes

    class Counted(TorchDispatchMode):
        steps, numbers, work, kept = 0, 0, 0, 0

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            results = tensors_in((result,))
            self.steps += 1
            if not function.is_view:
                self.numbers += sum(one.numel() for one in results)
                self.work += work_of(str(function), args, results)
            given = {one.untyped_storage()._cdata for one in tensors_in(args)}  # a view of an argument takes no memory
            for storage in (one.untyped_storage() for one in results):
                if storage._cdata not in given:
                    self.keep(storage)
            if self.steps > MAX_STEPS or self.numbers > MAX_NUMBERS or self.work > max_work:
                raise _TooExpensive
            return result

        def keep(self, storage: torch.UntypedStorage) -> None:
            if storage._cdata in storages and not storages[storage._cdata][0].expired():
                return
            storages[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
            self.kept += storage.nbytes()
            if self.kept > max_bytes:  # less what has been freed since
                for key in [key for key, (reference, _) in storages.items() if reference.expired()]:
                    del storages[key]
                self.kept = sum(n_bytes for _, n_bytes in storages.values())
                if self.kept > max_bytes:
                    raise _TooExpensive

    return Counted()  # type: ignore[no-untyped-call]  # the constructor is torch's
