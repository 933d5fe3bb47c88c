"""The results of a classifier: a `Prediction` for a photo, and an `Explanation` with the heatmap of one label."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from PIL import Image

from classifier.inference.heatmap import Heatmap
from classifier.inference.neighbours import Neighbour


@dataclass(frozen=True)
class Prediction:
    """The answer for one photo."""

    label: str
    """the most probable label; where a photo may have several, the first of `labels`, or the most probable if there
    are none"""
    probabilities: dict[str, float]
    """by label, most probable first; each 0 to 1, together 1, but where a photo may have several labels each on its
    own; calibrated where the export has calibration data"""
    familiarity: float | None = None
    """how near the photo lies to the training photos, 0 to 1, higher is nearer; None where the export cannot tell"""
    familiar: bool | None = None
    """whether the familiarity reaches the export's threshold; None where the export cannot tell"""
    labels: tuple[str, ...] | None = None
    """every label with a probability above its threshold, most probable first; () where there is none, and for a photo
    that is not familiar; None for a model that gives a photo one label"""
    decision: str | None = None
    """"answer" where it may be acted on alone, or "ask a person"; None where the export has no operating point"""
    candidates: tuple[str, ...] | None = None
    """labels of which one is the right one as often as the export promises, most probable first; () for a photo that
    is not familiar; None where it promises nothing"""
    neighbours: tuple[Neighbour, ...] | None = None
    """the training photos that it resembles most, the nearest first; None where the export names none"""

    @property
    def is_none(self) -> bool:
        """Whether this says that the photo shows none of the labels."""
        return self.familiar is False or self.labels == ()

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON has it: what not every export has is left out where this one has it not."""
        return {
            "label": self.label,
            **({} if self.labels is None else {"labels": list(self.labels)}),
            "probabilities": self.probabilities,
            "familiar": self.familiar,
            "familiarity": self.familiarity,
            **({} if self.decision is None else {"decision": self.decision}),
            **({} if self.candidates is None else {"candidates": list(self.candidates)}),
            **({} if self.neighbours is None else {"neighbours": list(map(self._named, self.neighbours))}),
        }

    def _named(self, neighbour: Neighbour) -> dict[str, Any]:
        """Return a training photo as JSON has it, with its label, or its labels where photos may have several."""
        labels = {"labels": list(neighbour.labels)} if self.labels is not None else {"label": neighbour.labels[0]}
        return {"file": neighbour.file, **labels, "similarity": round(neighbour.similarity, 4)}


@dataclass(frozen=True)
class Explanation:
    """The answer for one photo and the heatmap of one label."""

    prediction: Prediction
    heatmap: Heatmap
    """the share of each cell in the score of one label"""
    photo: Image.Image
    """the photo itself, upright, RGB; a large JPEG at a half, a quarter or an eighth of its size"""

    @cached_property
    def picture(self) -> Image.Image:
        """The photo with the heatmap drawn on it, RGB, at the photo's proportions; drawn when it is first read."""
        return self.heatmap.draw_on(self.photo)
