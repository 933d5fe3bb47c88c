"""The results of a classifier: a `Prediction` for a photo, and an `Explanation` with the heatmap of one label."""

from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from classifier.inference.heatmap import Heatmap


@dataclass(frozen=True)
class Prediction:
    """The answer for one photo."""

    label: str
    """the most probable label"""
    probabilities: dict[str, float]
    """by label, most probable first; each 0 to 1, together 1; calibrated where the export has calibration data"""
    familiarity: float | None = None
    """how near the photo lies to the training photos, 0 to 1, higher is nearer; None where the export cannot tell"""
    familiar: bool | None = None
    """whether the familiarity reaches the export's threshold; None where the export cannot tell"""


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
