"""Change a fact in an export that is written already, without opening it: nothing in the file is imported or called.

Reads  the bytes of an export of `training.train`
Gives  the same export with another fact; `training.operate` writes it

An export is a zip of `torch.save` with a pickle in it. The pickle is a program for a stack machine: before its end, a
few steps more take hold of the dictionary of facts again and set one of its items. Whatever opens the file runs them.
"""

import io
import pickle
import pickletools
import struct
import zipfile
from typing import Any

from fastcore.script import CliError

NAME = "fieldguide"  # the attribute of a Learner that holds the facts
ALIGNMENT = 64  # bytes, of each member, as `torch.save` aligns them
PADDING = struct.Struct("<HH")  # a field of a zip's header: its name, and how many bytes follow
GETS = {"BINPUT": pickle.BINGET, "LONG_BINPUT": pickle.LONG_BINGET}


def with_fact(export: bytes, name: str, value: Any) -> bytes:
    """Return an export with facts[name] = value; value: plain data, None included.

    Raises CliError for a file that `training.train` did not write.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(export)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        (program,) = (member for member in members if member.split("/")[1:] == ["data.pkl"])
        members[program] = _with_steps(members[program], name, value)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError) as error:
        raise CliError("This is no export of training.train: it holds no facts that could be added to.") from error
    return _zipped(members)


def _with_steps(program: bytes, name: str, value: Any) -> bytes:
    """Return a pickle with steps before its end that set an item of the facts; ValueError for one without facts."""
    steps = [(code.name, argument, at or 0) for code, argument, at in pickletools.genops(program)]
    named = next((step for step, (_, argument, _) in enumerate(steps) if argument == NAME), len(steps))
    after, end = steps[named + 1 :], steps[-1][2]
    if after and after[0][0] in GETS:  # the name itself is kept for other objects
        after = after[1:]
    if len(after) < 2 or after[0][0] != "EMPTY_DICT" or after[1][0] not in GETS:
        raise ValueError("no facts")
    pair = b"".join(_steps_of(part) for part in (name, value))
    return program[:end] + _get(*after[1][:2]) + pair + pickle.SETITEM + pickle.POP + pickle.STOP


def _get(put: str, number: Any) -> bytes:
    """Return the step that pushes again what a step has kept under a number."""
    return GETS[put] + (bytes([number]) if put == "BINPUT" else struct.pack("<I", number))


def _steps_of(value: Any) -> bytes:
    """Return the steps that push plain data: a pickle without its first step, the protocol, and its last."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=2)
    pickler.fast = True  # no step keeps anything under a number that the file has given away
    pickler.dump(value)
    return buffer.getvalue()[2:-1]


def _zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip as `torch.save` writes it: nothing compressed, each member aligned."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            start = buffer.tell() + 30 + len(name.encode()) + PADDING.size
            n = -start % ALIGNMENT
            info.extra = PADDING.pack(0x4246, n) + b"Z" * n  # torch's own name for it
            archive.writestr(info, content)
    return buffer.getvalue()
