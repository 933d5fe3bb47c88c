"""Read a pickle as data: no name in it is imported, and nothing is called, filled, hashed or compared.

    root = load(file, persistent_load)

Python's own unpickler executes what a file contains. This one records it as nodes (`classifier.export.nodes`):
"an object of the class A, called with B, given the attributes C". The reader decides what to do with them.
Bytes and time are limited: a file's strings are kept once, every other object is charged the memory that Python takes
for it.
"""

import codecs
import pickle
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from .nodes import InvalidExport, Node, Pairs
from .pickle_machine import MAX_STEPS, Machine

codecs.lookup("raw-unicode-escape")  # imports the module that reads such text, so that no file causes an import


def _unquoted(line: bytes) -> bytes:
    """Return the bytes of a Python 2 string in quotes, as pickle itself decodes them."""
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise ValueError("a string without its quotes")
    return codecs.escape_decode(line[1:-1])[0]


def _push_int(machine: Machine) -> None:
    """INT: push a whole number, or True or False, which protocol 0 writes as 01 and 00."""
    digits = machine.line()
    machine.push(digits == b"01" if digits in (b"00", b"01") else machine.whole(digits))


# the method of each instruction: m is the machine
STEPS: dict[bytes, Callable[[Machine], Any]] = {
    pickle.PROTO: lambda m: m.exactly(1),
    pickle.FRAME: lambda m: m.exactly(8),
    pickle.MARK: Machine.mark,
    pickle.POP: Machine.drop,
    pickle.POP_MARK: Machine.pop_mark,
    pickle.DUP: lambda m: m.push(m.top()),
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.INT: _push_int,
    pickle.LONG: lambda m: m.push(m.whole(m.line().removesuffix(b"L"))),
    pickle.BININT: lambda m: m.number(int.from_bytes(m.exactly(4), "little", signed=True)),
    pickle.BININT1: lambda m: m.push(m.unsigned(1)),
    pickle.BININT2: lambda m: m.number(m.unsigned(2)),
    pickle.LONG1: lambda m: m.push(m.counted_whole(1)),
    pickle.LONG4: lambda m: m.push(m.counted_whole(4)),
    pickle.FLOAT: lambda m: m.number(float(m.line())),
    pickle.BINFLOAT: lambda m: m.number(struct.unpack(">d", m.exactly(8))[0]),
    pickle.STRING: lambda m: m.push(m.text(_unquoted(m.line()))),
    pickle.UNICODE: lambda m: m.push(m.charged_text(m.line().decode("raw-unicode-escape"))),
    pickle.BINSTRING: lambda m: m.push(m.text(m.counted(4))),
    pickle.SHORT_BINSTRING: lambda m: m.push(m.text(m.counted(1))),
    pickle.SHORT_BINUNICODE: lambda m: m.push(m.text(m.counted(1))),
    pickle.BINUNICODE: lambda m: m.push(m.text(m.counted(4))),
    pickle.BINUNICODE8: lambda m: m.push(m.text(m.counted(8))),
    pickle.SHORT_BINBYTES: lambda m: m.push(m.counted(1)),
    pickle.BINBYTES: lambda m: m.push(m.counted(4)),
    pickle.BINBYTES8: lambda m: m.push(m.counted(8)),
    pickle.BYTEARRAY8: lambda m: m.push(m.counted(8)),
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.TUPLE: lambda m: m.collection(tuple, m.pop_mark()),
    pickle.TUPLE1: lambda m: m.collection(tuple, m.pop_last(1)),
    pickle.TUPLE2: lambda m: m.collection(tuple, m.pop_last(2)),
    pickle.TUPLE3: lambda m: m.collection(tuple, m.pop_last(3)),
    pickle.EMPTY_LIST: lambda m: m.collection(list),
    pickle.LIST: lambda m: m.collection(list, m.pop_mark()),
    pickle.EMPTY_SET: lambda m: m.collection(list),
    pickle.FROZENSET: lambda m: m.collection(list, m.pop_mark()),
    pickle.APPEND: lambda m: m.append([m.pop()]),
    pickle.APPENDS: lambda m: m.append(m.pop_mark()),
    pickle.ADDITEMS: lambda m: m.append(m.pop_mark()),
    pickle.EMPTY_DICT: lambda m: m.collection(Pairs),
    pickle.DICT: lambda m: m.dictionary(m.pop_mark()),
    pickle.SETITEM: lambda m: m.set_items([*m.pop_last(2)]),
    pickle.SETITEMS: lambda m: m.set_items(m.pop_mark()),
    pickle.GLOBAL: lambda m: m.name(m.line().decode("utf-8"), m.line().decode("utf-8")),
    pickle.STACK_GLOBAL: lambda m: m.name(*m.pop_last(2)),
    pickle.REDUCE: lambda m: m.reduce(2),
    pickle.NEWOBJ: lambda m: m.reduce(2),
    pickle.NEWOBJ_EX: lambda m: m.reduce(3),
    pickle.OBJ: Machine.obj,
    pickle.INST: Machine.inst,
    pickle.BUILD: Machine.build,
    pickle.BINPERSID: Machine.persistent,
    pickle.PUT: lambda m: m.put(m.whole(m.line())),
    pickle.BINPUT: lambda m: m.put(m.unsigned(1)),
    pickle.LONG_BINPUT: lambda m: m.put(m.unsigned(4)),
    pickle.MEMOIZE: Machine.memoize,
    pickle.GET: lambda m: m.get(m.whole(m.line())),
    pickle.BINGET: lambda m: m.get(m.unsigned(1)),
    pickle.LONG_BINGET: lambda m: m.get(m.unsigned(4)),
}
UNUSED = {pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.PERSID}


def load(file: BinaryIO, persistent_load: Callable[[Node], Node] | None) -> Node:
    """Return the root node of the pickle at the file's position, and leave the file at its end.

    persistent_load: given the node by which a tensor names its storage, returns the storage.
    Raises InvalidExport for content that no export has, and any of Python's own errors for a broken pickle.
    """
    start = file.tell()
    size = file.seek(0, 2) - start
    file.seek(start)
    machine = Machine(file, persistent_load, size)
    for _ in range(MAX_STEPS):
        code = machine.read(1)
        if code == pickle.STOP:
            return machine.pop()
        step = STEPS.get(code)
        if step is None:
            raise _unknown(code)
        step(machine)
    raise InvalidExport(f"has a pickle of more than {MAX_STEPS} instructions")


def _unknown(code: bytes) -> Exception:
    """Return the error for a byte that is no instruction, or one that no export has."""
    if code in UNUSED:
        return InvalidExport("uses a part of the pickle format that no export does: an extension, or data from outside")
    return ValueError(f"there is no instruction {code!r}") if code else EOFError("it ends too early")
