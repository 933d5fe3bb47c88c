"""The forward pass: from an upright photo to a score for each label and the photo's features.

    engine = OnnxEngine(Path("export.onnx").read_bytes())
    scores, features = engine.answer(open_photo("bear.jpg"))

`Engine` is the base class of all engines. `OnnxEngine` runs export.onnx without torch or fastai;
`torch_engine.TorchEngine` runs any export.pkl.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from classifier.cpu_count import cores
from classifier.json_arrays import unpack
from classifier.preprocess import Preprocess
from classifier.resize import Box, Size

from .linear_head import LinearHead

if TYPE_CHECKING:
    import onnxruntime

# A photo decoded at reduced scale keeps at least this many pixels for each of the model's, a side. At 1 a probability
# moves by up to 0.024 on 2-megapixel bears, at 2 by up to 0.006, for a seventh more time
MARGIN = 2
MAX_LABEL_LENGTH = 500  # characters
SUM_TOLERANCE = 1e-4  # of a logit, or of its size beyond 1
BUSY_SECONDS = 0.5  # for which photos run on one thread each after two ran at the same time

Outputs = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]
"""(N, C) logits, the backbone's (N, D, H, W) cells and (N, D) pooled features; the last two None without a backbone"""


@dataclass(frozen=True)
class CellContributions:
    """The contributions of one photo's cells to its scores."""

    contributions: np.ndarray
    """(C, H, W): each cell's share in each label's logit"""
    biases: np.ndarray
    """(C,): the rest of each logit, which belongs to no cell"""
    seen: Box
    """where the cells lie, in pixels of the photo"""


def check_sum(head: LinearHead, cells: np.ndarray, logits: np.ndarray) -> None:
    """Raise ValueError where the contributions of a photo's cells do not add up to its logits."""
    shares, biases = head.contributions(cells)
    if not (np.abs(shares.sum((1, 2)) + biases - logits) < SUM_TOLERANCE * np.abs(logits).clip(1)).all():
        raise ValueError("a head whose cells do not add up to its scores")


