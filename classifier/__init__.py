"""Everything between a photo and a `Prediction`.

    classifier = Classifier.load("export.pkl")
    classifier.predict("bear.jpg").label
    classifier.explain("bear.jpg").picture.show()
"""
import logging
import os
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from . import telemetry as quiet  # noqa: F401

# isort: split
from classifier.inference.confidence import Familiarity, probabilities, read_temperature
from classifier.inference.engine import Engine, OnnxEngine
from classifier.inference.heatmap import SIDE, Heatmap
from classifier.inference.onnx_export import CompileError, from_bytes, onnx_path, read_compiled, to_onnx
from classifier.photo import PhotoError, PhotoSource, open_photo

from .files import sha256

__all__ = ["Classifier", "Explanation", "Prediction"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prediction:
    """What the classifier makes of one photo."""

    label: str
    """the most probable label"""
    probabilities: dict[str, float]
    """by label, most probable first; each 0 to 1, together 1; calibrated where the export says how"""
    familiarity: float | None = None
    """how near the photo lies to the training photos, 0 to 1; None where the export cannot tell"""
    familiar: bool | None = None
    """whether that is near enough to believe the label; None where the export cannot tell"""


@dataclass(frozen=True)
class Explanation:
    """What the classifier makes of one photo, and where it looked."""

    prediction: Prediction
    heatmap: Heatmap
    """the share of each cell in the score of one label"""
    photo: Image.Image
    """the photo itself, upright, RGB; a large JPEG at a half, a quarter or an eighth of its size"""

    @cached_property
    def picture(self) -> Image.Image:
        """The photo with the heatmap drawn on it, RGB, at the photo's own proportions; drawn when first asked for."""
        return self.heatmap.drawn_on(self.photo)


class Classifier:
    """A fastai export that answers photos. Safe to use from many threads at once."""

    def __init__(self, engine: Engine, facts: dict, version: str | None = None):
        self._engine = engine
        self._file: tuple[Path, tuple | None] | None = None  # what was loaded, and its state then
        self.familiarity = Familiarity.from_facts(facts.get("familiarity"), engine.n_features)
        """the training photos' features and the threshold; None where the export has none"""
        self.knows_strangers = self.familiarity is not None
        """whether it can tell a photo that is none of its labels"""
        temperature = read_temperature(facts.get("calibration"))
        self.calibrated = temperature is not None
        """whether its probabilities are calibrated; else they are the model's plain softmax"""
        self.temperature = temperature or 1.0
        """what scores are divided by before the softmax; 1 where the export is not calibrated"""
        self.explains: bool = engine.explains
        """whether it can show where the model looked"""
        self.labels: list[str] = engine.labels
        self.facts = facts
        """what the export says of itself (see `training.export.writer.facts_of`); empty for other exports"""
        self.version = version
        """the SHA-256 of the export file, in hexadecimal; None for a classifier that was not loaded from one"""

    @classmethod
    def load(cls, path: str | PathLike = "export.pkl") -> "Classifier":
        """Return the classifier in an export file, warmed up: its first answer is as fast as any.

        The compiled copy beside it (export.onnx) is opened instead while it was made from the same file: then
        neither torch nor fastai is imported. Raises ExportError with a sentence that says what to do.
        """
        from classifier.export import check_file, read_export

        check_file(path)
        state, version = _state(path), sha256(path)
        try:
            classifier = cls(*read_compiled(onnx_path(path), version), version)
        except CompileError as why:
            log.warning("%s Serving from %s itself, which is slower.", why, Path(path).name)
            from classifier.inference.torch_engine import FastaiEngine

            export = read_export(path)
            classifier = cls(FastaiEngine(export), export.facts, version)
        classifier._file = Path(path), state
        return classifier

    def changed_on_disk(self) -> bool:
        """Whether the export file is another one than was loaded, or gone: this classifier stays as it is."""
        return self._file is not None and _state(self._file[0]) != self._file[1]

    @property
    def compiled(self) -> bool:
        """Whether answers come from a compiled copy of the export."""
        return isinstance(self._engine, OnnxEngine)

    def compile(self) -> None:
        """Go over to a compiled copy, made now, in memory; takes seconds, while answers go on.

        Raises CompileError where there can be none: then everything stays as it was.
        """
        if not self.compiled:
            data = to_onnx(self._engine, self.facts, self.version or "")
            self._engine = from_bytes(data, "The compiled copy", self.version or "")[0]

    def predict(self, photo: PhotoSource) -> Prediction:
        """Return the answer for a photo: bytes, a path, a binary file or a PIL image.

        Raises PhotoError with a sentence for a person where the photo cannot be opened.
        """
        return self.predict_with_features(photo)[0]

    def predict_with_features(self, photo: PhotoSource) -> tuple[Prediction, np.ndarray | None]:
        """Return what `predict` does and the (D,) pooled features it rests on, None where the model has none."""
        engine = self._engine  # which `compile` may change at any moment
        scores, features = engine.answer(open_photo(photo, spare=engine.spare))
        return self._prediction(scores, features), features

    def explain(self, photo: PhotoSource, label: str | None = None) -> Explanation:
        """Return the answer for a photo and where the model looked, for `label` or the most probable one.

        Raises PhotoError as `predict` does, and ValueError, with a sentence for a person, for a label that
        is none of `labels` and for an export that does not say where it looked (see `explains`).
        """
        if not self.explains:
            raise ValueError("Where this model looked is not available: it is built in another way than "
                             "pooling and linear layers on a map of cells.")
        if label is not None and label not in self.labels:
            raise ValueError(f"There is no label {str(label)[:40]!r}. The labels are {', '.join(self.labels[:12])}"
                             f"{' …' if len(self.labels) > 12 else ''}.")
        engine = self._engine
        opened = open_photo(photo, spare=lambda size: min(engine.spare(size), max(size) / SIDE))
        scores, features, cells = engine.explain(opened)
        prediction = self._prediction(scores, features)
        label = prediction.label if label is None else label
        i = self.labels.index(label)
        heatmap = Heatmap(label, cells.contributions[i], float(cells.biases[i]), cells.seen,
                          float(np.abs(cells.contributions).max()))
        return Explanation(prediction, heatmap, opened)

    def _prediction(self, scores: np.ndarray, features: np.ndarray | None) -> Prediction:
        if not np.isfinite(scores).all():
            raise PhotoError("The model gives no numbers for this photo.")
        by_index = probabilities(scores, self.temperature)
        by_label = {self.labels[i]: float(by_index[i]) for i in by_index.argsort()[::-1]}
        label = next(iter(by_label))
        if self.familiarity is None:
            return Prediction(label, by_label)
        score = self.familiarity.score(features)
        return Prediction(label, by_label, score, score >= self.familiarity.threshold)


def _state(path: str | PathLike) -> tuple | None:
    """Return what changes when a file is replaced; None where there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
