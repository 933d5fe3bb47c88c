"""Pickles built opcode by opcode, and the zip of `torch.save` around one."""

import io
import struct
import zipfile

MARK, STOP, TUPLE, REDUCE, BUILD, POP, EMPTY_DICT, EMPTY_LIST = b"(", b".", b"t", b"R", b"b", b"0", b"}", b"]"
EMPTY_TUPLE, TUPLE1, TUPLE2, NEWOBJ, APPEND, SETITEM, NONE = b")", b"\x85", b"\x86", b"\x81", b"a", b"s", b"N"


def name(module: str, attribute: str) -> bytes:
    """Return the program of a GLOBAL."""
    return f"c{module}\n{attribute}\n".encode()


def text(value: bytes | str) -> bytes:
    """Return the program of a BINUNICODE."""
    value = value if isinstance(value, bytes) else value.encode()
    return b"X" + struct.pack("<I", len(value)) + value


def call(module: str, attribute: str, *args: bytes) -> bytes:
    """Return the program of a REDUCE: a call of a function."""
    return name(module, attribute) + MARK + b"".join(args) + TUPLE + REDUCE


def nested_tuples(depth: int) -> bytes:
    """Return a tuple that holds the same tuple twice, and so on: hashing it takes 2 ** depth steps."""
    program = EMPTY_TUPLE + b"q\0" + POP
    for _ in range(depth):
        program += b"h\0h\0" + TUPLE2 + b"q\0" + POP
    return program + b"h\0"


def learner(attribute: bytes, value: bytes) -> bytes:
    """Return an empty Learner with one attribute."""
    empty = name("fastai.learner", "Learner") + EMPTY_TUPLE + NEWOBJ
    return empty + EMPTY_DICT + text(attribute) + value + SETITEM + BUILD


def partial(function: bytes, *args: bytes) -> bytes:
    return call("functools", "partial", function, *args)


def torch_zip(program: bytes, storage: bytes = bytes(16), **other: bytes) -> bytes:
    """Return a file as `torch.save` lays it out: stored, the pickle and one tensor's numbers."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/data/0", storage)
        archive.writestr("archive/version", b"3\n")
        for member, data in other.items():
            archive.writestr(f"archive/{member}", data)
    return buffer.getvalue()
