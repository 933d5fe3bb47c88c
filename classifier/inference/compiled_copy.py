"""Read export.onnx, the compiled copy of export.pkl that `classifier.inference.onnx_export` writes.

    engine, facts = read_compiled(onnx_path("export.pkl"), sha256("export.pkl"))

A copy is used only while it was made from that very export, and only after `classifier.inference.onnx_check`.
"""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from classifier.export.reader import LFS_POINTER
from classifier.json_arrays import unpack

from .onnx_engine import OnnxEngine


class CompileError(RuntimeError):
    """Raised where there is no compiled copy to serve, with one sentence that says why."""


def onnx_path(export: str | os.PathLike[str]) -> Path:
    """Return the path of an export's compiled copy: export.onnx beside export.pkl."""
    return Path(export).with_suffix(".onnx")


def read_compiled(path: Path, export_sha256: str) -> tuple[OnnxEngine, dict[str, Any]]:
    """Return the engine in a compiled copy, and the export's facts.

    Raises CompileError where the file is missing, broken or made from another export than `export_sha256`.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CompileError(f"There is no {path.name}.") from None
    except OSError as error:
        raise CompileError(f"{path.name} could not be read: {error.strerror or error}.") from error
    if data.startswith(LFS_POINTER):
        raise CompileError(f"{path.name} is a Git LFS pointer, not the file itself.")
    return engine_from_bytes(data, path.name, export_sha256)


def engine_from_bytes(data: bytes, name: str, export_sha256: str) -> tuple[OnnxEngine, dict[str, Any]]:
    """Return what `read_compiled` does, for the bytes of a file, which `onnx_check` checks first."""
    if find_spec("onnx") is None:
        raise CompileError(f"{name} is not used: the package onnx, which checks it, is not installed.")
    from .onnx_check import check_model

    try:
        check_model(data)
        engine = OnnxEngine(data)
        made_from, facts = engine.metadata["export_sha256"], unpack(json.loads(engine.metadata["facts"]))
        if not isinstance(facts, dict):
            raise TypeError("facts that are none")
    except Exception as error:  # ONNX Runtime and protobuf raise many classes, and metadata is any text
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CompileError(f"{name} is no compiled copy of an export ({reason[0][:200]}).") from error
    if made_from != export_sha256:
        raise CompileError(f"{name} was made from another export than this one.")
    return engine, facts
