"""What a pickle says, as plain data: names, calls and containers of which nothing was imported, called or compared.

`classifier.export.unpickler` makes these; `classifier.export.reader` takes out of them what it knows.
"""
from typing import Any

ORDERED_DICTS = {"collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict"}
SEQUENCES = {"builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset", "collections.deque",
             "torch.Size", "fastcore.basics.fastuple"}
LISTS = {"fastcore.foundation.L", "fastai.data.transforms.CategoryMap"}  # that hold another
MOST = 1000  # attributes of an object, items of a list
MOST_CALLS = 10  # of what a call gave


class Refused(ValueError):
    """What a file asked for that no export does, in words that follow the file's name."""


class Name:
    """A class or function by its name, never looked up."""

    __slots__ = ("full", "runs_code")

    def __init__(self, full: str, runs_code: bool = False):
        self.full = full
        """module.name, as it is called today (see `classifier.export.allowlist.moved`)"""
        self.runs_code = runs_code
        """whether only a file that was made to run code calls it"""


class Made:
    """An object that the pickle has made by calling `maker` with `args`: both are nodes."""

    __slots__ = ("args", "items", "maker", "named", "pairs", "state")

    def __init__(self, maker: Any, args: Any):
        self.maker, self.args = maker, args
        self.state: Any = None
        """what BUILD gives to `__setstate__`: a `Pairs` of attributes as a rule"""
        self.items: list = []
        """what is appended to it"""
        self.pairs: list[tuple[Any, Any]] = []
        """(key, value) of what is set in it"""


class Pairs(list):
    """A dictionary as its (key, value) pairs, in order: no key that the file chose is ever hashed, but text."""

    __slots__ = ("named",)


def name_of(node: Any) -> str:
    """Return the name of a `Name`, or of what made an object; "" for plain data."""
    for _ in range(MOST_CALLS):
        if not isinstance(node, Made):
            break
        node = node.maker  # a call of what a call gave
    return node.full if isinstance(node, Name) else ""


def described(node: Any) -> str:
    """Return what to call a node by in a message."""
    return name_of(node) or {Pairs: "a dict"}.get(type(node), f"a {type(node).__name__}")


def brief(node: Any) -> str:
    """Return a few characters that tell a node in a message: containers in containers have no end when written out."""
    return repr(node[:80]) if type(node) in (str, bytes) else described(node)


def pairs_of(node: Any, most: int = MOST) -> list[tuple[Any, Any]] | None:
    """Return the (key, value) pairs of a dictionary of any kind; None where the node is none.

    Raises Refused where there are more than `most`: reading costs time, and a file may give one dictionary to many.
    """
    if type(node) is Pairs:
        return _bounded(node, most)
    if not isinstance(node, Made) or name_of(node) not in ORDERED_DICTS:
        return None
    given = _given(node, most)
    rows = given if type(given) is Pairs else [row for row in given if type(row) in (list, tuple) and len(row) == 2]
    return _bounded([*map(tuple, rows), *_bounded(node.pairs, most)], most)


def items_of(node: Any, most: int = MOST) -> list | tuple | None:
    """Return the items of a list, tuple or set of any kind; None where the node is none. most: as for `pairs_of`."""
    for _ in range(3):  # a list of fastcore's holds a list, or an array
        if type(node) in (list, tuple):
            return _bounded(node, most)
        if name_of(node) in SEQUENCES and isinstance(node, Made):
            return _bounded([*_given(node, most), *_bounded(node.items, most)], most)
        if name_of(node) not in LISTS:
            return None
        node = attributes(node).get("items")
    return None


def attributes(node: Any) -> dict[str, Any]:
    """Return the attributes that an object was given, by name; of one that is given twice the last.

    The dictionary is kept for the next time: it is not to be changed.
    """
    state = node.state if isinstance(node, Made) else None
    if type(state) is tuple and len(state) == 2:  # (attributes, those in slots)
        return {**by_name(state[0]), **by_name(state[1])}
    return by_name(state)


def by_name(node: Any) -> dict[str, Any]:
    """Return what a dictionary has under text; {} for what is none. A file may give one dictionary to thousands."""
    if not isinstance(node, (Pairs, Made)):
        return {}
    if not hasattr(node, "named"):
        node.named = {key: value for key, value in pairs_of(node) or () if type(key) is str}
    return node.named


def _given(node: Made, most: int) -> list | tuple:
    """Return the one argument that a collection was made of; empty where it had none."""
    given = node.args[0] if type(node.args) is tuple and len(node.args) == 1 else ()
    return _bounded(given, most) if isinstance(given, (list, tuple)) else ()


def _bounded(items: Any, most: int) -> Any:
    if len(items) > most:
        raise Refused(f"has {len(items)} parts where no export has more than {most}")
    return items
