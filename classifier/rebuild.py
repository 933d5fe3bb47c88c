"""What a pickle may call while it opens, each with the arguments that a stock export gives it.

`CALLS` maps a name to a function of ours, which checks its arguments and then makes what the name would
have made; the name itself is never called. A function that was stored by value (cloudpickle) is not
made at all: it becomes fastai's own of its name, or a name that raises if it is called.
"""
import enum
import functools
import math
import random
import re
import typing
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path, PurePath, PureWindowsPath

import numpy as np

from .allowed import Absent, NotListed, is_live, look_up, method
from .torch_file import Storage

MAX_ITEMS = 1_000_000  # of one collection copied by a call; a pickle fills larger ones itself
MAX_DIMS = 32
STR_METHODS = {"capitalize", "casefold", "lower", "lstrip", "rstrip", "strip", "title", "upper"}


built: set[type] = set()  # classes with instances that the unpickler made; no others may be filled


class Refused(ValueError):
    """What a pickle asked for that no stock export does, in words that follow the file's name."""


class StandIn:
    """An instance of a class that is not here, or not needed to serve: it holds its attributes and does nothing."""

    def __init__(self, name: str):
        self.stands_for = name

    def __call__(self, *args, **kwargs):
        raise RuntimeError(f"{self.stands_for} is not here, or not called when an export is served")


def own_method(inst, name: str, value) -> bool:
    """Return whether `value` stands for the method `name` of an instance, which it has anyway."""
    cls = type(inst)
    return isinstance(value, Absent) and value.name == f"{cls.__module__}.{cls.__qualname__}.{name}"


class ByValue(Absent):
    """A function that the file holds as code: a name, once it is told."""

    def __init__(self):
        super().__init__("__main__.<function stored by value>")

    def told(self, module, qualname) -> "Absent | typing.Any":
        """Return fastai's own function of that name where it is listed, else this with the name."""
        self.name = f"{module}.{qualname}"[:200]
        self.__module__, _, self.__name__ = self.name.rpartition(".")
        self.__qualname__ = self.__name__
        if type(module) is str and type(qualname) is str and (found := _own(module, qualname)) is not None:
            return found
        return self


def _own(module: str, qualname: str):
    """Return a listed function, or method of a listed class, by the name it has where it was written."""
    cls, _, name = qualname.rpartition(".")
    try:
        if not cls:
            found = look_up(module, name)
            return None if isinstance(found, (Absent, type)) else found
        if isinstance(owner := look_up(module, cls), type):
            return method(owner, name)
    except NotListed:
        pass
    return None


def name_of(thing) -> str:
    """Return what to call something by in an error."""
    if isinstance(thing, Absent):
        return thing.name
    if isinstance(thing, StandIn):
        return thing.stands_for
    if isinstance(thing, Call):
        return thing.name
    if hasattr(thing, "__qualname__"):
        return f"{thing.__module__}.{thing.__qualname__}"
    return f"an object of {type(thing).__module__}.{type(thing).__qualname__}"


class Call:
    """A listed name that a pickle may call; it is a token, not the function."""

    def __init__(self, name: str, make):
        self.name, self.make = name, make


def _expect(right: bool, name: str) -> None:
    if not right:
        raise Refused(f"wants to call {name} with arguments that no export gives it")


def _collection(cls, name):
    def make(*args):
        _expect(len(args) <= 1 and all(type(arg) in (list, tuple, set, frozenset, dict) and len(arg) <= MAX_ITEMS
                                       for arg in args), name)
        pairs = args and issubclass(cls, dict) and not isinstance(args[0], dict)
        _expect(not pairs or all(type(pair) in (list, tuple) and len(pair) == 2 for pair in args[0]), name)
        keys = [] if not args or cls in (list, tuple) else [pair[0] for pair in args[0]] if pairs else args[0]
        for key in keys:
            check_key(key)
        return cls(*args)
    return make


def check_key(key, budget: int = 200) -> None:
    """Raise Refused unless a dictionary can hash a key in no time: tuples in tuples take for ever."""
    pending = [key]
    while pending:
        budget -= 1
        key = pending.pop()
        if type(key) is tuple or isinstance(key, tuple):
            if len(key) > budget:
                raise Refused("has a dictionary key of tuples in tuples, which take for ever to hash")
            pending.extend(tuple.__iter__(key))
        elif (type(key) is int and abs(key) >= 1 << 60) or budget < 0:
            raise Refused("has a dictionary key that takes for ever to hash")
        elif not isinstance(key, (str, int, float, bytes, type(None), type, Absent, StandIn, enum.Enum, PurePath,
                                  np.generic)) and type(key).__hash__ is not object.__hash__ \
                and type(key).__module__.partition(".")[0] != "torch":
            raise Refused(f"has {name_of(key)} as a dictionary key")


def _scalar(cls, name):
    def make(*args):
        _expect(len(args) <= 1 and all(type(arg) in (int, float, bool, str) for arg in args), name)
        _expect(cls is str or not args or type(args[0]) is not str or len(args[0]) < 50, name)
        return cls(*args)
    return make


