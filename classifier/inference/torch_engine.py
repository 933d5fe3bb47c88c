"""The forward pass of any fastai export by torch, which serves while there is no export.onnx.

Usage:

    engine = TorchEngine(read_export("export.pkl"))
    scores, features = engine.answer(open_photo("bear.jpg"))
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from classifier.export.nodes import InvalidExport
from classifier.export.reader import OLDER, TRUST, Export, ExportError
from classifier.photo import PhotoError
from classifier.preprocess import MAX_UNSIZED, Preprocess

from .compute_cost import CostLimit
from .engine import Engine, Outputs, check_sum
from .linear_head import LinearHead

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

TEST_SIZE = (256, 192)  # width and height of the first photo
MAX_CONTRIBUTIONS = 30_000_000  # numbers in an array that a heatmap is computed from


class TorchEngine(Engine):
    """The network of an export, run by torch."""

    def __init__(self, export: Export) -> None:
        """export: as `read_export` returns it. Raises ExportError for one whose network cannot answer a photo."""
        self.labels = export.labels
        if len(set(self.labels)) < len(self.labels):
            raise ExportError("Two labels of this export have the same name.")
        self.model = export.model
        """the torch module, in evaluation mode"""
        self.preprocess = export.preprocess
        self.multi_label, self.threshold = export.multi_label, export.threshold
        self._cost: CostLimit | None = None
        logits, cells, features = self._first_answer(export)
        # a model that ends in a softmax or a sigmoid of its own was trained with a loss that has no activation
        self.gives_probabilities = not export.has_activation and (
            ends_in_sigmoid(self.model) and bool((logits >= 0).all() and (logits <= 1).all())
            if export.multi_label
            else bool((logits >= 0).all() and abs(logits.sum() - 1) < 1e-4)
        )
        self.n_features = None if features is None else features.shape[1]
        self.head = self._linear_head(logits[0], cells)

    def _first_answer(self, export: Export) -> Outputs:
        """Return the outputs for a grey photo; ExportError for a model that cannot answer it."""
        try:
            image = self.preprocess(Image.new("RGB", TEST_SIZE, "grey"))[None]
            if not export.trusted:
                import torch

                torch.backends.mha.set_fastpath_enabled(False)  # it is not what `CostLimit` runs, and checks less
                self._cost = CostLimit(self.model)
                self._cost(image.shape)
            logits, cells, features = self.forward(image)
        except InvalidExport as error:
            raise ExportError(f"This export {error}: not served. {TRUST}") from error
        except Exception as error:  # somebody else's model and transforms: anything can happen
            raise ExportError(
                f"This export opens, but its model answers no photo: {str(error)[:500]}. {OLDER}"
            ) from error
        if logits.shape != (1, len(self.labels)):
            given = f"{logits.shape[1:]} figures" if logits.size else "nothing"
            raise ExportError(
                f"This export's model gives {given} for a photo, but has "
                f"{len(self.labels)} labels: not a classifier with a score for each label."
            )
        if not np.isfinite(logits).all():
            raise ExportError(
                "This export's model gives no numbers for a photo (nan): its training went wrong. "
                "Train it again, with a lower learning rate."
            )
        return logits, cells, features

    def _linear_head(self, logits: np.ndarray, cells: np.ndarray | None) -> LinearHead | None:
        """Return the head whose scores are sums over cells; None, with a line in the log, for any other."""
        import torch

        try:
            if cells is None or cells.ndim != 4 or not isinstance(self.model, torch.nn.Sequential):
                raise TypeError("a model without a map of cells between body and head")
            if not isinstance(self.preprocess, Preprocess):
                raise TypeError("transforms that do not tell where a cell lies")
            self._check_contributions(self.preprocess, len(logits), *cells.shape[1:])
            head = LinearHead.of(self.model[1])
            head.check(cells.shape[1], len(logits))
            check_sum(head, cells[0], logits)
        except Exception as error:  # somebody else's layers: anything can be in them
            log.info("No heatmaps for this export: it has %s.", error)
            return None
        return head

    @staticmethod
    def _check_contributions(preprocess: Preprocess, n_labels: int, n_features: int, height: int, width: int) -> None:
        """Raise TypeError where the contributions of all cells to all scores would take too much memory."""
        n_cells = height * width
        if not preprocess.steps and not preprocess.batch_steps:  # then a larger photo has more cells
            n_cells *= math.ceil(MAX_UNSIZED / (TEST_SIZE[0] * TEST_SIZE[1]))
        if max(n_labels * n_cells, 2 * n_features * n_cells, 2 * n_features * n_labels) > MAX_CONTRIBUTIONS:
            raise TypeError("too many cells, features or labels")

    def forward(self, batch: np.ndarray) -> Outputs:
        """Return the outputs for a batch, (N, 3, H, W) float32."""
        import torch

        if self._cost is not None:
            try:  # an export without a size gives the model each photo at its own
                self._cost((1, *batch.shape[1:]))
            except Exception as error:
                raise PhotoError("The model cannot take a photo of this size.") from error
        with torch.inference_mode():
            logits, cells, features = (
                None if output is None else output.float().numpy()
                for output in model_outputs(self.model, torch.from_numpy(batch))
            )
        return np.empty((len(batch), 0), dtype=np.float32) if logits is None else logits, cells, features


def ends_in_sigmoid(model: torch.nn.Module) -> bool:
    """Return whether the last layer of a torch model is a sigmoid from 0 to 1."""
    last = [part for part in model.modules() if not any(True for _ in part.children())][-1]
    bounds = getattr(last, "low", 0), getattr(last, "high", 1)  # of fastai's SigmoidRange
    return type(last).__name__ in ("Sigmoid", "SigmoidRange") and bounds == (0, 1)


def model_outputs(model: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    """Return a torch model's logits, cells and pooled features for a batch; None for each that it does not give."""
    import torch

    if type(model) is not torch.nn.Sequential or len(model) != 2:
        return model(x), None, None
    body, head = model
    cells = body(x)
    if not isinstance(cells, torch.Tensor):
        return head(cells), None, None
    features = cells.mean((2, 3)) if cells.ndim == 4 else cells if cells.ndim == 2 else None
    return head(cells), cells, features
