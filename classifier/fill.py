"""Objects out of a pickle: called for, made without their constructor, filled from their state.

Each of the three refuses what is not listed; see `classifier.allowed`.
"""
import enum
import functools
import inspect
import random
import threading
from collections import OrderedDict
from typing import Any

import numpy as np

from .allowed import Absent, is_built, is_live, moved
from .rebuild import CALLS, check_partial, is_method
from .rebuild_arrays import fill_array
from .rebuild_functions import ByValue
from .stand_ins import Call, Refused, StandIn, built, name_of

BASES = (tuple, str, int, float, list, set, frozenset, dict)
NO_ATTRIBUTES = {"__class__", "__dict__", "__signature__"}


def a_tuple(args, function) -> tuple:
    if type(args) is not tuple:
        raise Refused(f"wants to call {name_of(function)} with {name_of(args)} for arguments")
    return args


def call(function, args):
    """Return what a listed name makes of its arguments; Refused for any other function."""
    args = a_tuple(args, function)
    if isinstance(function, type):
        if issubclass(function, enum.Enum):
            return _member(function, *args)
        function = CALLS.get(".".join(moved(function.__module__, function.__qualname__)), function)
    if not isinstance(function, Call):
        raise Refused(f"wants to call {name_of(function)}")
    return function.make(*args)


def _member(cls, *args):
    if len(args) != 1 or type(args[0]) not in (int, str) or args[0] not in cls._value2member_map_:
        raise Refused(f"wants to call {name_of(cls)} with arguments that no export gives it")
    return cls._value2member_map_[args[0]]


def new(cls, *args):
    """Return an empty instance of a class of the list, made without its constructor."""
    if isinstance(cls, Absent) and cls.cls is None and not isinstance(cls, ByValue):
        return StandIn(cls.name)
    if isinstance(cls, type) and not is_built(cls):
        return call(cls, args)
    real = cls.cls if isinstance(cls, Absent) else cls
    if not isinstance(real, type):
        raise Refused(f"wants to call {name_of(cls)}")
    built.add(real)
    for base in BASES:
        if issubclass(real, base):
            if len(args) > 1 or any(type(arg) is not base for arg in args):
                raise Refused(f"wants to call {name_of(cls)} with arguments that no export gives it")
            return base.__new__(real, *args)
    return object.__new__(real)


def fill(inst, state) -> None:
    """Give an instance made by `new` or by a call its attributes; Refused for anything else."""
    kind = type(inst)
    if kind is StandIn:
        inst.__dict__.update(_attributes(state, inst, lenient=True))
    elif kind is np.ndarray:
        fill_array(inst, state)
    elif isinstance(inst, np.dtype):
        if type(state) is not tuple or len(state) < 2 or state[1] == ">":
            raise Refused("has numbers of a big-endian machine")
    elif kind is functools.partial:
        if type(state) is not tuple or len(state) != 4:
            raise Refused("wants to fill functools.partial in a way that no export does")
        check_partial(state[0], state[1], state[2])
        inst.__setstate__((state[0], state[1], state[2] or {}, {}))
    elif kind is random.Random:
        if type(state) is not tuple or len(state) != 3 or type(state[1]) is not tuple:
            raise Refused("wants to fill random.Random in a way that no export does")
        inst.setstate(state)
    elif kind in built:
        _fill(inst, _attributes(state, inst))
    else:
        raise Refused(f"wants to fill {name_of(inst)}")


def _attributes(state, inst, lenient: bool = False) -> dict[str, Any]:
    """Return the attributes in an instance's state."""
    if type(state) is tuple and len(state) == 2 and type(state[0]) in (dict, type(None)):
        state = {**(state[0] or {}), **(state[1] or {})} if type(state[1]) in (dict, type(None)) else None
    if state is None or type(state) not in (dict, OrderedDict):
        if lenient or state is None:
            return {}
        raise Refused(f"wants to fill {name_of(inst)} with {name_of(state)}")
    return {key: value for key, value in state.items() if type(key) is str and key not in NO_ATTRIBUTES}


