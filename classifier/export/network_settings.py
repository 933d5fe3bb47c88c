"""Read the settings of a network's modules: numbers, truth values, texts of a list, functions of a list, and tuples.

Usage:

    settings = SettingsReader().read(node, cls)
"""

import inspect
import math
from typing import Any

from .allowlist import FUNCTIONS, NO_OPS, TEXT_SETTINGS, enumeration_member, names_used, torch_function
from .nodes import Call, InvalidExport, Name, Node, args_of, attributes, brief, described, items_of, name_of, pairs_of
from .tensors import PARAMETERS, NotData, tensor

MAX_VALUES = 200_000  # in the settings of one network
MAX_ATTRIBUTES = 1_000_000  # of all its modules: a file may give one dictionary of them to thousands
TENSOR_COST = 100  # values that take as much time and memory as a tensor
MAX_WHOLE = 1 << 40  # a setting's whole number, as a magnitude
MODULE_STATE = {
    "training",
    "_parameters",
    "_buffers",
    "_modules",
    "_non_persistent_buffers_set",
    "_is_full_backward_hook",
    "_compiled_call_impl",
    "_backend",
    "_forward_hooks_with_kwargs",
}
"""attributes of torch's own that are no settings"""


class _NotASetting(Exception):
    """Raised for a value of a kind that is not taken: it is left out."""


class SettingsReader:
    """Reads the settings of all modules of one network, and limits how many values they have."""

    def __init__(self) -> None:
        self._values_left, self._attributes_left = MAX_VALUES, MAX_ATTRIBUTES

    def read(self, node: Call, cls: type) -> dict[str, Any]:
        """Return those settings of a module that its class's code uses, by name."""
        found, given = {}, attributes(node)
        self._attributes_left -= len(given)
        if self._attributes_left < 0:
            raise InvalidExport("has a network with more settings than any that is known")
        for name, node_of_value in given.items():
            if name in MODULE_STATE:
                continue
            if name.endswith("_hooks") or "_hooks_" in name:
                if pairs_of(node_of_value) or items_of(node_of_value):
                    raise InvalidExport(f"has a hook on {described(node)}, which could run anything")
                continue
            if name in names_used(cls):
                try:
                    value = self._value(node_of_value)
                except _NotASetting:
                    if hasattr(cls, name):
                        check_name(cls, name)
                    continue
                if not (hasattr(cls, name) and _same(getattr(cls, name), value)):
                    check_name(cls, name)
                    found[name] = value
            elif hasattr(cls, name):
                check_name(cls, name)
        return found

    def _value(self, node: Node, depth: int = 4) -> Any:
        """Return the value of a setting; _NotASetting for any other node."""
        self._values_left -= 1
        if depth < 0 or self._values_left < 0:
            raise InvalidExport("has a network with more settings than any that is known")
        if (
            node is None
            or type(node) is bool
            or (type(node) is int and abs(node) < MAX_WHOLE)
            or (type(node) is float and not math.isnan(node))
            or (type(node) is str and node in TEXT_SETTINGS)
        ):
            return node
        if isinstance(node, Name) and node.full in FUNCTIONS:
            return torch_function(node.full)
        if isinstance(node, Name) and node.full in NO_OPS:
            return _no_op
        args = args_of(node)
        if (
            len(args) == 1
            and type(args[0]) is str
            and (member := enumeration_member(name_of(node), args[0])) is not None
        ):
            return member
        return self._collection(node, depth)

    def _collection(self, node: Node, depth: int) -> Any:
        """Return a list, a tuple, a dictionary by whole numbers, or a tensor; _NotASetting for any other node."""
        if (items := items_of(node, self._values_left)) is not None:
            self._values_left -= len(items)
            values = [self._value(item, depth - 1) for item in items]
            return values if type(node) is list else tuple(values)
        pairs = pairs_of(node)
        self._values_left -= len(pairs or ()) + TENSOR_COST
        if pairs is not None and all(type(key) is int and abs(key) < 10_000 for key, _ in pairs):
            return {key: self._value(item, depth - 1) for key, item in pairs}
        if name_of(node) in PARAMETERS:
            raise _NotASetting
        try:
            return tensor(node)
        except NotData:
            raise _NotASetting from None


def check_name(cls: type, name: Node) -> None:
    """Raise InvalidExport for a name that is none, or under which the class itself has something."""
    if (
        type(name) is not str
        or not name.replace("-", "_").isprintable()
        or len(name) > 200
        or name.startswith("__")
        or "." in name
    ):
        raise InvalidExport(f"has a part of a network under {brief(name)}, which is no name")
    if hasattr(cls, name):
        raise InvalidExport(f"replaces {name} of {cls.__module__}.{cls.__qualname__}, which is the class's own")


def settings_of_today(cls: type) -> dict[str, Any]:
    """Return the settings of one of torch's activations and their defaults, which files of old versions lack."""
    if not cls.__module__.startswith("torch.nn.modules.activation"):
        return {}
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is None or isinstance(p.default, (str, int, float))}


def _no_op(x: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Return the first argument, as fastai's `noop` does."""
    return x


def _same(one: Any, other: Any) -> bool:
    """Return whether two settings are the same value of the same type."""
    return type(one) is type(other) and type(one) in (bool, int, float, str, type(None)) and one == other
