"""Read a pickle as data: no name in it is imported, nothing is called, filled, hashed or compared.

    root = load(file, persistent_load)

Python's own unpickler runs what a file says. This one writes down what it says, as the nodes of `classifier.export.nodes`:
"an object of the class A, called with B, given the attributes C". What is done with that is the reader's choice.
Bytes and time are bounded: a file's strings are kept once, each other object is charged what Python takes for it.
"""
import codecs
import pickle
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from .nodes import Pairs, Refused
from .pickle_machine import MOST_STEPS, Machine

codecs.lookup("raw-unicode-escape")  # imports what reads such text now, so that no file is what imports it


def _quoted(line: bytes) -> bytes:
    """Return the bytes of a Python 2 string in quotes, as pickle itself decodes them."""
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a string without its quotes")
    return codecs.escape_decode(line[1:-1])[0]


def _boolean_or_whole(reader: Machine) -> None:
    digits = reader.line()
    reader.push(digits == b"01" if digits in (b"00", b"01") else reader.whole(digits))


STEPS: dict[bytes, Callable[[Machine], Any]] = {
    pickle.PROTO: lambda r: r.exactly(1), pickle.FRAME: lambda r: r.exactly(8),
    pickle.MARK: Machine.mark, pickle.POP: Machine.drop, pickle.POP_MARK: Machine.since_mark,
    pickle.DUP: lambda r: r.push(r.top()),
    pickle.NONE: lambda r: r.push(None), pickle.NEWTRUE: lambda r: r.push(True),
    pickle.NEWFALSE: lambda r: r.push(False),
    pickle.INT: _boolean_or_whole, pickle.LONG: lambda r: r.push(r.whole(r.line().removesuffix(b"L"))),
    pickle.BININT: lambda r: r.number(int.from_bytes(r.exactly(4), "little", signed=True)),
    pickle.BININT1: lambda r: r.push(r.exactly(1)[0]),
    pickle.BININT2: lambda r: r.number(int.from_bytes(r.exactly(2), "little")),
    pickle.LONG1: lambda r: r.number_of_bytes(1), pickle.LONG4: lambda r: r.number_of_bytes(4),
    pickle.FLOAT: lambda r: r.number(float(r.line())),
    pickle.BINFLOAT: lambda r: r.number(struct.unpack(">d", r.exactly(8))[0]),
    pickle.STRING: lambda r: r.push(r.text(_quoted(r.line()))),
    pickle.UNICODE: lambda r: r.push(r.wide(r.line().decode("raw-unicode-escape"))),
    pickle.BINSTRING: lambda r: r.push(r.text(r.bytes(4))),
    pickle.SHORT_BINSTRING: lambda r: r.push(r.text(r.bytes(1))),
    pickle.SHORT_BINUNICODE: lambda r: r.push(r.text(r.bytes(1))),
    pickle.BINUNICODE: lambda r: r.push(r.text(r.bytes(4))),
    pickle.BINUNICODE8: lambda r: r.push(r.text(r.bytes(8))),
    pickle.SHORT_BINBYTES: lambda r: r.push(r.bytes(1)), pickle.BINBYTES: lambda r: r.push(r.bytes(4)),
    pickle.BINBYTES8: lambda r: r.push(r.bytes(8)), pickle.BYTEARRAY8: lambda r: r.push(r.bytes(8)),
    pickle.EMPTY_TUPLE: lambda r: r.push(()), pickle.TUPLE: lambda r: r.sequence(tuple, r.since_mark()),
    pickle.TUPLE1: lambda r: r.sequence(tuple, r.last(1)), pickle.TUPLE2: lambda r: r.sequence(tuple, r.last(2)),
    pickle.TUPLE3: lambda r: r.sequence(tuple, r.last(3)),
    pickle.EMPTY_LIST: lambda r: r.sequence(list), pickle.LIST: lambda r: r.sequence(list, r.since_mark()),
    pickle.EMPTY_SET: lambda r: r.sequence(list), pickle.FROZENSET: lambda r: r.sequence(list, r.since_mark()),
    pickle.APPEND: lambda r: r.extend([r.pop()]), pickle.APPENDS: lambda r: r.extend(r.since_mark()),
    pickle.ADDITEMS: lambda r: r.extend(r.since_mark()),
    pickle.EMPTY_DICT: lambda r: r.sequence(Pairs), pickle.DICT: lambda r: r.dictionary(r.since_mark()),
    pickle.SETITEM: lambda r: r.update([*r.last(2)]), pickle.SETITEMS: lambda r: r.update(r.since_mark()),
    pickle.GLOBAL: lambda r: r.name(r.line().decode("utf-8"), r.line().decode("utf-8")),
    pickle.STACK_GLOBAL: lambda r: r.name(*r.last(2)),
    pickle.REDUCE: lambda r: r.called(2), pickle.NEWOBJ: lambda r: r.called(2), pickle.NEWOBJ_EX: lambda r: r.called(3),
    pickle.OBJ: Machine.class_of_marked, pickle.INST: Machine.class_by_line, pickle.BUILD: Machine.build,
    pickle.BINPERSID: Machine.persistent,
    pickle.PUT: lambda r: r.remember(r.whole(r.line())), pickle.BINPUT: lambda r: r.remember(r.exactly(1)[0]),
    pickle.LONG_BINPUT: lambda r: r.remember(int.from_bytes(r.exactly(4), "little")),
    pickle.MEMOIZE: Machine.remember_next,
    pickle.GET: lambda r: r.recall(r.whole(r.line())), pickle.BINGET: lambda r: r.recall(r.exactly(1)[0]),
    pickle.LONG_BINGET: lambda r: r.recall(int.from_bytes(r.exactly(4), "little")),
}
UNUSED = {pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.PERSID}


def load(file: BinaryIO, persistent_load: Callable[[Any], Any] | None) -> Any:
    """Return what the pickle at the file's place says, and leave the file behind it.

    persistent_load: given the node by which a tensor names its numbers, what stands for them.
    Raises Refused for what no export says, and any of Python's own errors for a broken pickle.
    """
    at = file.tell()
    size = file.seek(0, 2) - at
    file.seek(at)
    machine = Machine(file, persistent_load, size)
    for _ in range(MOST_STEPS):
        code = machine.read(1)
        if code == pickle.STOP:
            return machine.pop()
        step = STEPS.get(code)
        if step is None:
            raise _unknown(code)
        step(machine)
    raise Refused(f"has a pickle of more than {MOST_STEPS} instructions")


def _unknown(code: bytes) -> Exception:
    """Return the error for what is no instruction, or none that an export has."""
    if code in UNUSED:
        return Refused("uses a part of the pickle format that no export does: an extension, or data from outside")
    return ValueError(f"there is no instruction {code!r}") if code else EOFError("it ends too early")