def _bytes(cls, name):
    def make(*args):
        if len(args) == 2:
            return cls(_encode(*args))
        _expect(len(args) <= 1 and all(type(arg) in (list, tuple, bytes, bytearray) and len(arg) <= MAX_ITEMS
                                       and (isinstance(arg, (bytes, bytearray)) or all(type(i) is int for i in arg))
                                       for arg in args), name)
        return cls(*args)
    return make


def _encode(text, encoding="latin1"):
    _expect(type(text) is str and encoding in ("latin1", "latin-1", "utf-8", "ascii"), "_codecs.encode")
    return text.encode(encoding)


def _numbers(cls, name):
    def make(*args):
        _expect(len(args) <= 3 and all(arg is None or type(arg) in (int, float) for arg in args), name)
        return cls(*args)
    return make


def _type(of):
    _expect(of is None or of is Ellipsis, "builtins.type")
    return type(of)


def is_method(function) -> bool:
    """Return whether this is a listed method, bound to its class."""
    owner = getattr(function, "__self__", None)
    return isinstance(owner, type) and method(owner, function.__name__) == function


def _getattr(owner, name, *rest):
    """A class's method or member: of enumerations, and the few that are listed."""
    _expect(type(name) is str and not rest, "builtins.getattr")
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
    _expect(isinstance(function, Absent) and function.name == "operator.or_" and type(kinds) in (tuple, list)
            and 0 < len(kinds) <= 50 and all(isinstance(kind, (type, Absent)) for kind in kinds), "functools.reduce")
    if any(isinstance(kind, Absent) for kind in kinds):
        return Absent("typing.Union")
    return functools.reduce(lambda a, b: a | b, kinds)


def check_partial(function, args, keywords) -> None:
    """Raise Refused unless functools.partial is over a listed function or a mere name."""
    if not isinstance(function, (Absent, StandIn)) and not is_live(function):
        raise Refused(f"wants to call functools.partial over {name_of(function)}")
    _expect(type(args) is tuple and (keywords is None or (type(keywords) is dict and all(
        type(key) is str for key in keywords))), "functools.partial")


def _partial(*args):
    check_partial(args[0] if args else None, args[1:], None)
    return functools.partial(*args)


def _path(*parts):
    _expect(len(parts) < 200 and all(isinstance(part, (str, PurePath)) for part in parts), "pathlib.Path")
    return Path(*(PureWindowsPath(part).as_posix() if "\\" in str(part) else part for part in parts))


def _defaultdict(factory=None, *rest):
    _expect(not rest and (factory is None or isinstance(factory, Absent)
                          or factory in (list, dict, set, int, float, str)), "collections.defaultdict")
    return defaultdict(factory)


def _deque(items=(), maxlen=None):
    _expect(type(items) in (list, tuple) and len(items) <= MAX_ITEMS and (maxlen is None or type(maxlen) is int),
            "collections.deque")
    return deque(items, maxlen)


def _stand_in(name):
    return lambda *args: StandIn(name)


def _absent(name):
    return lambda *args: Absent(name)


def _random(*args):
    _expect(not args, "random.Random")
    return random.Random(0)


# torch

def _whole(numbers, limit: int = MAX_DIMS) -> bool:
    return type(numbers) in (tuple, list, _size()) and len(numbers) <= limit and all(
        type(n) is int and n >= 0 for n in numbers)


@functools.cache
def _size():
    import torch

    return torch.Size


def _tensor(storage, offset, size, stride, *rest):
    """A tensor over numbers of the file, never beyond them and hardly larger than them."""
    import torch

    _expect(isinstance(storage, Storage) and type(offset) is int and offset >= 0 and _whole(size) and _whole(stride)
            and len(size) == len(stride), "torch._utils._rebuild_tensor_v2")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride)) if count else offset - 1
    if last >= storage.n or count > max(storage.n, 10_000):
        raise Refused("has a tensor that is larger than its numbers")
    return torch.empty(0, dtype=storage.dtype).set_(storage.bytes, offset, tuple(size), tuple(stride))


def _tensor_v2(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None):
    tensor = _tensor(storage, offset, size, stride)
    return tensor.requires_grad_() if requires_grad is True else tensor


def _parameter(data, requires_grad=True, hooks=None, state=None):
    import torch

    _expect(isinstance(data, torch.Tensor), "torch._utils._rebuild_parameter")
    return torch.nn.Parameter(data, requires_grad is True)


def _from_type(function, kind, args, state):
    """A tensor of one of fastai's subclasses."""
    import torch

    _expect(isinstance(function, Call) and function.make in (_tensor, _tensor_v2, _parameter) and type(args) is tuple
            and isinstance(kind, type) and issubclass(kind, torch.Tensor), "torch._tensor._rebuild_from_type_v2")
    tensor = function.make(*args)
    tensor = tensor if type(tensor) is kind else tensor.as_subclass(kind)
    if type(state) is tuple:
        state = state[0] if state else None
    if type(state) is dict:
        tensor.__dict__.update((key, value) for key, value in state.items() if type(key) is str)
    return tensor


