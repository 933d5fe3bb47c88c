"""Build the network of an export anew: classes of an allow-list, filled with the file's numbers and tensors.

    model = NetworkBuilder().build(node)

The file gives the names of the classes, the tree of modules, weights, and settings. What a class defines itself (its
methods, properties and attributes) is never replaced, and hooks are never taken: only the class's own code runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .allowlist import network_class
from .network_settings import SettingsReader, check_name, settings_of_today
from .nodes import Call, InvalidExport, Name, Node, attributes, described, name_of, pairs_of
from .tensors import tensor

if TYPE_CHECKING:
    import torch

MAX_DEPTH, MAX_PARTS = 60, 50_000  # modules in modules; modules, parameters and buffers
MAX_COPIED = 1_000_000  # numbers of all weights beyond twice those in the file
WRAPPERS = {"torch.nn.parallel.data_parallel.DataParallel", "torch.nn.parallel.distributed.DistributedDataParallel"}


class UnknownNetworkClass(InvalidExport):
    """Raised for a part of a network whose class is not allowed; the message is its name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NetworkBuilder:
    """Builds one network, and limits the number of its parts, settings and weights."""

    def __init__(self) -> None:
        self._built: dict[int, torch.nn.Module | None] = {}  # by node: a module may lie at two places; None: under way
        self._n_parts: dict[int, int] = {}  # by node: its parts, those that lie at two places counted twice
        self._tensors: dict[int, torch.Tensor] = {}  # by node
        self._stored: dict[int, int] = {}  # numbers in each of the file's storages, by its place in memory
        self._parts_left = MAX_PARTS
        self._copied = 0
        self._settings = SettingsReader()

    def build(self, node: Node, depth: int = MAX_DEPTH) -> torch.nn.Module:
        """Return the torch module of a node, in evaluation mode.

        Raises UnknownNetworkClass for a class that is not allowed, and InvalidExport for what no network of an
        allowed class has.
        """
        if name_of(node) in WRAPPERS and isinstance(node, Call):
            children = pairs_of(attributes(node).get("_modules")) or ()
            return self.build(next((part for name, part in children if name == "module"), None), depth - 1)
        if id(node) in self._built:
            built = self._built[id(node)]
            if built is None:
                raise InvalidExport("has a network that holds itself")
            self._count_part(depth, self._n_parts[id(node)])
            return built
        cls = network_class(name_of(node)) if isinstance(node, Call) and isinstance(node.function, Name) else None
        if cls is None:
            raise UnknownNetworkClass(described(node))
        before = self._parts_left
        self._count_part(depth)
        self._built[id(node)] = None
        state = {"training": False, **self._children(node, cls, depth), **self._settings.read(node, cls)}
        module = self._built[id(node)] = _new_module(cls, state)
        self._n_parts[id(node)] = before - self._parts_left
        return module

    def _count_part(self, depth: int = 0, n: int = 1) -> None:
        self._parts_left -= n
        if depth < 0 or self._parts_left < 0:
            raise InvalidExport("has a network of more parts than any that is known")

    def _children(self, node: Call, cls: type, depth: int) -> dict[str, dict[str, Any]]:
        """Return the modules, parameters and buffers of a module, each by its name."""
        from torch import nn

        found: dict[str, dict[str, Any]] = {"_modules": {}, "_parameters": {}, "_buffers": {}}
        given = attributes(node)
        for kind, parts in found.items():
            for name, part in pairs_of(given.get(kind), MAX_PARTS) or ():
                check_name(cls, name)
                self._count_part()
                if part is None:
                    parts[name] = None
                elif kind == "_modules":
                    parts[name] = self.build(part, depth - 1)
                else:
                    weights = self._weights(part)
                    parts[name] = nn.Parameter(weights, False) if kind == "_parameters" else weights
        return found

    def _weights(self, node: Node) -> torch.Tensor:
        """Return a tensor; InvalidExport where all of them together have many times the numbers of the file.

        As views they take no memory, but every copy of the network would.
        """
        if id(node) not in self._tensors:
            found = self._tensors[id(node)] = tensor(node)
            storage = found.untyped_storage()
            self._stored[storage.data_ptr()] = storage.nbytes() // found.itemsize
            self._copied += found.numel()
            if self._copied > 2 * sum(self._stored.values()) + MAX_COPIED:
                raise InvalidExport("has a network with far more weights than the file has numbers")
        return self._tensors[id(node)]


def _new_module(cls: type[torch.nn.Module], state: dict[str, Any]) -> torch.nn.Module:
    """Return a module of a class with the given attributes; its constructor is not called."""
    from torch import nn

    module = object.__new__(cls)
    nn.Module.__init__(module)
    # the `__setstate__` of torch's own layers adds attributes that older versions did not have
    owner: Any = next(owner for owner in cls.__mro__ if "__setstate__" in vars(owner))
    if not owner.__module__.startswith("torch.nn.modules."):
        owner = nn.Module
    owner.__setstate__(module, {**vars(module), **settings_of_today(cls), **state})
    return module
