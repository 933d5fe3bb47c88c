"""Build the network of an export anew: classes of our own list, filled with numbers, truth values and tensors.

    model = Network().build(node)

Of the file come the names of the classes, which child lies where, weights, and settings: numbers, truth values, texts
of a list, and tuples of them. What a class has itself (its methods, properties and attributes) is never replaced, and
hooks are never taken: so what runs is the class's own code, and nothing that the file chose.
"""
import inspect
import math
from typing import Any

from .allowlist import FUNCTIONS, NOTHING, TEXTS, function, member, names_used, network_class
from .nodes import Made, Name, Refused, attributes, brief, described, items_of, name_of, pairs_of
from .tensors import PARAMETERS, NoData, tensor

DEEPEST, MOST_PARTS = 60, 50_000  # modules in modules; modules, parameters and buffers
MOST_NUMBERS = 200_000  # in the settings of one network
MOST_ATTRIBUTES = 1_000_000  # of all its modules: a file may give one dictionary of them to thousands
TENSOR_COSTS = 100  # numbers, as much as a tensor among the settings takes time and memory
MOST_COPIED = 1_000_000  # numbers of all weights beyond twice those in the file
LARGEST = 1 << 40  # a setting's whole number, as a magnitude
WRAPPERS = {"torch.nn.parallel.data_parallel.DataParallel", "torch.nn.parallel.distributed.DistributedDataParallel"}
TORCH_OWN = {"training", "_parameters", "_buffers", "_modules", "_non_persistent_buffers_set",
             "_is_full_backward_hook", "_compiled_call_impl", "_backend", "_forward_hooks_with_kwargs"}


class NotBuilt(Refused):
    """Names the part of a network that is not on the list."""

    def __init__(self, name: str, known: bool = False):
        """known: of a package of ours, but not of the version here."""
        super().__init__(name)
        self.name, self.known = name, known


class _NoSetting(Exception):
    """A setting that is none of the kinds that are taken: it is left out."""


