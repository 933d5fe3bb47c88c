"""What a pickle may call while it opens, each with the arguments that a stock export gives it.

`CALLS` maps a name to a function of ours, which checks its arguments and then makes what the name would
have made; the name itself is never called.
"""
import enum
import functools
import random
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path, PurePath, PureWindowsPath

from . import rebuild_arrays, rebuild_functions
from .allowed import Absent, is_live, method
from .stand_ins import Call, Refused, StandIn, built, check_key, expect, name_of

MAX_ITEMS = 1_000_000  # of one collection copied by a call; a pickle fills larger ones itself
STR_METHODS = {"capitalize", "casefold", "lower", "lstrip", "rstrip", "strip", "title", "upper"}


def _collection(cls, name):
    def make(*args):
        expect(len(args) <= 1 and all(type(arg) in (list, tuple, set, frozenset, dict) and len(arg) <= MAX_ITEMS
                                       for arg in args), name)
        pairs = args and issubclass(cls, dict) and not isinstance(args[0], dict)
        expect(not pairs or all(type(pair) in (list, tuple) and len(pair) == 2 for pair in args[0]), name)
        keys = [] if not args or cls in (list, tuple) else [pair[0] for pair in args[0]] if pairs else args[0]
        for key in keys:
            check_key(key)
        return cls(*args)
    return make


def _scalar(cls, name):
    def make(*args):
        expect(len(args) <= 1 and all(type(arg) in (int, float, bool, str) for arg in args), name)
        expect(cls is str or not args or type(args[0]) is not str or len(args[0]) < 50, name)
        return cls(*args)
    return make


def _bytes(cls, name):
    def make(*args):
        if len(args) == 2:
            return cls(_encode(*args))
        expect(len(args) <= 1 and all(type(arg) in (list, tuple, bytes, bytearray) and len(arg) <= MAX_ITEMS
                                       and (isinstance(arg, (bytes, bytearray)) or all(type(i) is int for i in arg))
                                       for arg in args), name)
        return cls(*args)
    return make


def _encode(text, encoding="latin1"):
    expect(type(text) is str and encoding in ("latin1", "latin-1", "utf-8", "ascii"), "_codecs.encode")
    return text.encode(encoding)


def _numbers(cls, name):
    def make(*args):
        expect(len(args) <= 3 and all(arg is None or type(arg) in (int, float) for arg in args), name)
        return cls(*args)
    return make


def _type(of):
    expect(of is None or of is Ellipsis, "builtins.type")
    return type(of)


def is_method(function) -> bool:
    """Return whether this is a listed method, bound to its class."""
    owner = getattr(function, "__self__", None)
    return isinstance(owner, type) and method(owner, function.__name__) == function


def _getattr(owner, name, *rest):
    """A class's method or member: of enumerations, and the few that are listed."""
    expect(type(name) is str and not rest, "builtins.getattr")
    if isinstance(owner, type) and issubclass(owner, enum.Enum) and name in owner.__members__:
        return owner.__members__[name]
    if isinstance(owner, type) and (found := method(owner, name)) is not None:
        return found
    if owner is str and name in STR_METHODS:
        return Absent(f"builtins.str.{name}")
    of_instance = type(owner) in built  # a method, which is not looked up
    if (isinstance(owner, (Absent, StandIn)) or of_instance) and not name.startswith("__"):
        return Absent(f"{type(owner).__module__}.{type(owner).__qualname__}.{name}"[:200] if of_instance else
                      f"{name_of(owner)}.{name}"[:200])
    raise Refused(f"wants to call builtins.getattr for {name_of(owner)}.{name[:80]}")


def _reduce(function, kinds):
    """A union of types, which Python stores as reduce(or_, types)."""
    expect(isinstance(function, Absent) and function.name == "operator.or_" and type(kinds) in (tuple, list)
            and 0 < len(kinds) <= 50 and all(isinstance(kind, (type, Absent)) for kind in kinds), "functools.reduce")
    if any(isinstance(kind, Absent) for kind in kinds):
        return Absent("typing.Union")
    return functools.reduce(lambda a, b: a | b, kinds)


def check_partial(function, args, keywords) -> None:
    """Raise Refused unless functools.partial is over a listed function or a mere name."""
    if not isinstance(function, (Absent, StandIn)) and not is_live(function):
        raise Refused(f"wants to call functools.partial over {name_of(function)}")
    expect(type(args) is tuple and (keywords is None or (type(keywords) is dict and all(
        type(key) is str for key in keywords))), "functools.partial")


def _partial(*args):
    check_partial(args[0] if args else None, args[1:], None)
    return functools.partial(*args)


def _path(*parts):
    expect(len(parts) < 200 and all(isinstance(part, (str, PurePath)) for part in parts), "pathlib.Path")
    return Path(*(PureWindowsPath(part).as_posix() if "\\" in str(part) else part for part in parts))


def _defaultdict(factory=None, *rest):
    expect(not rest and (factory is None or isinstance(factory, Absent)
                          or factory in (list, dict, set, int, float, str)), "collections.defaultdict")
    return defaultdict(factory)


def _deque(items=(), maxlen=None):
    expect(type(items) in (list, tuple) and len(items) <= MAX_ITEMS and (maxlen is None or type(maxlen) is int),
            "collections.deque")
    return deque(items, maxlen)


def _stand_in(name):
    return lambda *args: StandIn(name)


def _absent(name):
    return lambda *args: Absent(name)


def _random(*args):
    expect(not args, "random.Random")
    return random.Random(0)


MAKERS = {
    **{f"builtins.{cls.__name__}": _collection(cls, f"builtins.{cls.__name__}")
       for cls in (list, tuple, set, frozenset, dict)},
    **{f"builtins.{cls.__name__}": _scalar(cls, f"builtins.{cls.__name__}") for cls in (int, float, bool, str)},
    **{f"builtins.{cls.__name__}": _bytes(cls, f"builtins.{cls.__name__}") for cls in (bytes, bytearray)},
    **{f"builtins.{cls.__name__}": _numbers(cls, f"builtins.{cls.__name__}") for cls in (complex, slice, range)},
    "builtins.type": _type, "builtins.getattr": _getattr, "functools.reduce": _reduce, "functools.partial": _partial,
    "_codecs.encode": _encode, "random.Random": _random, "pathlib.Path": _path, "pathlib.PurePath": _path,
    "collections.OrderedDict": _collection(OrderedDict, "collections.OrderedDict"),
    "collections.Counter": _collection(Counter, "collections.Counter"),
    "collections.defaultdict": _defaultdict, "collections.deque": _deque,
    **{name: _stand_in(name) for name in ("inspect.Parameter", "inspect.Signature", "inspect._ParameterKind",
                                          "re._compile", "types.SimpleNamespace",
                                          "collections.abc._CallableGenericAlias", "operator.attrgetter",
                                          "operator.itemgetter", "operator.methodcaller")},
    "operator.getitem": _absent("typing.Union"), "numpy.core._ufunc_reconstruct": _absent("numpy.ufunc"),
    **rebuild_arrays.CALLS, **rebuild_functions.CALLS,
}
CALLS = {name: Call(name, make) for name, make in MAKERS.items()}
