"""Run export.onnx on ONNX Runtime, without torch or fastai.

    engine = OnnxEngine(Path("export.onnx").read_bytes())
    scores, features = engine.answer(open_photo("bear.jpg"))

`compiled_copy` reads the file and checks it first.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from classifier.cpu_count import cores
from classifier.json_arrays import unpack
from classifier.preprocess import Preprocess

from .engine import Engine, Outputs, check_sum
from .linear_head import LinearHead

if TYPE_CHECKING:
    import onnxruntime

MAX_LABEL_LENGTH = 500  # characters
BUSY_SECONDS = 0.5  # for which photos run on one thread each after two ran at the same time


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
        # copies that were written before models had several labels a photo have none of the two
        self.multi_label = json.loads(self.metadata.get("multi_label", "false"))
        self.threshold = json.loads(self.metadata.get("threshold", "0.5"))
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
        if type(self.multi_label) is not bool or type(self.threshold) is not float or not 0 < self.threshold < 1:
            raise ValueError("its threshold is none")
        image = self.preprocess(Image.new("RGB", (256, 192), "grey"))[None]
        for session in {self._single_thread, self._all_threads}:
            logits, cells, features = self._run(session, image)
        if logits.shape != (1, len(self.labels)) or not np.isfinite(logits).all():
            raise ValueError(f"it gives {logits.shape[1:]} figures for {len(self.labels)} labels")
        shape = None if features is None else features.shape
        if shape != (None if self.n_features is None else (1, self.n_features)):
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