class Network:
    """One building of one network."""

    def __init__(self):
        self._built: dict[int, Any] = {}  # by the node that it was built from: a module may lie at two places
        self._parts: dict[int, int] = {}  # by the same: how many parts it has, what lies there twice counted twice
        self._tensors: dict[int, Any] = {}
        self._stored: dict[int, int] = {}  # how many numbers lie in each of the file's storages
        self._left, self._numbers_left, self._attributes_left = MOST_PARTS, MOST_NUMBERS, MOST_ATTRIBUTES
        self._copied = 0

    def build(self, node: Any, depth: int = DEEPEST):
        """Return the torch module of a node, in evaluation mode.

        Raises NotBuilt for a class that is not of the list, and Refused for what no network of it has.
        """
        from torch import nn

        if name_of(node) in WRAPPERS and isinstance(node, Made):
            inside = pairs_of(attributes(node).get("_modules")) or ()
            return self.build(next((part for name, part in inside if name == "module"), None), depth - 1)
        if id(node) in self._built:
            if self._built[id(node)] is None:
                raise Refused("has a network that holds itself")
            self._count_part(depth, self._parts[id(node)])
            return self._built[id(node)]
        cls = network_class(name_of(node)) if isinstance(node, Made) and isinstance(node.maker, Name) else None
        if cls is None:
            raise NotBuilt(described(node))
        before = self._left
        self._count_part(depth)
        self._built[id(node)] = None
        state = {"training": False, **self._children(node, cls, depth), **self._settings(node, cls)}
        module = object.__new__(cls)
        nn.Module.__init__(module)
        # those of torch's own layers fill in what older versions did not have
        own = next(owner for owner in cls.__mro__ if "__setstate__" in vars(owner))
        own = own if own.__module__.startswith("torch.nn.modules.") else nn.Module
        own.__setstate__(module, {**vars(module), **_new_settings(cls), **state})
        self._built[id(node)], self._parts[id(node)] = module, before - self._left
        return module

    def _count_part(self, depth: int = 0, n: int = 1) -> None:
        self._left -= n
        if depth < 0 or self._left < 0:
            raise Refused("has a network of more parts than any that is known")

    def _children(self, node: Made, cls: type, depth: int) -> dict[str, dict]:
        """Return the modules, parameters and buffers of a module, each by its name."""
        from torch import nn

        found: dict[str, dict] = {"_modules": {}, "_parameters": {}, "_buffers": {}}
        given = attributes(node)
        for kind, parts in found.items():
            for name, part in pairs_of(given.get(kind), MOST_PARTS) or ():
                self._check_name(cls, name)
                self._count_part()
                if part is None:
                    parts[name] = None
                elif kind == "_modules":
                    parts[name] = self.build(part, depth - 1)
                else:
                    numbers = self._weights(part)
                    parts[name] = nn.Parameter(numbers, False) if kind == "_parameters" else numbers
        return found

    def _weights(self, node: Any) -> Any:
        """Return a tensor; Refused where all of them together have many times the numbers of the file.

        As views they take no memory, but every copy of the network would.
        """
        if id(node) not in self._tensors:
            found = self._tensors[id(node)] = tensor(node)
            storage = found.untyped_storage()
            self._stored[storage.data_ptr()] = storage.nbytes() // found.itemsize
            self._copied += found.numel()
            if self._copied > 2 * sum(self._stored.values()) + MOST_COPIED:
                raise Refused("has a network with far more weights than the file has numbers")
        return self._tensors[id(node)]

    def _settings(self, node: Made, cls: type) -> dict[str, Any]:
        """Return the settings of a module that its class's code knows."""
        found, given = {}, attributes(node)
        self._attributes_left -= len(given)
        if self._attributes_left < 0:
            raise Refused("has a network with more settings than any that is known")
        for name, value in given.items():
            if name in TORCH_OWN:
                continue
            if name.endswith("_hooks") or "_hooks_" in name:
                if pairs_of(value) or items_of(value):
                    raise Refused(f"has a hook on {described(node)}, which could run anything")
                continue
            if name in names_used(cls):
                try:
                    value = self._setting(value)
                except _NoSetting:
                    if hasattr(cls, name):
                        self._check_name(cls, name)
                    continue
                if not (hasattr(cls, name) and plain_equal(getattr(cls, name), value)):
                    self._check_name(cls, name)
                    found[name] = value
            elif hasattr(cls, name):
                self._check_name(cls, name)
        return found

    def _setting(self, value: Any, depth: int = 4) -> Any:
        """Return a setting's value; _NoSetting for what is none."""
        self._numbers_left -= 1
        if depth < 0 or self._numbers_left < 0:
            raise Refused("has a network with more settings than any that is known")
        if value is None or type(value) is bool or (type(value) is int and abs(value) < LARGEST) or (
                type(value) is float and not math.isnan(value)):
            return value
        if type(value) is str and value in TEXTS:
            return value
        if isinstance(value, Name) and value.full in FUNCTIONS:
            return function(value.full)
        if isinstance(value, Name) and value.full in NOTHING:
            return _nothing
        if isinstance(value, Made) and type(value.args) is tuple and len(value.args) == 1 and (
                type(value.args[0]) is str and (found := member(name_of(value), value.args[0])) is not None):
            return found
        if (items := items_of(value, self._numbers_left)) is not None:
            self._numbers_left -= len(items)
            kind = list if type(value) is list else tuple
            return kind([self._setting(item, depth - 1) for item in items])
        pairs = pairs_of(value)
        self._numbers_left -= len(pairs or ()) + TENSOR_COSTS
        if pairs is not None and all(type(key) is int and abs(key) < 10_000 for key, _ in pairs):
            return {key: self._setting(item, depth - 1) for key, item in pairs}
        try:
            return tensor(value) if name_of(value) not in PARAMETERS else self._refuse(value)
        except NoData:
            raise _NoSetting from None

    @staticmethod
    def _refuse(value: Any) -> None:
        raise _NoSetting

    @staticmethod
    def _check_name(cls: type, name: Any) -> None:
        """Raise Refused for a name that is none, or that the class itself has something under."""
        if type(name) is not str or not name.replace("-", "_").isprintable() or len(name) > 200 or name.startswith(
                "__") or "." in name:
            raise Refused(f"has a part of a network under {brief(name)}, which is no name")
        if hasattr(cls, name):
            raise Refused(f"replaces {name} of {cls.__module__}.{cls.__qualname__}, which is the class's own")


def _nothing(x=None, *args, **kwargs):
    """Return what is given, as fastai's `noop` does."""
    return x


def plain_equal(one: Any, other: Any) -> bool:
    """Return whether two settings are the same value of the same type."""
    return type(one) is type(other) and type(one) in (bool, int, float, str, type(None)) and one == other


def _new_settings(cls: type) -> dict[str, Any]:
    """Return the settings of one of torch's activations and their defaults, for a file from before there were some."""
    if not cls.__module__.startswith("torch.nn.modules.activation"):
        return {}
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is None or isinstance(p.default, (str, int, float))}
