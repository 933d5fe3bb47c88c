"""The forward pass of any fastai export, by torch: what serves until export.onnx is there.

    engine = FastaiEngine(read_export("export.pkl"))
    scores, features = engine.answer(open_photo("bear.jpg"))
"""
import logging

import numpy as np
from PIL import Image

from .cost import check_cost
from .engine import Engine, check_sum
from .export import OLDER, TRUST, Export, ExportError
from .heatmap import LinearHead
from .nodes import Refused
from .transforms import Preprocess

log = logging.getLogger(__name__)


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
        logits, cells, features = self._first_answer(export)
        # a model that ends in a softmax of its own is trained with a loss that has no activation
        self.gives_probabilities = not export.has_activation and bool(
            (logits >= 0).all() and abs(logits.sum() - 1) < 1e-4)
        self.n_features = None if features is None else features.shape[1]
        self.head = self._linear_head(logits[0], cells)

    def _first_answer(self, export: Export) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Answer a grey photo, so that what cannot work shows now and not to the first visitor."""
        try:
            image = self.preprocess(Image.new("RGB", (256, 192), "grey"))[None]
            if not export.trusted:
                check_cost(self.model, image.shape)
            logits, cells, features = self.forward(image)
        except Refused as why:
            raise ExportError(f"This export {why}: not served. {TRUST}") from why
        except Exception as error:  # somebody else's model and transforms: anything can happen
            raise ExportError(f"This export opens, but its model answers no photo: {error}. {OLDER}") from error
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
            head = LinearHead.of(self.model[1])
            head.check(cells.shape[1], len(logits))
            check_sum(head, cells[0], logits)
        except (TypeError, ValueError, RuntimeError, AttributeError) as why:
            log.info("No heatmaps for this export: it has %s.", why)
            return None
        return head

    def forward(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Return logits, cells and features, as `Engine.forward` says."""
        import torch

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