def _device(*args):
    import torch

    _expect(1 <= len(args) <= 2 and type(args[0]) is str and all(type(arg) is int for arg in args[1:]), "torch.device")
    return torch.device("cpu")  # wherever it was trained, it is served here


def _torch_size(numbers=()):
    _expect(_whole(numbers), "torch.Size")
    return _size()(numbers)


# numpy

def _dtype(code, *rest):
    _expect(type(code) is str and re.fullmatch(r"[<=|]?([biuf][1248]|f16|c8|c16|U\d{1,4}|S\d{1,4})", code) is not None,
            "numpy.dtype")
    return np.dtype(code)


def _array(cls, shape, code):
    _expect(cls is np.ndarray and shape == (0,) and code in (b"b", "b"), "numpy.core.multiarray._reconstruct")
    return np.ndarray((0,), "b")


def fill_array(array: np.ndarray, state) -> None:
    """Give an array of `_array` its numbers."""
    name = "numpy.ndarray.__setstate__"
    _expect(type(state) is tuple and len(state) == 5 and _whole(state[1]) and isinstance(state[2], np.dtype)
            and not state[2].hasobject and type(state[4]) in (bytes, bytearray), name)
    _expect(math.prod(state[1]) * state[2].itemsize == len(state[4]) and array.size == 0, name)
    array.__setstate__((1, tuple(state[1]), state[2], bool(state[3]), bytes(state[4])))


def _numpy_scalar(dtype, data):
    _expect(isinstance(dtype, np.dtype) and not dtype.hasobject and type(data) in (bytes, bytearray)
            and len(data) == dtype.itemsize > 0, "numpy.core.multiarray.scalar")
    return np.frombuffer(bytes(data), dtype)[0]


def _from_buffer(data, dtype, shape, order):
    _expect(type(data) in (bytes, bytearray) and isinstance(dtype, np.dtype) and not dtype.hasobject and _whole(shape)
            and order in ("C", "F") and math.prod(shape) * dtype.itemsize == len(data),
            "numpy.core.numeric._frombuffer")
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order=order)


# functions by value

def _code(*args):
    return Absent("types.CodeType")


def _function(*args):
    return ByValue()


def _told(function, state):
    """cloudpickle's `_function_setstate`: here the function gets its name."""
    _expect(type(state) is tuple and len(state) == 2 and type(state[1]) is dict, "cloudpickle._function_setstate")
    if not isinstance(function, ByValue):
        return function
    return function.told(state[1].get("__module__"), state[1].get("__qualname__"))


def _fill_function(function, state, *rest):
    """The same in cloudpickle before 1.5."""
    _expect(type(state) is dict, "cloudpickle._fill_function")
    if not isinstance(function, ByValue):
        return function
    return function.told(state.get("module"), state.get("qualname", state.get("name")))


def _method(function, owner):
    """A method bound to its class: `PILImage.create`."""
    if isinstance(owner, type) and getattr(function, "__func__", None) is not None:
        return _getattr(owner, function.__name__)
    return function if isinstance(function, Absent) else Absent(name_of(function))


def _builtin_type(name):
    name = str(name)[:80]
    return CALLS.get(f"types.{name}") or Absent(f"types.{name}")


def _class(kind, name, *rest):
    """A class stored by value: its instances hold their attributes and do nothing."""
    return Absent(f"__main__.{str(name)[:80]}")


def _first(function, *rest):
    return function


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
                                          "re._compile", "types.GenericAlias", "types.SimpleNamespace",
                                          "collections.abc._CallableGenericAlias", "operator.attrgetter",
                                          "operator.itemgetter", "operator.methodcaller")},
    "operator.getitem": _absent("typing.Union"), "numpy.core._ufunc_reconstruct": _absent("numpy.ufunc"),
    "torch.device": _device, "torch.Size": _torch_size, "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2, "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter, "torch._tensor._rebuild_from_type": _from_type,
    "torch._tensor._rebuild_from_type_v2": _from_type, "fastai.torch_core._rebuild_from_type": _from_type,
    "numpy.dtype": _dtype, "numpy.core.multiarray._reconstruct": _array, "numpy.core.multiarray.scalar": _numpy_scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "types.CodeType": _code, "types.FunctionType": _function, "types.MethodType": _method,
    **{f"cloudpickle.cloudpickle.{name}": make for name, make in {
        "_make_function": _function, "_make_skel_func": _function, "_function_setstate": _told,
        "_fill_function": _fill_function, "_builtin_type": _builtin_type, "_make_skeleton_class": _class,
        "_make_skeleton_enum": _class, "_class_setstate": _first, "_rehydrate_skeleton_class": _first,
        "_make_typevar": _absent("typing.TypeVar"), "_make_cell": _stand_in("a cell"),
        "_make_empty_cell": _stand_in("a cell"), "_cell_set": _first,
        "subimport": lambda name, *rest: Absent(str(name)[:80]),
        "dynamic_subimport": lambda name, *rest: Absent(str(name)[:80]),
        "_get_cell_contents": _stand_in("a cell")}.items()},
}
CALLS = {name: Call(name, make) for name, make in MAKERS.items()}
