"""Count answers by day, label and confidence: numbers alone, nothing of any photo.

Writes FOLDER/counters/TIME-RANDOM.json, a file for each start of the app, every minute in which something was new:

    {"model_version": "d51c0901e26d", "days": {"2026-11-25": {"labels": {"teddy": 2}, "unfamiliar": 1,
     "confidence": [0, …, 2], "confidence_sum": 1.93}}}

Where the app has said that a photo is none of its labels, the answer counts in `unfamiliar` alone. Where a photo may
have several labels, each of them counts, and `photos` counts the answers.
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

from .records import COUNTERS_FOLDER, DayCounts, confidence_bin, no_counts

log = logging.getLogger(__name__)

FLUSH_SECONDS = 60  # what a killed app forgets at most


class Counters:
    """Counts of answers since the app started. Safe to use from many threads."""

    def __init__(self, folder: Path, version: str) -> None:
        """folder: of the feedback; version: of the model that answers."""
        started = datetime.now(timezone.utc)
        self.file = Path(folder) / COUNTERS_FOLDER / f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}.json"
        self._days: dict[str, DayCounts] = {}
        self._version, self._lock, self._changed = version, threading.Lock(), False

    def count(self, prediction: Prediction) -> None:
        """Count an answer."""
        labels = (prediction.label,) if prediction.labels is None else prediction.labels
        with self._lock:
            today = self._days.setdefault(f"{datetime.now(timezone.utc):%Y-%m-%d}", no_counts())
            if prediction.labels is not None:
                today["photos"] = today.get("photos", 0) + 1
            if prediction.is_none:
                today["unfamiliar"] += 1
            else:
                for label in labels:
                    confidence = prediction.probabilities[label]
                    today["labels"][label] = today["labels"].get(label, 0) + 1
                    today["confidence"][confidence_bin(confidence)] += 1
                    today["confidence_sum"] += confidence
            self._changed = True

    def flush(self) -> None:
        """Write the counts, if there are new ones; an error of the disk is logged."""
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

    def start_flushing(self) -> None:
        """Write the counts every minute from now on, in a thread of its own."""

        def flush_forever() -> None:
            while True:
                time.sleep(FLUSH_SECONDS)
                self.flush()

        threading.Thread(target=flush_forever, daemon=True, name="counters").start()
