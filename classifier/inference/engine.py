"""The forward pass: an upright photo in, a score for each label and the photo's features out.

    engine = OnnxEngine(Path("export.onnx").read_bytes())
    scores, features = engine.answer(open_photo("bear.jpg"))

`Engine` is what all engines have in common; `OnnxEngine` runs export.onnx without torch or fastai;
`fastai_engine.FastaiEngine` runs any export.pkl.
"""
import json
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image

from classifier.cpu_count import cores
from classifier.json_arrays import unpack
from classifier.preprocess import Box, Preprocess, Size

from .heatmap import LinearHead

# A photo decoded at reduced scale keeps at least this many pixels for each of the model's, a side. At 1 a probability
# moves by up to 0.024 on 2-megapixel bears, at 2 by up to 0.006, for a seventh more time
MARGIN = 2
LONGEST_LABEL = 500  # characters
SUM_TOLERANCE = 1e-4  # of a logit, or of its size beyond 1
CROWDED = 0.5  # seconds for which two photos at once are taken to mean that more are to come


@dataclass(frozen=True)
class Cells:
    """How the cells of one photo add up to its scores."""

    contributions: np.ndarray
    """(C, H, W): each cell's share in each label's logit"""
    biases: np.ndarray
    """(C,): the rest of each logit"""
    seen: Box
    """where the cells lie, in pixels of the photo"""


def check_sum(head: LinearHead, cells: np.ndarray, logits: np.ndarray) -> None:
    """Raise ValueError where the shares of a photo's cells do not add up to its logits: they would explain nothing."""
    shares, biases = head.contributions(cells)
    if not (np.abs(shares.sum((1, 2)) + biases - logits) < SUM_TOLERANCE * np.abs(logits).clip(1)).all():
        raise ValueError("a head whose cells do not add up to its scores")


class Engine:
    """One model and its transforms, safe to call from many threads at once. Subclasses bring the forward pass."""

    labels: list[str]
    n_features: int | None = None
    """how many features `answer` gives; None where the model is no body and head"""
    gives_probabilities = False
    """whether the model ends in a softmax of its own"""
    preprocess: Preprocess | Callable[[Image.Image], np.ndarray]
    head: LinearHead | None = None
    """what traces scores back to cells; None where the model's head is of another kind"""

    def forward(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return (N, C) logits, the backbone's (N, D, H, W) cells and (N, D) pooled features for (N, 3, H, W) float32.

        Cells and features are None for a model that is not fastai's sequence of a body and a head.
        """
        raise NotImplementedError

    @property
    def explains(self) -> bool:
        """Whether `explain` can tell where the model looked."""
        return self.head is not None

    def spare(self, size: Size) -> float:
        """Return how many times smaller a photo of `size` may be opened, for (nearly) the same answer."""
        return self.preprocess.spare(size) / MARGIN if isinstance(self.preprocess, Preprocess) else 1

    def answer(self, photo: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (C,) scores in the order of `labels`, whose softmax are probabilities, and (D,) features or None.

        photo: upright, mode RGB, as `open_photo` returns it.
        """
        logits, _, features = self.forward(self.preprocess(photo)[None])
        return self._scores(logits[0]), None if features is None else features[0]

    def explain(self, photo: Image.Image) -> tuple[np.ndarray, np.ndarray | None, Cells | None]:
        """Return what `answer` does and, from the same forward pass, where the model looked, if it `explains`."""
        logits, cells, features = self.forward(self.preprocess(photo)[None])
        explained = self.head and Cells(*self.head.contributions(cells[0]), self.preprocess.seen(photo.size))
        return self._scores(logits[0]), None if features is None else features[0], explained

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        scores = logits.astype(np.float64)
        return np.log(scores.clip(1e-300)) if self.gives_probabilities else scores


class OnnxEngine(Engine):
    """export.onnx on ONNX Runtime.

    A photo alone gets all cores; photos at the same time get one each, since then threads of one photo
    would only wait for those of another.
    """

    def __init__(self, data: bytes, n_cores: int | None = None):
        """data: what `compiled.to_onnx` wrote. n_cores: None for all that there are (see `cores`)."""
        n_cores = n_cores or cores()
        self._one = _session(data, 1)
        self._all = _session(data, n_cores) if n_cores > 1 else self._one
        self._running, self._crowded_until, self._lock = 0, 0.0, threading.Lock()
        self._outputs = [output.name for output in self._one.get_outputs()]
        self._inputs = [self._one.get_inputs()[0].name]
        self.metadata: dict[str, str] = self._one.get_modelmeta().custom_metadata_map
        """what the file says of itself, JSON by name (see `compiled.to_onnx`)"""
        told = {name: unpack(json.loads(self.metadata[name]))
                for name in ("labels", "preprocess", "head", "gives_probabilities", "n_features")}
        self.labels = told["labels"]
        self.preprocess = Preprocess.from_data(told["preprocess"])
        self.head = told["head"] and LinearHead(**told["head"])
        self.gives_probabilities, self.n_features = told["gives_probabilities"], told["n_features"]
        self._check()

    def _check(self) -> None:
        """Answer a grey photo, which plans memory too; ValueError where what the file says does not fit together."""
        fits = isinstance(self.labels, list) and len(set(map(str, self.labels))) == len(self.labels) > 0 and all(
            isinstance(label, str) and len(label) <= LONGEST_LABEL for label in self.labels)
        if not fits or type(self.gives_probabilities) is not bool:
            raise ValueError("its labels are none")
        image = self.preprocess(Image.new("RGB", (256, 192), "grey"))[None]
        for session in {self._one, self._all}:
            named = dict(zip(self._outputs, session.run(None, {self._inputs[0]: image})))
        logits, cells, features = named["logits"], named.get("cells"), named.get("features")
        if logits.shape != (1, len(self.labels)) or not np.isfinite(logits).all():
            raise ValueError(f"it gives {logits.shape[1:]} figures for {len(self.labels)} labels")
        if (None if features is None else features.shape) != (None if self.n_features is None else (
                1, self.n_features)):
            raise ValueError("its features are not as many as it says")
        if self.head:
            if cells is None or cells.ndim != 4:
                raise ValueError("it has no cells for its head")
            self.head.check(cells.shape[1], len(self.labels))
            check_sum(self.head, cells[0], logits[0])

    @contextmanager
    def _session(self):
        with self._lock:
            self._running += 1
            now = time.monotonic()
            if self._running > 1:
                self._crowded_until = now + CROWDED
            session = self._all if now >= self._crowded_until else self._one
        try:
            yield session
        finally:
            with self._lock:
                self._running -= 1

    def forward(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return logits, cells and features, as `Engine.forward` says."""
        with self._session() as session:
            named = dict(zip(self._outputs, session.run(None, {self._inputs[0]: batch})))
        return named["logits"], named.get("cells"), named.get("features")


def _session(data: bytes, n_threads: int):
    """Return an ONNX Runtime session for a model; its errors are its own classes, all of them Exceptions."""
    import onnxruntime  # imported here: opening photos needs none

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    # waiting threads spin while a photo runs, which saves a sixth of its time, and not between photos
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
