"""Functions that a pickle stores by value (cloudpickle): none is made.

Such a function becomes fastai's own of its name where that is listed, else a name that raises if it is called:
enough for a label function. `CALLS` maps cloudpickle's names to functions of ours that do this.
"""
from typing import Any

from .allowed import Absent, NotListed, look_up, method
from .stand_ins import Call, StandIn, expect, name_of


class ByValue(Absent):
    """A function that the file holds as code: a name, once it is told."""

    def __init__(self):
        super().__init__("__main__.<function stored by value>")

    def told(self, module, qualname) -> Any:
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


def _code(*args):
    return Absent("types.CodeType")


def _function(*args):
    return ByValue()


def _told(function, state):
    """cloudpickle's `_function_setstate`: here the function gets its name."""
    expect(type(state) is tuple and len(state) == 2 and type(state[1]) is dict, "cloudpickle._function_setstate")
    if not isinstance(function, ByValue):
        return function
    return function.told(state[1].get("__module__"), state[1].get("__qualname__"))


def _fill_function(function, state, *rest):
    """The same in cloudpickle before 1.5."""
    expect(type(state) is dict, "cloudpickle._fill_function")
    if not isinstance(function, ByValue):
        return function
    return function.told(state.get("module"), state.get("qualname", state.get("name")))


def _method(function, owner):
    """A method bound to its class: `PILImage.create`."""
    if isinstance(owner, type) and getattr(function, "__func__", None) is not None:
        return method(owner, function.__name__) or Absent(name_of(function))
    return function if isinstance(function, Absent) else Absent(name_of(function))


def _builtin_type(name):
    name = f"types.{str(name)[:80]}"
    return Call(name, CALLS[name]) if name in CALLS else Absent(name)


def _class(kind, name, *rest):
    """A class stored by value: its instances hold their attributes and do nothing."""
    return Absent(f"__main__.{str(name)[:80]}")


def _first(function, *rest):
    return function


def _cell(*args):
    return StandIn("a cell")


CALLS = {
    "types.GenericAlias": lambda *args: StandIn("types.GenericAlias"),
    "types.CodeType": _code, "types.FunctionType": _function, "types.MethodType": _method,
    **{f"cloudpickle.cloudpickle.{name}": make for name, make in {
        "_make_function": _function, "_make_skel_func": _function, "_function_setstate": _told,
        "_fill_function": _fill_function, "_builtin_type": _builtin_type, "_make_skeleton_class": _class,
        "_make_skeleton_enum": _class, "_class_setstate": _first, "_rehydrate_skeleton_class": _first,
        "_make_typevar": lambda *args: Absent("typing.TypeVar"), "_make_cell": _cell,
        "_make_empty_cell": _cell, "_cell_set": _first,
        "subimport": lambda name, *rest: Absent(str(name)[:80]),
        "dynamic_subimport": lambda name, *rest: Absent(str(name)[:80]),
        "_get_cell_contents": _cell}.items()},
}
