"""The forward pass: from an upright photo to a score for each label and the photo's features.

    scores, features = engine.answer(open_photo("bear.jpg"))

`Engine` is the base class of all engines. `onnx_engine.OnnxEngine` runs export.onnx without torch or fastai;
`torch_engine.TorchEngine` runs any export.pkl.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from classifier.preprocess import Preprocess
from classifier.resize import Box, Size

from .detail import detail_of, quarters, shown_for
from .linear_head import LinearHead

# A photo decoded at reduced scale keeps at least this many pixels for each of the model's, a side. At 1 a probability
# moves by up to 0.024 on 2-megapixel bears, at 2 by up to 0.006, for a seventh more time
MARGIN = 2
SUM_TOLERANCE = 1e-4  # of a logit, or of its size beyond 1
CERTAIN = 1e-12  # nearest to 0 or 1 that a sigmoid's output is taken for: at 0 and 1 its score would be infinite

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
    detail: np.ndarray | None = None
    """(C, 2H, 2W): what each place says for each label, at twice the resolution; None where there is none"""

    def shown_for(self, i: int, top: int, others: Sequence[float] | None) -> tuple[np.ndarray | None, float]:
        """Return the detail to draw for label i, None if there is none, and the magnitude of the strongest colour.

        That is the largest one drawn for label i or for the most probable label, `top`; without a detail, that of any
        cell's contribution. others: see `detail.shown_for`.
        """
        if self.detail is None:
            return None, float(np.abs(self.contributions).max())
        shown, of_top = (shown_for(self.detail, label, others) for label in (i, top))
        return shown, float(max(np.abs(shown).max(), np.abs(of_top).max()))


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
    """whether the model ends in a softmax of its own, or in a sigmoid where a photo may have several labels"""
    multi_label = False
    """whether a photo may have several labels, or none"""
    threshold = 0.5
    """of the export's loss, 0 to 1, exclusive: a photo gets each label with a probability above it, where it may have
    several"""
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
        """Return (C,) scores in the order of `labels` and (D,) features or None.

        The softmax of the scores are probabilities; where `multi_label`, the sigmoid of each.

        photo: upright, mode RGB, as `open_photo` returns it.
        """
        logits, _, features = self.forward(self.preprocess(photo)[None])
        return self._scores(logits[0]), None if features is None else features[0]

    def explain(self, photo: Image.Image) -> tuple[np.ndarray, np.ndarray | None, CellContributions]:
        """Return what `answer` does, from the same forward pass the contributions of the cells, and a second look.

        Raises ValueError for an engine that does not `explains`.
        """
        logits, cells, features = self.forward(self.preprocess(photo)[None])
        if self.head is None or cells is None or not isinstance(self.preprocess, Preprocess):
            raise ValueError("This model's scores are no sums over cells.")
        seen = self.preprocess.seen(photo.size)
        detail = self._detail(photo, seen, cells[0])
        contributions = CellContributions(*self.head.contributions(cells[0]), seen, detail)
        return self._scores(logits[0]), None if features is None else features[0], contributions

    def _detail(self, photo: Image.Image, seen: Box, cells: np.ndarray) -> np.ndarray | None:
        """Return the detail of a photo; None for a model that takes photos at their own size."""
        closer = self.preprocess.closer if isinstance(self.preprocess, Preprocess) else None
        if closer is None or self.head is None:
            return None
        of_quarters = self.forward(np.stack([closer(part) for part in quarters(photo, seen)]))[1]
        return None if of_quarters is None else detail_of(self.head, cells, of_quarters)

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        """Return scores as `answer` does, for (C,) logits or for the output of a softmax or a sigmoid."""
        scores = logits.astype(np.float64)
        if not self.gives_probabilities:
            return scores
        if self.multi_label:
            given = scores.clip(CERTAIN, 1 - CERTAIN)
            return np.asarray(np.log(given / (1 - given)))
        return np.asarray(np.log(scores.clip(1e-300)))