def _fill(inst, state: dict[str, Any]) -> None:
    """Do what a class's own `__setstate__` would, for the classes that have one that matters."""
    from fastai.learner import Learner
    from fastcore.basics import Stateful
    from fasttransform import Transform
    from plum import Function
    from torch import nn

    if isinstance(inst, Function):
        return _fill_function(inst, state)
    if isinstance(inst, nn.Module):
        # those of torch's own layers fill in what older versions did not have; that of nn.RNNBase counts to any number
        own = next(cls for cls in type(inst).__mro__ if "__setstate__" in vars(cls))
        own = own if own.__module__.startswith("torch.nn.modules.") and "rnn" not in own.__module__ else nn.Module
        state = {**_new_settings(type(inst)), **state}
        return own.__setstate__(inst, state)
    state = {name: value for name, value in state.items() if not _own_method(inst, name, value)}
    if isinstance(inst, Transform):
        state = {name: value for name, value in state.items() if not _is_empty(value)}
    if "types" in state and isinstance(state["types"], list):  # isinstance asks for types
        state["types"] = [StandIn if isinstance(kind, Absent) else kind for kind in state["types"]]
    inst.__dict__.update(state)
    if isinstance(inst, Stateful):
        inst._state = {}
    if isinstance(inst, Learner):
        inst.lock = threading.Lock()


@functools.cache
def _new_settings(cls: type) -> dict[str, Any]:
    """Return the settings of one of torch's layers and their defaults, for a file from before there were some."""
    if not cls.__module__.startswith("torch.nn.modules.activation"):
        return {}
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is None or isinstance(p.default, (str, int, float))}


def _is_empty(value) -> bool:
    """Return whether this is an old dispatch table without a function in it."""
    from plum import Function

    return isinstance(value, Function) and "_f" not in vars(value)


def _fill_function(function, state: dict[str, Any]) -> None:
    """Make a function that chooses by type anew, out of the functions that it chooses among.

    state: of plum's `Function`, whatever its version, or of the `TypeDispatch` that fastai had before 2.8.
    """
    from fasttransform import Transform
    from torch.nn import Module

    chosen: list = []
    for made in (*_items(state.get("_resolved")), *_items(state.get("_pending"))):
        chosen += made[:1] if type(made) is tuple else []
    chosen = chosen or ([state["_f"]] if "_f" in state else [])
    for by_second in vars(state.get("funcs", StandIn(""))).get("d", {}).values():
        chosen += vars(by_second).get("d", {}).values() if isinstance(by_second, StandIn) else []
    for each in chosen:
        if not (isinstance(each, (Absent, StandIn, functools.partial, Module, Transform)) or is_live(each)
                or is_method(each)):
            raise Refused(f"has a transform that calls {name_of(each)}")
    if chosen:
        named = [each if hasattr(each, "__name__") else _named(each) for each in chosen]
        type(function).__init__(function, named[0])
        for each in named:
            function.dispatch(each)


def _named(each):
    """Return what plum can hold of an object that is no function."""
    if isinstance(each, StandIn):
        return Absent(each.stands_for)

    def call_it(*args, **kwargs):
        return each(*args, **kwargs)
    return call_it


def _items(value) -> list:
    return value if isinstance(value, list) else []


def _own_method(inst, name: str, value) -> bool:
    """Return whether `value` stands for the method `name` of an instance, which it has anyway."""
    cls = type(inst)
    return isinstance(value, Absent) and value.name == f"{cls.__module__}.{cls.__qualname__}.{name}"


NEW = {"_reconstructor": lambda cls, base, state=None: new(cls, *(() if base is object else (state,))),
       "__newobj__": lambda cls, *args: new(cls, *args), "__newobj_ex__": lambda cls, args, kwargs: new(cls, *args)}
