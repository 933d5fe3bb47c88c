"""export.onnx: a compiled copy of export.pkl, several times faster and free of torch and fastai.

    write_compiled("export.pkl")         # writes export.onnx beside it; `python -m training.export` does the same

One graph from a batch of normalised photos, `image` (N, 3, H, W) float32, to `logits` (N, C) and, where the
model is a body and a head, `features` (N, D) and `cells` (N, D, h, w). The file's metadata, JSON by name,
hold the rest: `labels`, `preprocess` (what makes a photo an `image`), `head` (what traces logits back to
cells), `facts` (temperature, familiarity, figures) and `export_sha256`, the export it was made from. A copy
of another export is never served.
"""
import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np

from classifier.files import sha256
from classifier.json_arrays import pack, unpack
from classifier.preprocess import Preprocess

from .engine import Engine, OnnxEngine

log = logging.getLogger(__name__)

OPSET = 17
TOLERANCE = 1e-4  # of a logit, or of its size beyond 1
POINTER = b"version https://git-lfs"


class CompileError(RuntimeError):
    """Why there is no compiled copy to serve, in one sentence."""


def onnx_path(export: str | os.PathLike) -> Path:
    """Return where an export's compiled copy lies: export.onnx beside export.pkl."""
    return Path(export).with_suffix(".onnx")


def read_compiled(path: Path, export_sha256: str) -> tuple[OnnxEngine, dict]:
    """Return the engine in a compiled copy, and the export's facts.

    Raises CompileError where the file is missing, broken or made from another export than `export_sha256`.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CompileError(f"There is no {path.name}.") from None
    except OSError as error:
        raise CompileError(f"{path.name} could not be read: {error.strerror or error}.") from error
    if data.startswith(POINTER):
        raise CompileError(f"{path.name} is a Git LFS pointer, not the file itself.")
    return from_bytes(data, path.name, export_sha256)


def from_bytes(data: bytes, name: str, export_sha256: str) -> tuple[OnnxEngine, dict]:
    """Return what `read_compiled` does, from a file's bytes, which are held against what we write (`onnx_check`)."""
    if find_spec("onnx") is None:
        raise CompileError(f"{name} is not used: the package onnx, which checks it, is not installed.")
    from .onnx_check import check_model

    try:
        check_model(data)
        engine = OnnxEngine(data)
        made_from, facts = engine.metadata["export_sha256"], unpack(json.loads(engine.metadata["facts"]))
        if not isinstance(facts, dict):
            raise TypeError("facts that are none")
    except Exception as error:  # those of ONNX Runtime and protobuf have no class of their own; metadata is any text
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CompileError(f"{name} is no compiled copy of an export ({reason[0][:200]}).") from error
    if made_from != export_sha256:
        raise CompileError(f"{name} was made from another export than this one.")
    return engine, facts


def to_onnx(engine, facts: dict, export_sha256: str) -> bytes:
    """Return the compiled copy of a `FastaiEngine`, checked against it.

    Raises CompileError for a model or transforms that cannot be compiled, or that answer otherwise.
    """
    if not isinstance(engine.preprocess, Preprocess):
        raise CompileError("This export uses a transform that only fastai itself can run.")
    if not engine.preprocess.steps and not engine.preprocess.batch_steps:
        raise CompileError("This export brings photos to no size of its own, and a compiled copy takes one size.")
    try:
        import onnx
    except ImportError as error:
        raise CompileError("The package onnx is not installed.") from error
    sample = _sample(engine)
    model = onnx.load_from_string(_traced(engine.model, sample))
    model.metadata_props.clear()
    head = engine.head and engine.head.to_data()
    for name, value in {
        "labels": engine.labels, "preprocess": engine.preprocess.to_data(), "head": head, "facts": facts,
        "gives_probabilities": engine.gives_probabilities, "n_features": engine.n_features,
    }.items():
        model.metadata_props.add(key=name, value=json.dumps(pack(value)))
    model.metadata_props.add(key="export_sha256", value=export_sha256)
    data = model.SerializeToString()
    difference = largest_difference(engine, from_bytes(data, "The compiled copy", export_sha256)[0], sample)
    if not difference <= TOLERANCE:
        raise CompileError(f"The compiled copy answers otherwise than its export: a logit differs by {difference:.2g}.")
    return data


def faster(engine) -> Engine:
    """Return the compiled copy of a `FastaiEngine`, or the engine itself where there can be none."""
    try:
        return from_bytes(to_onnx(engine, {}, ""), "The compiled copy", "")[0]
    except CompileError as why:
        log.info("%s Going on with torch, which is slower.", why)
        return engine


def _sample(engine: Engine) -> np.ndarray:
    """Return (2, 3, H, W) float32: noise, at the size that the model is asked at."""
    from PIL import Image

    rng = np.random.default_rng(0)
    photos = (Image.fromarray(rng.integers(0, 256, (192, 256, 3), dtype=np.uint8)) for _ in range(2))
    return np.stack([engine.preprocess(photo) for photo in photos])


def largest_difference(one: Engine, other: Engine, batch: np.ndarray) -> float:
    """Return the largest difference between two engines' logits, relative to those above 1."""
    ours, theirs = one.forward(batch)[0], other.forward(batch)[0]
    return float((np.abs(ours - theirs) / np.abs(ours).clip(1)).max())


def _traced(model, sample: np.ndarray) -> bytes:
    """Return the torch model as an ONNX file."""
    import torch

    from .torch_engine import parts

    class Parts(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = deepcopy(model).eval()  # the one that is served meanwhile stays untouched

        def forward(self, x):
            return tuple(output for output in parts(self.model, x) if output is not None)

    buffer, traced, x = BytesIO(), Parts(), torch.from_numpy(sample)
    with torch.no_grad():
        names = [name for name, output in zip(("logits", "cells", "features"), parts(traced.model, x))
                 if output is not None]
    try:
        with warnings.catch_warnings(), torch.no_grad(), _step_by_step():
            warnings.simplefilter("ignore")  # of the exporter's age and of traced shapes: the result is compared
            torch.onnx.export(traced, (x,), buffer, dynamo=False, opset_version=OPSET, input_names=["image"],
                              output_names=names, dynamic_axes={name: {0: "N"} for name in ("image", *names)})
    except Exception as error:  # each operator has its own way to have no equal
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CompileError(f"This export's model cannot be compiled ({reason[:200]}).") from error
    return buffer.getvalue()


@contextmanager
def _step_by_step() -> Iterator[None]:
    """Have torch do attention in steps that ONNX has, not in one of its own."""
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def write_compiled(export: str | os.PathLike) -> Path:
    """Write an export's compiled copy beside it and return its path; what was there before stays until then.

    Raises CompileError, and ExportError where the export itself cannot be served.
    """
    from classifier.export import read_export

    from .torch_engine import FastaiEngine

    read = read_export(export)
    data = to_onnx(FastaiEngine(read), read.facts, sha256(export))
    path = onnx_path(export)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        aside.write_bytes(data)
        os.replace(aside, path)
    except OSError as error:
        raise CompileError(f"{path} could not be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    return path
