"""The forward pass: an upright photo in, a score for each label and the photo's features out.

    engine = Engine(read_export("export.pkl"))
    scores, features = engine.answer(open_photo("bear.jpg"))
"""
import logging
import threading
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .export import ExportError
from .heatmap import LinearHead
from .transforms import Box, Preprocess, Untranslatable, input_class, translate

log = logging.getLogger(__name__)

SUM_TOLERANCE = 1e-4  # of a logit, or of its size beyond 1: shares that add up to something else explain nothing


@dataclass(frozen=True)
class Cells:
    """How the cells of one photo add up to its scores."""

    contributions: np.ndarray
    """(C, H, W): each cell's share in each label's logit"""
    biases: np.ndarray
    """(C,): the rest of each logit"""
    seen: Box
    """where the cells lie, in pixels of the photo"""


class Engine:
    """One model and its transforms, safe to call from many threads at once."""

    def __init__(self, learn):
        """learn: a fastai `Learner` on the CPU, as `read_export` returns it."""
        self.labels = [str(label) for label in learn.dls.vocab]
        if len(set(self.labels)) < len(self.labels):
            raise ExportError("Two labels of this export have the same name.")
        self._model = learn.model
        self._dls = learn.dls
        self._has_activation = hasattr(learn.loss_func, "activation")
        self._gives_probabilities = False
        self._lock = threading.Lock()  # fastai's transforms keep state on themselves
        try:
            self._preprocess = translate(learn.dls)
        except Untranslatable as transform:
            self._preprocess = self._by_fastai
            log.warning("This export uses %s, which only fastai itself can run: "
                        "answers are right, but slower.", transform)
        self.n_features, self._head = None, None
        self._warm_up()

    @property
    def explains(self) -> bool:
        """Whether `explain` can tell where the model looked."""
        return self._head is not None

    def _warm_up(self) -> None:
        """Answer a grey photo, so that what cannot work shows now and not to the first visitor."""
        grey = Image.new("RGB", (256, 192), "grey")
        try:
            logits, cells, features = self.forward(self._preprocess(grey)[None])
        except Exception as error:  # somebody else's model and transforms: anything can happen
            raise ExportError(f"This export opens, but its model answers no photo: {error}") from error
        if logits.shape != (1, len(self.labels)):
            raise ExportError(f"This export's model gives {logits.shape[1:]} figures for a photo, but has "
                              f"{len(self.labels)} labels: not a classifier with one label a photo.")
        if not np.isfinite(logits).all():
            raise ExportError("This export's model gives no numbers for a photo (nan): its training went wrong. "
                              "Train it again, with a lower learning rate.")
        # a model that ends in a softmax of its own is trained with a loss that has no activation
        self._gives_probabilities = not self._has_activation and bool(
            (logits >= 0).all() and abs(logits.sum() - 1) < 1e-4)
        self.n_features = None if features is None else features.shape[1]
        """how many features `answer` gives; None where the model is no body and head"""
        self._head = self._linear_head(logits[0], cells)

    def _linear_head(self, logits: np.ndarray, cells) -> LinearHead | None:
        """Return the head whose scores can be traced back to cells; None, with a line in the log, if it is none."""
        try:
            if cells is None or cells.ndim != 4:
                raise TypeError("a model without a map of cells between body and head")
            if not isinstance(self._preprocess, Preprocess):
                raise TypeError("transforms that do not tell where a cell lies")
            head = LinearHead(self._model[1])
            shares, biases = head.contributions(cells[0])
            if not (np.abs(shares.sum((1, 2)) + biases - logits) < SUM_TOLERANCE * np.abs(logits).clip(1)).all():
                raise TypeError("a head whose cells do not add up to its scores")
        except (TypeError, RuntimeError, AttributeError) as why:
            log.info("No heatmaps for this export: it has %s.", why)
            return None
        return head

    def answer(self, photo: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (C,) scores in the order of `labels`, whose softmax are probabilities, and (D,) features or None.

        photo: upright, mode RGB, as `open_photo` returns it.
        """
        logits, _, features = self.forward(self._preprocess(photo)[None])
        return self._scores(logits[0]), None if features is None else features[0]

    def explain(self, photo: Image.Image) -> tuple[np.ndarray, np.ndarray | None, Cells | None]:
        """Return what `answer` does and, from the same forward pass, where the model looked, if it `explains`."""
        logits, cells, features = self.forward(self._preprocess(photo)[None])
        explained = self._head and Cells(*self._head.contributions(cells[0]), self._preprocess.seen(photo.size))
        return self._scores(logits[0]), None if features is None else features[0], explained

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        scores = logits.astype(np.float64)
        return np.log(scores.clip(1e-300)) if self._gives_probabilities else scores

    def forward(self, batch: np.ndarray):
        """Return (N, C) logits, the backbone's (N, D, H, W) cells and (N, D) pooled features for (N, 3, H, W) float32.

        Cells (a torch tensor) and features are None for a model that is not fastai's sequence of a body
        and a head.
        """
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(batch)
            if type(self._model) is not torch.nn.Sequential or len(self._model) != 2:
                return self._model(x).float().numpy(), None, None
            body, head = self._model
            cells = body(x)
            if not isinstance(cells, torch.Tensor):
                return head(cells).float().numpy(), None, None
            features = cells.mean((2, 3)) if cells.ndim == 4 else cells if cells.ndim == 2 else None
            return head(cells).float().numpy(), cells, None if features is None else features.float().numpy()

    def _by_fastai(self, photo: Image.Image) -> np.ndarray:
        """Return what the export's own transforms make of the photo, (C, H, W) float32."""
        cls = input_class(self._dls)
        item = cls.create(photo.convert(cls._open_args.get("mode", "RGB")))
        with self._lock:
            return self._dls.test_dl([item], num_workers=0).one_batch()[0][0].cpu().numpy()
