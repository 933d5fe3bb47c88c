"""The content of a pickle as plain data: names, calls and containers. Nothing is imported, called or compared.

`classifier.export.unpickler` makes these nodes; the other modules of `classifier.export` read them. A node is None, a
number, a str, bytes, a tuple or a list of nodes, a `Name`, a `Call`, `Pairs`, or a `Storage` of
`classifier.export.torch_zip`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

Node = Any  # what is in a file can be any of them, so that each reader checks the type of what it takes

ORDERED_DICTS = {"collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict"}
SEQUENCES = {
    "builtins.list",
    "builtins.tuple",
    "builtins.set",
    "builtins.frozenset",
    "collections.deque",
    "torch.Size",
    "fastcore.basics.fastuple",
}
LISTS = {"fastcore.foundation.L", "fastai.data.transforms.CategoryMap"}  # that hold another
MAX_ITEMS = 1000  # attributes of an object, items of a list
MAX_NESTED_CALLS = 10  # of the result of a call


class InvalidExport(ValueError):
    """Raised for content that no fastai export has; the message follows the file's name."""


class Name:
    """A class or function by its name, never looked up."""

    __slots__ = ("full", "runs_code")

    def __init__(self, full: str, runs_code: bool = False) -> None:
        self.full = full
        """module.name, as it is called today (see `classifier.export.allowlist.current_name`)"""
        self.runs_code = runs_code
        """whether only a file that was made to run code calls it"""


class Call:
    """A call in the pickle, which stands for the object that it would give: `function` and `args` are nodes."""

    __slots__ = ("args", "by_text", "function", "items", "pairs", "state")

    def __init__(self, function: Node, args: Node) -> None:
        self.function, self.args = function, args
        self.state: Node = None
        """what BUILD gives to `__setstate__`: `Pairs` of attributes as a rule"""
        self.items: list[Node] = []
        """what is appended to the object"""
        self.pairs: list[tuple[Node, Node]] = []
        """(key, value) of each item that is set in the object"""
        self.by_text: dict[str, Node] | None = None
        """what `by_text` returned for it"""


class Pairs(list[tuple[Node, Node]]):
    """A dictionary as its (key, value) pairs, in order: no key from the file is hashed, except text."""

    __slots__ = ("by_text",)

    def __init__(self, pairs: Iterable[tuple[Node, Node]] = ()) -> None:
        super().__init__(pairs)
        self.by_text: dict[str, Node] | None = None
        """what `by_text` returned for it"""


def name_of(node: Node) -> str:
    """Return the name of a `Name`, or of what a `Call` calls; "" for plain data."""
    for _ in range(MAX_NESTED_CALLS):
        if not isinstance(node, Call):
            break
        node = node.function
    return node.full if isinstance(node, Name) else ""


def described(node: Node) -> str:
    """Return what a message calls a node."""
    return name_of(node) or ("a dict" if type(node) is Pairs else f"a {type(node).__name__}")


def brief(node: Node) -> str:
    """Return up to about 80 characters for a node in a message: nested containers written out may be endless."""
    return repr(node[:80]) if type(node) in (str, bytes) else described(node)


def args_of(node: Node) -> tuple[Node, ...]:
    """Return the arguments of a `Call`; () for any other node."""
    return node.args if isinstance(node, Call) and type(node.args) is tuple else ()


def pairs_of(node: Node, most: int = MAX_ITEMS) -> list[tuple[Node, Node]] | None:
    """Return the (key, value) pairs of a dictionary of any kind; None where the node is none.

    Raises InvalidExport where there are more than `most`: reading costs time, and a file may give one dictionary to
    many objects.
    """
    if type(node) is Pairs:
        _check_length(node, most)
        return node
    if not isinstance(node, Call) or name_of(node) not in ORDERED_DICTS:
        return None
    given = _first_argument(node, most)
    rows = given if type(given) is Pairs else [row for row in given if type(row) in (list, tuple) and len(row) == 2]
    _check_length(node.pairs, most)
    pairs = [*((key, value) for key, value in rows), *node.pairs]
    _check_length(pairs, most)
    return pairs


def items_of(node: Node, most: int = MAX_ITEMS) -> Sequence[Node] | None:
    """Return the items of a list, tuple or set of any kind; None where the node is none. most: as for `pairs_of`."""
    for _ in range(3):  # fastcore's list holds a list, or an array
        if isinstance(node, (list, tuple)) and type(node) is not Pairs:
            _check_length(node, most)
            return node
        if name_of(node) in SEQUENCES and isinstance(node, Call):
            _check_length(node.items, most)
            items = [*_first_argument(node, most), *node.items]
            _check_length(items, most)
            return items
        if name_of(node) not in LISTS:
            return None
        node = attributes(node).get("items")
    return None


def attributes(node: Node) -> dict[str, Node]:
    """Return the attributes that the file gives to an object, by name; of a name that is given twice the last value.

    The dictionary is kept for the next call: do not change it.
    """
    state = node.state if isinstance(node, Call) else None
    if type(state) is tuple and len(state) == 2:  # (attributes, those in slots)
        return {**by_text(state[0]), **by_text(state[1])}
    return by_text(state)


def by_text(node: Node) -> dict[str, Node]:
    """Return the values of a dictionary by those of its keys that are text; {} for a node that is none.

    The result is kept in the node, since a file may give one dictionary to thousands of objects.
    """
    if not isinstance(node, (Pairs, Call)):
        return {}
    if node.by_text is None:
        node.by_text = {key: value for key, value in pairs_of(node) or () if type(key) is str}
    return node.by_text


def _first_argument(node: Call, most: int) -> Sequence[Node]:
    """Return the one argument that a collection was made of; empty where it had none."""
    given = node.args[0] if type(node.args) is tuple and len(node.args) == 1 else ()
    if not isinstance(given, (list, tuple)):
        return ()
    _check_length(given, most)
    return given


def _check_length(items: Sequence[Node], most: int) -> None:
    if len(items) > most:
        raise InvalidExport(f"has {len(items)} parts where no export has more than {most}")
