"""The forward pass of any fastai export, by torch: what serves until export.onnx is there.

    engine = FastaiEngine(read_export("export.pkl"))
    scores, features = engine.answer(open_photo("bear.jpg"))
"""
import logging
import math

import numpy as np
from PIL import Image

from classifier.export.nodes import Refused
from classifier.export.reader import OLDER, TRUST, Export, ExportError
from classifier.photo import PhotoError
from classifier.preprocess import MAX_UNSIZED, Preprocess

from .compute_cost import Cost
from .engine import Engine, check_sum
from .heatmap import LinearHead

log = logging.getLogger(__name__)

TRIED = (256, 192)  # width and height of the first photo
MOST_SHARES = 30_000_000  # numbers of one kind that a picture of where the model looked is made of


class FastaiEngine(Engine):
    """The network of an export, run by torch."""

    def __init__(self, export: Export):
        """export: as `read_export` returns it. Raises ExportError for one whose network answers no photo."""
        self.labels = export.labels
        if len(set(self.labels)) < len(self.labels):
            raise ExportError("Two labels of this export have the same name.")
        self.model = export.model
        """the torch module, in evaluation mode"""
        self.preprocess = export.preprocess
        self._cost: Cost | None = None
        logits, cells, features = self._first_answer(export)
        # a model that ends in a softmax of its own is trained with a loss that has no activation
        self.gives_probabilities = not export.has_activation and bool(
            (logits >= 0).all() and abs(logits.sum() - 1) < 1e-4)
        self.n_features = None if features is None else features.shape[1]
        self.head = self._linear_head(logits[0], cells)

    def _first_answer(self, export: Export) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Answer a grey photo, so that what cannot work shows now and not to the first visitor."""
        try:
            image = self.preprocess(Image.new("RGB", TRIED, "grey"))[None]
            if not export.trusted:
                import torch

                torch.backends.mha.set_fastpath_enabled(False)  # it is not what runs without numbers, and checks less
                self._cost = Cost(self.model)
                self._cost(image.shape)
            logits, cells, features = self.forward(image)
        except Refused as why:
            raise ExportError(f"This export {why}: not served. {TRUST}") from why
        except Exception as error:  # somebody else's model and transforms: anything can happen
            raise ExportError(f"This export opens, but its model answers no photo: {str(error)[:500]}. "
                              f"{OLDER}") from error
        if logits is None or logits.shape != (1, len(self.labels)):
            given = "nothing" if logits is None else f"{logits.shape[1:]} figures"
            raise ExportError(f"This export's model gives {given} for a photo, but has "
                              f"{len(self.labels)} labels: not a classifier with one label a photo.")
        if not np.isfinite(logits).all():
            raise ExportError("This export's model gives no numbers for a photo (nan): its training went wrong. "
                              "Train it again, with a lower learning rate.")
        return logits, cells, features

    def _linear_head(self, logits: np.ndarray, cells: np.ndarray | None) -> LinearHead | None:
        """Return the head whose scores can be traced back to cells; None, with a line in the log, if it is none."""
        try:
            if cells is None or cells.ndim != 4:
                raise TypeError("a model without a map of cells between body and head")
            if not isinstance(self.preprocess, Preprocess):
                raise TypeError("transforms that do not tell where a cell lies")
            self._check_shares(len(logits), *cells.shape[1:])
            head = LinearHead.of(self.model[1])
            head.check(cells.shape[1], len(logits))
            check_sum(head, cells[0], logits)
        except Exception as why:  # somebody else's layers: anything can be in them
            log.info("No heatmaps for this export: it has %s.", why)
            return None
        return head

    def _check_shares(self, n_labels: int, n_features: int, height: int, width: int) -> None:
        """Raise TypeError where the shares of all cells in all scores would take too much memory."""
        n_cells = height * width
        if not self.preprocess.steps and not self.preprocess.batch_steps:  # then there are more for a larger photo
            n_cells *= math.ceil(MAX_UNSIZED / (TRIED[0] * TRIED[1]))
        if max(n_labels * n_cells, 2 * n_features * n_cells, 2 * n_features * n_labels) > MOST_SHARES:
            raise TypeError("too many cells, features or labels")

    def forward(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return logits, cells and features, as `Engine.forward` says."""
        import torch

        if self._cost is not None:
            try:  # an export that says of no size asks about each photo at its own
                self._cost((1, *batch.shape[1:]))
            except Exception as why:
                raise PhotoError("The model cannot take a photo of this size.") from why
        with torch.inference_mode():
            return tuple(None if output is None else output.float().numpy()
                         for output in parts(self.model, torch.from_numpy(batch)))


def parts(model, x) -> tuple:
    """Return a torch model's logits, cells and pooled features for a batch, the last two None where it has none."""
    import torch

    if type(model) is not torch.nn.Sequential or len(model) != 2:
        return model(x), None, None
    body, head = model
    cells = body(x)
    if not isinstance(cells, torch.Tensor):
        return head(cells), None, None
    features = cells.mean((2, 3)) if cells.ndim == 4 else cells if cells.ndim == 2 else None
    return head(cells), cells, features
