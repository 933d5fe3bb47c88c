"""Hostile pickles by name: each with a part of the expected error message, and its file."""

import io
import pickle
import zipfile
from pathlib import Path

from helpers.hostile_programs import PROGRAMS, SYSTEM
from helpers.pickles import NONE, STOP, torch_zip


def zip_bomb() -> bytes:
    """Return a zip with a compressed member of 200 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        archive.writestr("archive/data/0", bytes(200_000_000))
    return buffer.getvalue()


def overlapping() -> bytes:
    """Return a zip of two members over the same bytes."""
    data = bytearray(torch_zip(b"}.", bytes(16)))
    first, second = data.find(b"PK\1\2"), data.find(b"PK\1\2", data.find(b"PK\1\2") + 1)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    return bytes(data)


def two_pickles() -> bytes:
    """Return a zip of two pickles whose names differ by their case alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"}.")
        archive.writestr("archive/DATA.PKL", SYSTEM + STOP)
    return buffer.getvalue()


def script() -> bytes:
    """Return a TorchScript program."""
    return torch_zip(b"}.", **{"constants.pkl": b"})", "code/evil.py": b"import os"})


FILES = {
    "zip-bomb": ("compressed", zip_bomb),
    "overlapping-members": ("overlap", overlapping),
    "two-pickles": ("overlap", two_pickles),
    "torchscript": ("TorchScript", script),
    "zip-of-nothing": ("no data.pkl", lambda: b"PK\5\6" + bytes(18)),
    "huge-pickle": ("pickle of", lambda: torch_zip(NONE * 20_000_000)),
    "before-zip": (
        "os.system",
        lambda: pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + b"\x80\x02" + SYSTEM + STOP,
    ),
}


def hostile_files() -> dict[str, tuple[str, bytes]]:
    """Return a part of the error message and the file's bytes, by name."""
    programs = {
        key: (
            says,
            torch_zip((b"" if program[:1] == b"\x80" else b"\x80\x02") + program + (b"" if key == "no-stop" else STOP)),
        )
        for key, (says, program) in PROGRAMS.items()
    }
    return {**programs, **{key: (says, make()) for key, (says, make) in FILES.items()}}


def write_all(folder: Path) -> None:
    """Write every file, to inspect them with other tools."""
    for key, (_, data) in hostile_files().items():
        (folder / f"{key}.pkl").write_bytes(data)
