"""Answers to photos, computed on as many threads as there are cores, and remembered by the photo's bytes.

    answers = Answers(Classifier.load("export.pkl"))
    answers.predict("bear.jpg")
"""
import hashlib
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from PIL import Image

from classifier import Classifier, Explanation, Prediction
from classifier.cpu_count import cores
from classifier.photo import PhotoError, PhotoSource, n_pixels, open_photo, read_source

log = logging.getLogger(__name__)

T = TypeVar("T")

LARGE = 24_000_000  # pixels
MOST_LARGE = 8  # that wait; each may take some seconds
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


class Busy(PhotoError):
    """The photo is as good as any, but too many are in front of it."""


class Answers:
    """A classifier's answers. Safe to use from many threads at once.

    More photos at the same time than there are cores wait for their turn, first come, first served: taken on at
    once, all of them would end late. Of large ones, which take seconds, one at a time is opened, so that they never
    hold up all the others.
    """

    def __init__(self, classifier: Classifier, most: int | None = None,
                 count: Callable[[Prediction], None] | None = None):
        """most: how many answers to remember, 0 for none; None for what the environment says. count: told each answer.
        """
        self._classifier = classifier
        self._most = min(remembered() if most is None else most, MOST_PROBABILITIES // len(classifier.labels))
        self._known: OrderedDict[bytes, Prediction] = OrderedDict()  # by SHA-256, least recently asked first
        self._lock, self._count = Lock(), count
        self._pool = ThreadPoolExecutor(cores(), thread_name_prefix="answers")
        self._large = ThreadPoolExecutor(1, thread_name_prefix="large answers")

    def predict(self, photo: PhotoSource) -> Prediction:
        """Return what `Classifier.predict` does, at once for bytes that were asked about not long ago."""
        return self.submit(photo).result()

    def submit(self, photo: PhotoSource) -> "Future[Prediction]":
        """Return the answer to come: what `predict` returns or raises. Cancelled in time, it is not computed."""
        return self._in_turn(photo, self._counted(self._remembered if self._most else self._classifier.predict))

    def explain(self, photo: PhotoSource, label: str | None = None) -> Explanation:
        """Return what `Classifier.explain` does, with its picture drawn where that is to be shown."""
        def explain(data: bytes) -> Explanation:
            explanation = self._classifier.explain(data, label)
            if explanation.prediction.familiar is not False or label is not None:
                explanation.picture  # noqa: B018  drawn here, where no more at once are drawn than there are cores
            return explanation
        work = explain if label is not None else self._counted(explain, lambda explanation: explanation.prediction)
        return self._in_turn(photo, work).result()

    def open_and_predict(self, photo: PhotoSource, again: bool = False) -> tuple[Image.Image, Prediction]:
        """Return an opened photo and the answer for it. again: it was given before, and is not counted twice."""
        def both(data: bytes) -> tuple[Image.Image, Prediction]:
            opened = open_photo(data)
            return opened, self._classifier.predict(opened)
        return self._in_turn(photo, both if again else self._counted(both, lambda result: result[1])).result()

    def _counted(self, work: Callable[[bytes], T], prediction_of: Callable[[T], Prediction] = lambda result: result,
                 ) -> Callable[[bytes], T]:
        """Return work that has its answer counted: the one place where answers are."""
        def counted(data: bytes) -> T:
            result = work(data)
            self._count(prediction_of(result))
            return result
        return counted if self._count else work

    def _in_turn(self, photo: PhotoSource, work: Callable[[bytes], T]) -> "Future[T]":
        """Return what work on a photo's bytes will give, done when it is its turn."""
        answer = Future()
        self._pool.submit(self._begin, photo, work, answer)
        return answer

    def _begin(self, photo: PhotoSource, work: Callable[[bytes], T], answer: "Future[T]") -> None:
        try:
            if answer.cancelled():
                return
            data = read_source(photo)
            if n_pixels(data) > LARGE:
                with self._lock:
                    if self._large._work_queue.qsize() >= MOST_LARGE:
                        raise Busy("Too many large photos are waiting. Send a smaller one, or try again in half a "
                                   "minute.")
                    self._large.submit(self._do, data, work, answer)
                return
        except Exception as error:
            if answer.set_running_or_notify_cancel():
                answer.set_exception(error)
        else:
            self._do(data, work, answer)

    def _do(self, data: bytes, work: Callable[[bytes], T], answer: "Future[T]") -> None:
        if not answer.set_running_or_notify_cancel():
            return  # its client is gone
        began = time.perf_counter()
        try:
            answer.set_result(work(data))
        except BaseException as error:
            answer.set_exception(error)
        log.info("a photo of %d kB: %.0f ms", len(data) // 1000, 1000 * (time.perf_counter() - began))

    def _remembered(self, data: bytes) -> Prediction:
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
