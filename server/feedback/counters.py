"""How many answers there were of which kind, by day: numbers alone, nothing of any photo.

Writes FOLDER/counters/TIME-RANDOM.json, a file for each start of the app, every minute in which something was new:

    {"model_version": "d51c0901e26d", "days": {"2026-11-25": {"labels": {"teddy": 2}, "unfamiliar": 1,
     "confidence": [0, …, 2], "confidence_sum": 1.93}}}

`labels` and `confidence` (the first label's probability, in twentieths) count the answers that the app stood by;
`unfamiliar` those of which it said that it is none of its labels.
"""
import json
import logging
import secrets
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

from classifier import Prediction
from classifier.files import atomic_write

log = logging.getLogger(__name__)

FOLDER = "counters"
EVERY = 60  # seconds: what a killed app forgets at most
BINS = 20  # of confidence


class Counters:
    """Counts of answers since the app started. Safe to use from many threads."""

    def __init__(self, folder: Path, version: str):
        """folder: of the feedback; version: of the model that answers."""
        started = datetime.now(timezone.utc)
        self.file = Path(folder) / FOLDER / f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}.json"
        self._version, self._days, self._lock = version, {}, threading.Lock()
        self._changed = False

    def count(self, prediction: Prediction) -> None:
        """Count an answer."""
        confidence = prediction.probabilities[prediction.label]
        with self._lock:
            today = self._days.setdefault(f"{datetime.now(timezone.utc):%Y-%m-%d}", {
                "labels": {}, "unfamiliar": 0, "confidence": [0] * BINS, "confidence_sum": 0.0})
            if prediction.familiar is False:
                today["unfamiliar"] += 1
            else:
                today["labels"][prediction.label] = today["labels"].get(prediction.label, 0) + 1
                today["confidence"][min(int(confidence * BINS), BINS - 1)] += 1
                today["confidence_sum"] += confidence
            self._changed = True

    def flush(self) -> None:
        """Write the counts, if there are new ones; a disk that takes none is named in the log."""
        with self._lock:
            if not self._changed:
                return
            data = json.dumps({"model_version": self._version, "days": self._days}).encode()
            self._changed = False
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self.file, data)
        except OSError as error:
            self._changed = True
            log.error("The counters could not be written: %s.", error.strerror)

    def keep_flushed(self) -> None:
        """Write the counts every minute from now on, in a thread of its own."""
        def forever() -> None:
            while True:
                time.sleep(EVERY)
                self.flush()
        threading.Thread(target=forever, daemon=True, name="counters").start()
