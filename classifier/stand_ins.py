"""What an export that is being opened is made of where it is not the thing itself."""
import enum
from pathlib import PurePath

import numpy as np

from .allowed import Absent

built: set[type] = set()  # classes with instances that the unpickler made; no others may be filled


class Refused(ValueError):
    """What a pickle asked for that no stock export does, in words that follow the file's name."""


class StandIn:
    """An instance of a class that is not here, or not needed to serve: it holds its attributes and does nothing."""

    def __init__(self, name: str):
        self.stands_for = name

    def __call__(self, *args, **kwargs):
        raise RuntimeError(f"{self.stands_for} is not here, or not called when an export is served")


class Call:
    """A listed name that a pickle may call; it is a token, not the function."""

    def __init__(self, name: str, make):
        self.name, self.make = name, make


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


def expect(right: bool, name: str) -> None:
    if not right:
        raise Refused(f"wants to call {name} with arguments that no export gives it")


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
