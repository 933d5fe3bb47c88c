"""Metrics for Prometheus, in GET /metrics: how many, how fast and how full; never a photo, a name or an address.

    metrics = Metrics(labels, version)
    metrics.watch("requests", lambda: admission.waiting)

`METRICS=1` switches them on. They are off by default: on a public Space, anybody could read what people send.
"""

import hmac
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from classifier import Prediction
from classifier.photo import PhotoError
from server.limits.endpoints import CLASSIFY, METRICS_PATH
from server.limits.errors import INTERNAL

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)  # upper bounds of the histograms
FAMILIAR = {True: "yes", False: "no", None: "unknown"}
NO_PHOTO = "photo"  # reason of a photo that cannot be opened
NO_LABEL = "(none)"  # of a photo that has none of several


class Metrics:
    """Everything that is counted. Safe to use from many threads."""

    def __init__(self, labels: Sequence[str], version: str) -> None:
        """labels: of the model that answers; version: of it."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, processor and open files, where Linux tells them
        self._requests = Counter(
            "fieldguide_requests", "Requests answered, by route and status", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "fieldguide_request_seconds",
            "Seconds from a request's head to the end of its answer, but for streams",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._refusals = Counter(
            "fieldguide_refusals",
            "Requests and photos without answer, by reason",
            ["reason"],
            registry=self.registry,
        )
        self._answers = Counter(
            "fieldguide_answers",
            "Answers of page and API, by label and by whether the photo is familiar",
            ["label", "familiar"],
            registry=self.registry,
        )
        self._photo_seconds = Histogram(
            "fieldguide_photo_seconds",
            "Seconds that a photo waits and is worked on, by page and API",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._waiting = Gauge(
            "fieldguide_waiting", "What is answered or waits for it", ["kind"], registry=self.registry
        )
        model = Gauge("fieldguide_model", "The version of the export that answers", ["version"], registry=self.registry)
        model.labels(version).set(1)
        # from 0 on: Prometheus takes no growth from what begins with the first of its kind
        for label in labels:
            for familiar in ("yes", "no"):
                self._answers.labels(label, familiar)
        for status in ("200", "500", "503"):
            self._requests.labels(CLASSIFY, status)
        self._seconds.labels(CLASSIFY)
        for reason in (NO_PHOTO, INTERNAL.reason):
            self._refusals.labels(reason)

    def watch(self, kind: str, waiting: Callable[[], float]) -> None:
        """Ask how much waits of one kind whenever somebody reads the metrics."""
        self._waiting.labels(kind).set_function(waiting)

    def request(self, route: str, status: str, seconds: float | None, refusal: str | None) -> None:
        """Count a request. seconds: None for a stream; refusal: why it was refused, or None."""
        self._requests.labels(route, status).inc()
        if seconds is not None:
            self._seconds.labels(route).observe(seconds)
        if refusal:
            self._refusals.labels(refusal).inc()

    def answer(self, prediction: Prediction) -> None:
        """Count an answer by its label, or by each of several."""
        labels = (prediction.label,) if prediction.labels is None else prediction.labels or (NO_LABEL,)
        for label in labels:
            self._answers.labels(label, FAMILIAR[prediction.familiar]).inc()

    def photo(self, seconds: float, error: BaseException | None) -> None:
        """Count the seconds that a photo took, and why it got no answer."""
        self._photo_seconds.observe(seconds)
        if error:
            self._refusals.labels(NO_PHOTO if isinstance(error, PhotoError) else INTERNAL.reason).inc()


def metrics_route(metrics: Metrics, token: str = "") -> Route:
    """Return the route of /metrics. token: what it asks for; "" for none."""

    async def show(request: Request) -> Response:
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        fits = hmac.compare_digest(sent.strip().encode("latin-1", "replace"), token.encode())
        if token and not (scheme.lower() == "bearer" and fits):
            return JSONResponse(
                {"error": "The metrics are read with the token in METRICS_TOKEN: `Authorization: Bearer TOKEN`."},
                401,
                {"WWW-Authenticate": 'Bearer realm="metrics"'},
            )
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return Route(METRICS_PATH, show)
