"""The forward pass: an upright photo in, the probability of each label out.

    engine = Engine(read_export("export.pkl"))
    engine.probabilities(open_photo("bear.jpg"))
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
        self._lock = threading.Lock()  # fastai's transforms keep state on themselves
        try:
            self._preprocess = translate(learn.dls)
        except Untranslatable as transform:
            self._preprocess = self._by_fastai
            log.warning("This export uses %s, which only fastai itself can run: "
                        "answers are right, but slower.", transform)
        self._warm_up()

    def _warm_up(self) -> None:
        """Answer a grey photo, so that what cannot work shows now and not to the first visitor."""
        try:
            answer = self.logits(self._preprocess(Image.new("RGB", (256, 192), "grey"))[None])
        except Exception as error:  # somebody else's model and transforms: anything can happen
            raise ExportError(f"This export opens, but its model answers no photo: {error}") from error
        if answer.shape != (1, len(self.labels)):
            raise ExportError(f"This export's model gives {answer.shape[1:]} figures for a photo, but has "
                              f"{len(self.labels)} labels: not a classifier with one label a photo.")

    def probabilities(self, photo: Image.Image) -> np.ndarray:
        """Return (C,) probabilities, 0 to 1, summing to 1, in the order of `labels`.

        photo: upright, mode RGB, as `open_photo` returns it.
        """
        logits = self.logits(self._preprocess(photo)[None])[0].astype(np.float64)
        odds = np.exp(logits - logits.max())
        return odds / odds.sum()

    def logits(self, batch: np.ndarray) -> np.ndarray:
        """Return (N, labels) for a batch of (N, C, H, W) float32."""
        import torch

        with torch.inference_mode():
            return self._model(torch.from_numpy(batch)).float().numpy()

    def _by_fastai(self, photo: Image.Image) -> np.ndarray:
        """Return what the export's own transforms make of the photo, (C, H, W) float32."""
        cls = input_class(self._dls)
        item = cls.create(photo.convert(cls._open_args.get("mode", "RGB")))
        with self._lock:
            return self._dls.test_dl([item], num_workers=0).one_batch()[0][0].cpu().numpy()
