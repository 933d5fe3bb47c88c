"""Answers to photos, computed on as many threads as there are cores, and remembered by the photo's bytes.

    answers = Answers(Classifier.load("export.pkl"))
    answers.predict("bear.jpg")
"""
import hashlib
import logging
import os
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from classifier import Classifier, Prediction
from classifier.cores import cores
from classifier.photo import PhotoSource, read_source

log = logging.getLogger(__name__)

REMEMBERED = 1000  # answers, unless ANSWER_CACHE in the environment says otherwise; 0 remembers none
MOST_PROBABILITIES = 200_000  # in all answers together, about 20 MB: a thousand labels leave room for fewer


def remembered() -> int:
    """Return how many answers to remember: ANSWER_CACHE in the environment, REMEMBERED where that is no number."""
    given = os.environ.get("ANSWER_CACHE")
    if given and given.isdecimal():
        return int(given)
    if given:
        log.warning("ANSWER_CACHE=%r is not a number of answers: %d are remembered.", given, REMEMBERED)
    return REMEMBERED


class Answers:
    """A classifier's answers. Safe to use from many threads at once.

    More photos at the same time than there are cores wait for their turn, first come, first served: taken on at
    once, all of them would end late.
    """

    def __init__(self, classifier: Classifier, most: int | None = None):
        """most: how many answers to remember, 0 for none; None for what the environment says."""
        self._classifier = classifier
        self._most = min(remembered() if most is None else most, MOST_PROBABILITIES // len(classifier.labels))
        self._known: OrderedDict[bytes, Prediction] = OrderedDict()  # by SHA-256, least recently asked first
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(cores(), thread_name_prefix="answers")

    def predict(self, photo: PhotoSource) -> Prediction:
        """Return what `Classifier.predict` does, at once for bytes that were asked about not long ago."""
        return self.submit(photo).result()

    def submit(self, photo: PhotoSource) -> "Future[Prediction]":
        """Return the answer to come: what `predict` returns or raises."""
        return self._pool.submit(self._predict, photo)

    def _predict(self, photo: PhotoSource) -> Prediction:
        if not self._most:
            return self._classifier.predict(photo)
        data = read_source(photo)
        name = hashlib.sha256(data).digest()
        with self._lock:
            if name in self._known:
                self._known.move_to_end(name)
                return self._known[name]
        prediction = self._classifier.predict(data)
        with self._lock:
            self._known[name] = prediction
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return prediction
