"""`Classifier`: load a fastai export and classify photos with it.

Usage:

    classifier = Classifier.load("export.pkl")
    classifier.predict("bear.jpg").label
    classifier.explain("bear.jpg").picture.show()
"""

import logging
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from classifier.export import ExportError, check_file, read_export
from classifier.files import FileState, file_state, sha256
from classifier.inference.compiled_copy import CompileError, engine_from_bytes, onnx_path, read_compiled
from classifier.inference.confidence import Familiarity, probabilities, read_temperature
from classifier.inference.decision import OperatingPoint
from classifier.inference.engine import Engine
from classifier.inference.heatmap import SIDE, Heatmap
from classifier.inference.multi_label import LabelCalibration, read_label_calibration
from classifier.inference.neighbour_facts import read_neighbours
from classifier.inference.onnx_engine import OnnxEngine
from classifier.inference.onnx_export import to_onnx
from classifier.photo import PhotoError, PhotoSource, open_photo
from classifier.prediction import Explanation, Prediction

log = logging.getLogger(__name__)


class Classifier:
    """A model loaded from a fastai export. Safe to use from many threads at once."""

    def __init__(self, engine: Engine, facts: dict[str, Any], version: str | None = None) -> None:
        self._engine = engine
        self._file: tuple[Path, FileState | None] | None = None  # the loaded file, and its state then
        self.familiarity = Familiarity.from_facts(facts.get("familiarity"), engine.n_features)
        """the training photos' features and the threshold; None where the export has none"""
        self.reports_familiarity = self.familiarity is not None
        """whether predictions have a familiarity, which tells photos of none of the labels"""
        self.labels: list[str] = engine.labels
        self.multi_label: bool = engine.multi_label
        """whether a photo may have several labels, or none"""
        self.calibrated = False
        """whether probabilities are calibrated; otherwise they are the model's plain softmax, or plain sigmoids"""
        self.temperature = 1.0
        """what scores are divided by before the softmax; 1 where the export is not calibrated"""
        self.thresholds: dict[str, float] = {}
        """the probability above which a photo gets a label, by label; {} for a model that gives a photo one label"""
        self._read_calibration(facts)
        self.operating_point = OperatingPoint.from_facts(facts.get("operating_point"), self.labels)
        """from which probability on an answer needs no person; None where the export holds nothing of it"""
        self.neighbours = read_neighbours(facts.get("neighbours"), engine.n_features, self.labels, engine.multi_label)
        """the training photos that answers name where a photo resembles them; None where the export names none"""
        self.explains: bool = engine.explains
        """whether `explain` can give a heatmap"""
        self.facts = facts
        """data about the model that the export holds (see `training.export.writer.facts_of`); {} for other exports"""
        listed = facts.get("data_sha256")
        self.data_sha256 = listed if isinstance(listed, str) and re.fullmatch("[0-9a-f]{64}", listed) else None
        """the SHA-256 of the list of photos that it was made from (`training.data.manifest`); None for other exports"""
        self.version = version
        """the SHA-256 of the export file, in hexadecimal; None for a classifier that was not loaded from one"""

    def _read_calibration(self, facts: dict[str, Any]) -> None:
        """Set what `_prediction` makes probabilities and labels of scores with."""
        if not self.multi_label:
            temperature = read_temperature(facts.get("calibration"))
            self.calibrated, self.temperature = temperature is not None, temperature or 1.0
            return
        calibration, thresholds = read_label_calibration(facts, len(self.labels), self._engine.threshold)
        self.calibrated = calibration is not None
        self._sigmoids = calibration or LabelCalibration.plain(len(self.labels))
        self.thresholds = dict(zip(self.labels, thresholds.tolist()))

    @classmethod
    def load(cls, path: str | os.PathLike[str] = "export.pkl") -> "Classifier":
        """Return the classifier in an export file, warmed up: its first prediction is as fast as any.

        The compiled copy beside it (export.onnx) is used instead while it was made from the same file: then
        neither torch nor fastai is imported. Raises ExportError with a sentence that says what to do.
        """
        check_file(path)
        state, version = file_state(path), sha256(path)
        try:
            classifier = cls(*read_compiled(onnx_path(path), version), version)
        except CompileError as error:
            if find_spec("torch") is None:  # a Space whose export.onnx was to answer
                raise ExportError(
                    f"{error} {Path(path).name} itself needs torch, which is not installed: put the export.onnx "
                    "beside it that was made from it, or install requirements.txt of the project."
                ) from None
            log.warning("%s Serving from %s itself, which is slower.", error, Path(path).name)
            from classifier.inference.torch_engine import TorchEngine

            export = read_export(path)
            classifier = cls(TorchEngine(export), export.facts, version)
        classifier._file = Path(path), state
        return classifier

    @property
    def short_version(self) -> str:
        """The first 12 digits of `version`, which answers, feedback and counters carry; "" where there is none."""
        return (self.version or "")[:12]

    def changed_on_disk(self) -> bool:
        """Return whether the export file was replaced or removed since it was loaded; the classifier stays as it is."""
        return self._file is not None and file_state(self._file[0]) != self._file[1]

    @property
    def compiled(self) -> bool:
        """Whether predictions come from a compiled copy of the export."""
        return isinstance(self._engine, OnnxEngine)

    def compile(self) -> None:
        """Compile the model in memory and predict with the copy from then on; takes seconds, predictions go on.

        Raises CompileError where the model cannot be compiled: then nothing changes.
        """
        if not isinstance(self._engine, OnnxEngine):
            data = to_onnx(self._engine, self.facts, self.version or "")
            self._engine = engine_from_bytes(data, "The compiled copy", self.version or "")[0]

    def predict(self, photo: PhotoSource) -> Prediction:
        """Return the prediction for a photo: bytes, a path, a binary file or a PIL image.

        Raises PhotoError, with a sentence for a person, where the photo cannot be opened.
        """
        return self.predict_with_features(photo)[0]

    def predict_with_features(self, photo: PhotoSource) -> tuple[Prediction, np.ndarray | None]:
        """Return what `predict` does and the (D,) pooled features it rests on, None where the model has none."""
        engine = self._engine  # `compile` may replace it at any moment
        scores, features = engine.answer(open_photo(photo, max_reduction=engine.max_reduction))
        return self._prediction(scores, features), features

    def explain(self, photo: PhotoSource, label: str | None = None) -> Explanation:
        """Return the prediction for a photo and the heatmap of `label`, or of the most probable one.

        Raises PhotoError as `predict` does, and ValueError, with a sentence for a person, for a label that
        is none of `labels` and for an export without heatmaps (see `explains`).
        """
        if not self.explains:
            raise ValueError(
                "Where this model looked is not available: it is built in another way than "
                "pooling and linear layers on a map of cells."
            )
        if label is not None and label not in self.labels:
            raise ValueError(
                f"There is no label {str(label)[:40]!r}. The labels are {', '.join(self.labels[:12])}"
                f"{' …' if len(self.labels) > 12 else ''}."
            )
        engine = self._engine
        opened = open_photo(photo, max_reduction=lambda size: min(engine.max_reduction(size), max(size) / SIDE))
        scores, features, cells = engine.explain(opened)
        prediction = self._prediction(scores, features)
        label = prediction.label if label is None else label
        i = self.labels.index(label)
        others = None if self.multi_label else [prediction.probabilities[name] for name in self.labels]
        shown, largest = cells.shown_for(i, self.labels.index(prediction.label), others)
        heatmap = Heatmap(label, cells.contributions[i], float(cells.biases[i]), cells.seen, largest, shown)
        return Explanation(prediction, heatmap, opened)

    def _prediction(self, scores: np.ndarray, features: np.ndarray | None) -> Prediction:
        """Return the prediction for one photo's (C,) scores and (D,) features."""
        if not np.isfinite(scores).all():
            raise PhotoError("The model gives no numbers for this photo.")
        by_index = self._sigmoids.probabilities(scores) if self.multi_label else probabilities(scores, self.temperature)
        by_label = {self.labels[i]: float(by_index[i]) for i in by_index.argsort()[::-1]}
        label, score, familiar, labels = next(iter(by_label)), None, None, None
        if self.familiarity is not None and features is not None:
            score = self.familiarity.score(features)
            familiar = score >= self.familiarity.threshold
        if self.multi_label:
            above = (name for name, probability in by_label.items() if probability > self.thresholds[name])
            labels = () if familiar is False else tuple(above)
        given, point = (label,) if labels is None else labels, self.operating_point
        return Prediction(
            labels[0] if labels else label,
            by_label,
            score,
            familiar,
            labels,
            point.decision(by_label, given, familiar) if point else None,
            point.candidates(by_label, familiar) if point else None,
            None if self.neighbours is None or features is None else self.neighbours.nearest(features),
        )
