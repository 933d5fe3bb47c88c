"""`Predictor`: predictions on as many threads as there are cores, with a cache by the photo's bytes.

Usage:

    predictor = Predictor(Classifier.load("export.pkl"))
    predictor.predict("bear.jpg")
"""

import hashlib
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from PIL import Image

from classifier import Classifier, Explanation, Prediction
from classifier.cpu_count import cores
from classifier.photo import PhotoError, PhotoSource, n_pixels, open_photo, read_source

from .texts import label_text

if TYPE_CHECKING:
    from .shared_store import SharedStore

log = logging.getLogger(__name__)

T = TypeVar("T")

LARGE_PIXELS = 24_000_000
MAX_LARGE_WAITING = 8  # large photos; each may take some seconds
CACHE_SIZE = 1000  # predictions, unless ANSWER_CACHE in the environment says otherwise; 0 for no cache
MAX_CACHED_PROBABILITIES = 200_000  # in all predictions together, about 20 MB: with a thousand labels fewer fit


def cache_size() -> int:
    """Return how many predictions to cache: ANSWER_CACHE in the environment, CACHE_SIZE where that is no number."""
    value = os.environ.get("ANSWER_CACHE")
    if value and value.isdecimal():
        return int(value)
    if value:
        log.warning("ANSWER_CACHE=%r is not a number of answers: %d are remembered.", value, CACHE_SIZE)
    return CACHE_SIZE


class Busy(PhotoError):
    """Raised when too many large photos are already waiting."""


def _timed(report: Callable[[float, BaseException | None], None]) -> Callable[[Future[T]], None]:
    """Return what tells `report` of a future that is done; of one that was cancelled, nothing."""
    began = time.perf_counter()

    def done(future: Future[T]) -> None:
        if not future.cancelled():
            report(time.perf_counter() - began, future.exception())

    return done


class Predictor:
    """Predictions of a classifier, computed in turn. Safe to use from many threads at once.

    Where there are more photos than cores, they wait for their turn, first come, first served: begun all at once,
    all of them would end late. Large photos, which take seconds, are opened one at a time, so that they never hold up
    the others.
    """

    def __init__(
        self,
        classifier: Classifier,
        max_cached: int | None = None,
        on_prediction: Callable[[Prediction], None] | None = None,
        on_end: Callable[[float, BaseException | None], None] | None = None,
        shared: "SharedStore | None" = None,
    ) -> None:
        """max_cached: predictions in the cache, 0 for none; None for what the environment says.

        on_prediction: called with each prediction, once for each request. on_end: with the seconds that each photo
        took, from its request on, and with the error that it ended in, or None. shared: where other replicas look for
        answers, too.
        """
        self._classifier = classifier
        self._max_cached = min(
            cache_size() if max_cached is None else max_cached, MAX_CACHED_PROBABILITIES // len(classifier.labels)
        )
        self._cache: OrderedDict[bytes, Prediction] = OrderedDict()  # by SHA-256, least recently used first
        self._lock, self._on_prediction, self._on_end, self._shared = Lock(), on_prediction, on_end, shared
        self._pool = ThreadPoolExecutor(cores(), thread_name_prefix="predictor")
        self._large_pool = ThreadPoolExecutor(1, thread_name_prefix="predictor of large photos")

    def predict(self, photo: PhotoSource) -> Prediction:
        """Return what `Classifier.predict` does, at once for bytes that are in the cache."""
        return self.submit(photo).result()

    def submit(self, photo: PhotoSource) -> Future[Prediction]:
        """Return the future of what `predict` returns or raises. If it is cancelled in time, nothing is computed."""
        predict = self._predict_cached if self._max_cached else self._classifier.predict
        return self._submit(photo, self._reporting(predict, lambda prediction: prediction))

    def explain(self, photo: PhotoSource, label: str | None = None) -> Explanation:
        """Return what `Classifier.explain` does, with its picture drawn where that is to be shown.

        label: one of the classifier's, or as the page shows it.
        """
        labels = self._classifier.labels
        meant = label if label in labels else next((name for name in labels if label_text(name) == label), label)

        def explain(data: bytes) -> Explanation:
            explanation = self._classifier.explain(data, meant)
            if not explanation.prediction.is_none or label is not None:
                explanation.picture  # noqa: B018  drawn here, where no more at once are drawn than there are cores
            return explanation

        work = explain if label is not None else self._reporting(explain, lambda explanation: explanation.prediction)
        return self._submit(photo, work).result()

    def open_and_predict(self, photo: PhotoSource, again: bool = False) -> tuple[Image.Image, Prediction]:
        """Return an opened photo and its prediction. again: it was reported before, and is not reported twice."""

        def open_and_predict(data: bytes) -> tuple[Image.Image, Prediction]:
            opened = open_photo(data)
            return opened, self._classifier.predict(opened)

        work = open_and_predict if again else self._reporting(open_and_predict, lambda result: result[1])
        return self._submit(photo, work).result()

    def _reporting(self, work: Callable[[bytes], T], prediction_of: Callable[[T], Prediction]) -> Callable[[bytes], T]:
        """Return work that reports its prediction to `on_prediction`."""
        if self._on_prediction is None:
            return work
        report = self._on_prediction

        def reporting(data: bytes) -> T:
            result = work(data)
            report(prediction_of(result))
            return result

        return reporting

    def _submit(self, photo: PhotoSource, work: Callable[[bytes], T]) -> Future[T]:
        """Return the future of work on a photo's bytes, done when it is its turn."""
        future: Future[T] = Future()
        if self._on_end:
            future.add_done_callback(_timed(self._on_end))
        self._pool.submit(copy_context().run, self._begin, photo, work, future)  # the context names the request
        return future

    def _begin(self, photo: PhotoSource, work: Callable[[bytes], T], future: Future[T]) -> None:
        """Read a photo and do the work; a large photo waits in the other pool."""
        try:
            if future.cancelled():
                return
            data = read_source(photo)
            if n_pixels(data) > LARGE_PIXELS:
                with self._lock:
                    if self._large_pool._work_queue.qsize() >= MAX_LARGE_WAITING:
                        raise Busy(
                            "Too many large photos are waiting. Send a smaller one, or try again in half a minute."
                        )
                    self._large_pool.submit(copy_context().run, self._do, data, work, future)
                return
        except Exception as error:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        else:
            self._do(data, work, future)

    def _do(self, data: bytes, work: Callable[[bytes], T], future: Future[T]) -> None:
        if not future.set_running_or_notify_cancel():
            return  # its client is gone
        began = time.perf_counter()
        try:
            future.set_result(work(data))
        except BaseException as error:
            future.set_exception(error)
        log.info("a photo of %d kB: %.0f ms", len(data) // 1000, 1000 * (time.perf_counter() - began))

    def _predict_cached(self, data: bytes) -> Prediction:
        key = hashlib.sha256(data).digest()
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        prediction = self._shared.find(key) if self._shared else None
        if prediction is None:
            prediction = self._classifier.predict(data)
            if self._shared:
                self._shared.keep(key, prediction)
        with self._lock:
            self._cache[key] = prediction
            while len(self._cache) > self._max_cached:
                self._cache.popitem(last=False)
        return prediction
