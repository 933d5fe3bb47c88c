"""Everything between a photo and a `Prediction`.

    classifier = Classifier.load("export.pkl")
    classifier.predict("bear.jpg").label
"""
from dataclasses import dataclass
from os import PathLike

from .photo import PhotoSource, open_photo
from .trust import Familiarity

__all__ = ["Classifier", "Prediction"]


@dataclass(frozen=True)
class Prediction:
    """What the classifier makes of one photo."""

    label: str
    """the most probable label"""
    probabilities: dict[str, float]
    """by label, most probable first; each 0 to 1, together 1"""
    familiarity: float | None = None
    """how near the photo lies to the training photos, 0 to 1; None where the export cannot tell"""
    familiar: bool | None = None
    """whether that is near enough to believe the label; None where the export cannot tell"""


class Classifier:
    """A fastai export that answers photos. Safe to use from many threads at once."""

    def __init__(self, engine, facts: dict):
        self._engine = engine
        self._familiarity = Familiarity.from_facts(facts.get("familiarity"), engine.n_features)
        self.knows_strangers = self._familiarity is not None
        """whether it can tell a photo that is none of its labels"""
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
        probabilities, features = self._engine.answer(open_photo(photo))
        order = probabilities.argsort()[::-1]
        by_label = {self.labels[i]: float(probabilities[i]) for i in order}
        label = next(iter(by_label))
        if self._familiarity is None:
            return Prediction(label, by_label)
        score = self._familiarity.score(features)
        return Prediction(label, by_label, score, score >= self._familiarity.threshold)
