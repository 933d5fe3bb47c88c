"""Everything between a photo and a `Prediction`.

    classifier = Classifier.load("export.pkl")
    classifier.predict("bear.jpg").label
    classifier.explain("bear.jpg").picture.show()
"""
from dataclasses import dataclass
from functools import cached_property
from os import PathLike

import numpy as np
from PIL import Image

from .heatmap import Heatmap
from .photo import PhotoError, PhotoSource, open_photo
from .trust import Familiarity, probabilities, read_temperature

__all__ = ["Classifier", "Explanation", "Prediction"]


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
    """the photo itself, upright, RGB"""

    @cached_property
    def picture(self) -> Image.Image:
        """The photo with the heatmap drawn on it, RGB, at the photo's own proportions; drawn when first asked for."""
        return self.heatmap.drawn_on(self.photo)


class Classifier:
    """A fastai export that answers photos. Safe to use from many threads at once."""

    def __init__(self, engine, facts: dict):
        self._engine = engine
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
        """what the export says of itself (see `training.export.facts_of`); empty for other exports"""

    @classmethod
    def load(cls, path: str | PathLike = "export.pkl") -> "Classifier":
        """Return the classifier in an export file, warmed up: its first answer is as fast as any.

        Raises ExportError with a sentence that says what to do.
        """
        from .engine import Engine  # imported here: `classifier.photo` alone needs no torch
        from .export import read_export, read_facts

        learn = read_export(path)
        return cls(Engine(learn), read_facts(learn))

    def predict(self, photo: PhotoSource) -> Prediction:
        """Return the answer for a photo: bytes, a path, a binary file or a PIL image.

        Raises PhotoError with a sentence for a person where the photo cannot be opened.
        """
        return self.predict_with_features(photo)[0]

    def predict_with_features(self, photo: PhotoSource) -> tuple[Prediction, np.ndarray | None]:
        """Return what `predict` does and the (D,) pooled features it rests on, None where the model has none."""
        scores, features = self._engine.answer(open_photo(photo))
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
        opened = open_photo(photo)
        scores, features, cells = self._engine.explain(opened)
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