class Engine:
    """One model and its transforms, safe to call from many threads at once. Subclasses implement `forward`."""

    labels: list[str]
    n_features: int | None = None
    """how many features `answer` gives; None for a model that is no sequence of a body and a head"""
    gives_probabilities = False
    """whether the model ends in a softmax of its own"""
    preprocess: Preprocess | Callable[[Image.Image], np.ndarray]
    head: LinearHead | None = None
    """the head whose scores are sums over cells; None where the model's head is of another kind"""

    def forward(self, batch: np.ndarray) -> Outputs:
        """Return the outputs for a batch, (N, 3, H, W) float32."""
        raise NotImplementedError

    @property
    def explains(self) -> bool:
        """Whether `explain` works."""
        return self.head is not None

    def max_reduction(self, size: Size) -> float:
        """Return how many times smaller a photo of `size` may be opened, for (nearly) the same scores."""
        return self.preprocess.max_reduction(size) / MARGIN if isinstance(self.preprocess, Preprocess) else 1

    def answer(self, photo: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (C,) scores in the order of `labels`, whose softmax are probabilities, and (D,) features or None.

        photo: upright, mode RGB, as `open_photo` returns it.
        """
        logits, _, features = self.forward(self.preprocess(photo)[None])
        return self._scores(logits[0]), None if features is None else features[0]

    def explain(self, photo: Image.Image) -> tuple[np.ndarray, np.ndarray | None, CellContributions]:
        """Return what `answer` does and, from the same forward pass, the contributions of the cells.

        Raises ValueError for an engine that does not `explains`.
        """
        logits, cells, features = self.forward(self.preprocess(photo)[None])
        if self.head is None or cells is None or not isinstance(self.preprocess, Preprocess):
            raise ValueError("This model's scores are no sums over cells.")
        contributions = CellContributions(*self.head.contributions(cells[0]), self.preprocess.seen(photo.size))
        return self._scores(logits[0]), None if features is None else features[0], contributions

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        """Return scores whose softmax are probabilities, for (C,) logits or for the output of a softmax."""
        scores = logits.astype(np.float64)
        return np.asarray(np.log(scores.clip(1e-300))) if self.gives_probabilities else scores


class OnnxEngine(Engine):
    """export.onnx on ONNX Runtime.

    A single photo runs on all cores. Photos at the same time run on one each, since the threads of one would only
    wait for those of another.
    """

    def __init__(self, data: bytes, n_cores: int | None = None) -> None:
        """data: what `onnx_export.to_onnx` returns; other data raise ValueError, KeyError, TypeError or ONNX Runtime's
        errors. n_cores: None for all that there are (see `cores`).
        """
        n_cores = n_cores or cores()
        self._single_thread = _session(data, 1)
        self._all_threads = _session(data, n_cores) if n_cores > 1 else self._single_thread
        self._n_running, self._busy_until, self._lock = 0, 0.0, threading.Lock()
        self._output_names = [output.name for output in self._single_thread.get_outputs()]
        self._input_name: str = self._single_thread.get_inputs()[0].name
        self.metadata: dict[str, str] = self._single_thread.get_modelmeta().custom_metadata_map
        """the file's metadata, JSON by name (see `onnx_export.to_onnx`)"""
        data_of: dict[str, Any] = {
            name: unpack(json.loads(self.metadata[name]))
            for name in ("labels", "preprocess", "head", "gives_probabilities", "n_features")
        }
        self.labels = data_of["labels"]
        self.preprocess = Preprocess.from_data(data_of["preprocess"])
        self.head = LinearHead(**data_of["head"]) if data_of["head"] else None
        self.gives_probabilities, self.n_features = data_of["gives_probabilities"], data_of["n_features"]
        self._check()

    def _check(self) -> None:
        """Answer a grey photo, which also allocates memory; ValueError where the metadata do not fit the model."""
        fits = (
            isinstance(self.labels, list)
            and len(set(map(str, self.labels))) == len(self.labels) > 0
            and all(isinstance(label, str) and len(label) <= MAX_LABEL_LENGTH for label in self.labels)
        )
        if not fits or type(self.gives_probabilities) is not bool:
            raise ValueError("its labels are none")
        image = self.preprocess(Image.new("RGB", (256, 192), "grey"))[None]
        for session in {self._single_thread, self._all_threads}:
            logits, cells, features = self._run(session, image)
        if logits.shape != (1, len(self.labels)) or not np.isfinite(logits).all():
            raise ValueError(f"it gives {logits.shape[1:]} figures for {len(self.labels)} labels")
        if (None if features is None else features.shape) != (
            None if self.n_features is None else (1, self.n_features)
        ):
            raise ValueError("its features are not as many as it says")
        if self.head:
            if cells is None or cells.ndim != 4:
                raise ValueError("it has no cells for its head")
            self.head.check(cells.shape[1], len(self.labels))
            check_sum(self.head, cells[0], logits[0])

    @contextmanager
    def _free_session(self) -> Iterator[onnxruntime.InferenceSession]:
        """Yield the session of all threads, or of one where photos run at the same time."""
        with self._lock:
            self._n_running += 1
            now = time.monotonic()
            if self._n_running > 1:
                self._busy_until = now + BUSY_SECONDS
            session = self._all_threads if now >= self._busy_until else self._single_thread
        try:
            yield session
        finally:
            with self._lock:
                self._n_running -= 1

    def forward(self, batch: np.ndarray) -> Outputs:
        """Return the outputs for a batch, (N, 3, H, W) float32."""
        with self._free_session() as session:
            return self._run(session, batch)

    def _run(self, session: onnxruntime.InferenceSession, batch: np.ndarray) -> Outputs:
        by_name = dict(zip(self._output_names, session.run(None, {self._input_name: batch})))
        return by_name["logits"], by_name.get("cells"), by_name.get("features")


def _session(data: bytes, n_threads: int) -> onnxruntime.InferenceSession:
    """Return an ONNX Runtime session for a model; its errors are classes of its own, all of them Exceptions."""
    import onnxruntime  # not at the top: opening photos does not need it

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    # idle threads spin while a photo runs, which saves a sixth of its time, and stop between photos
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
