"""The forward pass: an upright photo in, the probability of each label and the photo's features out.

    engine = Engine(read_export("export.pkl"))
    probabilities, features = engine.answer(open_photo("bear.jpg"))
"""
import logging
import threading

import numpy as np
from PIL import Image

from .export import ExportError
from .transforms import Untranslatable, input_class, translate

log = logging.getLogger(__name__)


class Engine:
    """One model and its transforms, safe to call from many threads at once."""

    def __init__(self, learn):
        """learn: a fastai `Learner` on the CPU, as `read_export` returns it."""
        self.labels = [str(label) for label in learn.dls.vocab]
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
        self.n_features = self._warm_up()
        """how many features `answer` gives; None where the model is no body and head"""

    def _warm_up(self) -> int | None:
        """Answer a grey photo, so that what cannot work shows now and not to the first visitor."""
        try:
            logits, features = self.forward(self._preprocess(Image.new("RGB", (256, 192), "grey"))[None])
        except Exception as error:  # somebody else's model and transforms: anything can happen
            raise ExportError(f"This export opens, but its model answers no photo: {error}") from error
        if logits.shape != (1, len(self.labels)):
            raise ExportError(f"This export's model gives {logits.shape[1:]} figures for a photo, but has "
                              f"{len(self.labels)} labels: not a classifier with one label a photo.")
        # a model that ends in a softmax of its own is trained with a loss that has no activation
        self._gives_probabilities = not self._has_activation and bool(
            (logits >= 0).all() and abs(logits.sum() - 1) < 1e-4)
        return None if features is None else features.shape[1]

    def answer(self, photo: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (C,) probabilities in the order of `labels`, summing to 1, and (D,) features or None.

        photo: upright, mode RGB, as `open_photo` returns it.
        """
        logits, features = self.forward(self._preprocess(photo)[None])
        scores = logits[0].astype(np.float64)
        odds = scores if self._gives_probabilities else np.exp(scores - scores.max())
        return odds / odds.sum(), None if features is None else features[0]

    def forward(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (N, C) logits and (N, D) pooled backbone features for (N, 3, H, W) float32.

        Features are None for a model that is not fastai's sequence of a body and a head.
        """
        import torch

        with torch.inference_mode():
            x = torch.from_numpy(batch)
            if type(self._model) is not torch.nn.Sequential or len(self._model) != 2:
                return self._model(x).float().numpy(), None
            body, head = self._model
            cells = body(x)
            features = cells.mean((2, 3)) if cells.ndim == 4 else cells if cells.ndim == 2 else None
            return head(cells).float().numpy(), None if features is None else features.float().numpy()

    def _by_fastai(self, photo: Image.Image) -> np.ndarray:
        """Return what the export's own transforms make of the photo, (C, H, W) float32."""
        cls = input_class(self._dls)
        item = cls.create(photo.convert(cls._open_args.get("mode", "RGB")))
        with self._lock:
            return self._dls.test_dl([item], num_workers=0).one_batch()[0][0].cpu().numpy()
