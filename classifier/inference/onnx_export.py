"""Write export.onnx, a compiled copy of export.pkl: several times faster, and served without torch or fastai.

    write_compiled("export.pkl")         # writes export.onnx beside it; `python -m training.export` does the same

One graph from a batch of normalised photos, `image` (N, 3, H, W) float32, to `logits` (N, C) and, where the model is a
body and a head, `features` (N, D) and `cells` (N, D, h, w). The file's metadata, JSON by name, hold the rest: `labels`,
`preprocess` (from a photo to an `image`), `head` (the layers from cells to logits), `multi_label` and
`threshold` (whether a photo may have several labels, and from which probability on), `facts` (calibration, familiarity,
figures) and `export_sha256`, the export it was made from. A copy of another export is never served.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifier.files import replacing, sha256
from classifier.json_arrays import pack
from classifier.preprocess import Preprocess

from .compiled_copy import CompileError, engine_from_bytes, onnx_path
from .engine import Engine

if TYPE_CHECKING:
    import torch

    from .torch_engine import TorchEngine

log = logging.getLogger(__name__)

OPSET = 17
TOLERANCE = 1e-4  # of a logit, or of its size beyond 1


def to_onnx(engine: Engine, facts: dict[str, Any], export_sha256: str) -> bytes:
    """Return the compiled copy of a `TorchEngine`, checked against it.

    Raises CompileError for a model or transforms that cannot be compiled, and for a copy with other logits.
    """
    from .torch_engine import TorchEngine

    if not isinstance(engine, TorchEngine):
        raise CompileError("This model is a compiled copy already.")
    if not isinstance(engine.preprocess, Preprocess):
        raise CompileError("This export uses a transform that only fastai itself can run.")
    if not engine.preprocess.steps and not engine.preprocess.batch_steps:
        raise CompileError("This export brings photos to no size of its own, and a compiled copy takes one size.")
    try:
        import onnx
    except ImportError as error:
        raise CompileError("The package onnx is not installed.") from error
    sample = _sample(engine)
    model = onnx.load_from_string(_torch_to_onnx(engine.model, sample))
    model.metadata_props.clear()
    head = engine.head and engine.head.to_data()
    for name, value in {
        "labels": engine.labels,
        "preprocess": engine.preprocess.to_data(),
        "head": head,
        "facts": facts,
        "gives_probabilities": engine.gives_probabilities,
        "multi_label": engine.multi_label,
        "threshold": engine.threshold,
        "n_features": engine.n_features,
    }.items():
        model.metadata_props.add(key=name, value=json.dumps(pack(value)))
    model.metadata_props.add(key="export_sha256", value=export_sha256)
    data: bytes = model.SerializeToString()
    difference = largest_difference(engine, engine_from_bytes(data, "The compiled copy", export_sha256)[0], sample)
    if not difference <= TOLERANCE:
        raise CompileError(f"The compiled copy answers otherwise than its export: a logit differs by {difference:.2g}.")
    return data


def compiled_if_possible(engine: TorchEngine) -> Engine:
    """Return the compiled copy of a `TorchEngine`, or the engine itself where it cannot be compiled."""
    try:
        return engine_from_bytes(to_onnx(engine, {}, ""), "The compiled copy", "")[0]
    except CompileError as error:
        log.info("%s Going on with torch, which is slower.", error)
        return engine


def _sample(engine: Engine) -> np.ndarray:
    """Return noise in the shape of a batch of two photos, (2, 3, H, W) float32."""
    from PIL import Image

    rng = np.random.default_rng(0)
    photos = (Image.fromarray(rng.integers(0, 256, (192, 256, 3), dtype=np.uint8)) for _ in range(2))
    return np.stack([engine.preprocess(photo) for photo in photos])


def largest_difference(one: Engine, other: Engine, batch: np.ndarray) -> float:
    """Return the largest difference between two engines' logits, relative to those above 1."""
    ours, theirs = one.forward(batch)[0], other.forward(batch)[0]
    return float((np.abs(ours - theirs) / np.abs(ours).clip(1)).max())


def _torch_to_onnx(model: torch.nn.Module, sample: np.ndarray) -> bytes:
    """Return the torch model as an ONNX file."""
    import torch

    from .torch_engine import model_outputs

    class Traced(torch.nn.Module):
        """The model with all its outputs."""

        def __init__(self) -> None:
            super().__init__()
            self.model = deepcopy(model).eval()  # the model itself may be serving meanwhile

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(output for output in model_outputs(self.model, x) if output is not None)

    buffer, traced, x = BytesIO(), Traced(), torch.from_numpy(sample)
    with torch.no_grad():
        names = [
            name
            for name, output in zip(("logits", "cells", "features"), model_outputs(traced.model, x))
            if output is not None
        ]
    try:
        with warnings.catch_warnings(), torch.no_grad(), _attention_in_steps():
            warnings.simplefilter("ignore")  # about the exporter's age and traced shapes: the result is compared
            torch.onnx.export(
                traced,
                (x,),
                buffer,  # type: ignore[arg-type]  # without dynamo, it writes to memory too
                dynamo=False,
                opset_version=OPSET,
                input_names=["image"],
                output_names=names,
                dynamic_axes={name: {0: "N"} for name in ("image", *names)},
            )
    except Exception as error:  # an operator without an equal in ONNX can raise anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CompileError(f"This export's model cannot be compiled ({reason[:200]}).") from error
    return buffer.getvalue()


@contextmanager
def _attention_in_steps() -> Iterator[None]:
    """Have torch compute attention in operators that ONNX has, not in a fused one of its own."""
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def write_compiled(export: str | os.PathLike[str]) -> Path:
    """Write an export's compiled copy beside it and return its path; an older copy stays until the new one is complete.

    Raises CompileError, and ExportError where the export itself cannot be served.
    """
    from classifier.export import read_export

    from .torch_engine import TorchEngine

    read = read_export(export)
    data = to_onnx(TorchEngine(read), read.facts, sha256(export))
    path = onnx_path(export)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise CompileError(f"{path} could not be written: {error.strerror or error}.") from error
    return path
