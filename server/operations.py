"""What whoever runs the app has switched on: keys, metrics, and Redis. All of it is off by default.

operations = open_operations(settings, classifier)
"""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.routing import Route

from classifier import Classifier, Prediction

from .limits.api_keys import ApiKeys, KeysError
from .limits.key_check import KeyCheck
from .monitoring.log import writes_json
from .monitoring.middleware import MonitoringMiddleware
from .settings import Settings

if TYPE_CHECKING:
    from .monitoring.metrics import Metrics
    from .shared_store import SharedStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Operations:
    """What is switched on; None for what is not."""

    keys: KeyCheck | None = None
    metrics: "Metrics | None" = None
    shared: "SharedStore | None" = None

    def on_prediction(self, count: Callable[[Prediction], None] | None) -> Callable[[Prediction], None] | None:
        """Return what is to be told of each prediction. count: what is, whatever is switched on."""
        if self.metrics is None or count is None:
            return self.metrics.answer if self.metrics else count
        metrics, counted = self.metrics, count

        def tell_both(prediction: Prediction) -> None:
            counted(prediction)
            metrics.answer(prediction)

        return tell_both

    def middleware(self) -> list[Middleware]:
        """Return what stands in front of the limits: nothing, unless requests are counted or logged."""
        if self.metrics is None and not writes_json():
            return []
        return [Middleware(MonitoringMiddleware, metrics=self.metrics, log_requests=writes_json())]

    def routes(self) -> list[Route]:
        """Return the routes that the app has beside its own."""
        if self.metrics is None:
            return []
        from .monitoring.metrics import metrics_route

        return [metrics_route(self.metrics, os.environ.get("METRICS_TOKEN", "").strip())]


def open_operations(settings: Settings, classifier: Classifier) -> Operations:
    """Return what the environment switches on; ends the process with a message where that cannot be."""
    return Operations(_open_keys(settings), _open_metrics(classifier), _open_shared(classifier))


def _open_keys(settings: Settings) -> KeyCheck | None:
    """Return the check of the keys in API_KEYS_FILE; a file that cannot be read does not let everybody in."""
    path = os.environ.get("API_KEYS_FILE")
    if not path:
        return None
    try:
        return KeyCheck(ApiKeys(Path(path)), settings.api_keys_required)
    except KeysError as error:
        sys.exit(f"The app cannot start. {error}")


def _open_metrics(classifier: Classifier) -> "Metrics | None":
    """Return the metrics, where METRICS asks for them; only then their library is imported."""
    asked = os.environ.get("METRICS", "").strip()
    if asked != "1":
        if asked not in ("", "0") or os.environ.get("METRICS_TOKEN"):
            log.warning("There are no metrics: METRICS is %r, and only 1 switches them on.", asked)
        return None
    from .monitoring.metrics import Metrics

    return Metrics(classifier.labels, classifier.short_version)


def _open_shared(classifier: Classifier) -> "SharedStore | None":
    """Return what replicas share, where REDIS_URL says through which Redis; it need not answer yet."""
    url = os.environ.get("REDIS_URL")
    if not url:
        return None
    try:
        from .shared_store import SharedStore

        return SharedStore(url, classifier.version or "")
    except ImportError:
        sys.exit("The app cannot start. REDIS_URL needs a package: pip install -r deploy/requirements.txt")
    except ValueError:  # its text may have the password
        sys.exit("The app cannot start. REDIS_URL is no address of a Redis, such as redis://redis:6379/0.")
