"""Store users' feedback where the owner of the app set FEEDBACK; without it nothing is asked for or kept.

    FEEDBACK=/data/feedback python app.py                    # a folder
    FEEDBACK=hf://datasets/USER/NAME python app.py           # a dataset on the Hub, by way of FEEDBACK_FOLDER

Writes the photos, records and counters that `server.feedback.records` describes.

A record is on the disk before its sender is thanked. None is deleted before it lies on the Hub. None is changed, but
for one that is said again after another: it gets its new time, since the last word on a photo counts.
"""

import hashlib
import io
import json
import logging
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock

from PIL import Image

from classifier import Classifier, Prediction
from classifier.files import atomic_write
from server.limits.rate_limit import RateLimiter
from server.settings import MB, Settings

from .corrections import NotStored, answered_label, checked
from .counters import Counters
from .hub_sync import HubUpload
from .records import COUNTERS_FOLDER, HUB_PREFIX, Record, photo_path, record_path, records_of_photo

log = logging.getLogger(__name__)

MAX_SIDE = 1024  # pixels of a kept photo's longer side
MAX_PROBABILITIES = 5  # in a record
HUB_ADDRESS = re.compile(HUB_PREFIX + r"([\w.-]+/[\w.-]+)/?")
FULL = "Thank you, but no more can be kept at the moment: this was not."


class Feedback:
    """A folder of records, and the counters beside it. Safe to use from many threads, of one process."""

    def __init__(
        self,
        folder: str | Path,
        labels: Sequence[str],
        version: str = "",
        hub: HubUpload | None = None,
        settings: Settings | None = None,
    ) -> None:
        """version: of the model that answers; hub: where the folder is uploaded to. OSError for a folder that cannot
        be written in."""
        self.folder, self.labels, self._version, self._hub = Path(folder), list(labels), version, hub
        settings = settings or Settings()
        self._max_bytes, self._per_minute = settings.max_feedback_mb * MB, settings.feedback_per_minute
        self._limiter, self._lock = RateLimiter(self._per_minute), Lock()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._delete_unfinished()
        self.n_bytes = sum(path.stat().st_size for path in self._files())
        self.counters = Counters(self.folder, version)
        if hub:
            hub.start(self.folder)

    def add(self, photo: Image.Image, prediction: Prediction, correction: str | None, client: str = "") -> bool:
        """Store a photo, its answer and what a user says it is, None for none of the labels; return whether it is new.

        correction: see `server.feedback.corrections`.
        It is on the disk when this returns. Of several words on a photo the last counts: one that is said again after
        another is new. Raises NotStored where it is not stored.
        """
        correction = checked(correction, prediction, self.labels)
        self._limit(client)
        picture = without_metadata(photo)
        digest = hashlib.sha256(picture).hexdigest()
        record = json.dumps(self._record(digest, prediction, correction)).encode()
        photo_file = photo_path(self.folder, digest)
        record_file = record_path(self.folder, digest, correction)
        with self._lock:
            latest = max(records_of_photo(self.folder, digest), key=lambda file: file.stat().st_mtime_ns, default=None)
            if latest == record_file:
                return False
            self._make_room(len(picture) + len(record))
            try:
                photo_file.parent.mkdir(exist_ok=True)
                if not photo_file.exists():  # no record without its photo
                    self._write(photo_file, picture)
                self._write(record_file, record)
            except OSError as error:
                log.error("Feedback could not be kept: %s.", error.strerror)
                raise NotStored(FULL) from error
        return True

    def close(self, seconds: float) -> None:
        """Write the counters, and upload what still waits if that takes no longer than so many seconds."""
        self.counters.flush()
        if self._hub:
            self._hub.finish(seconds)

    def _limit(self, client: str) -> None:
        """Raise NotStored for a client that sends too much."""
        if wait := self._limiter.spend(client):
            raise NotStored(f"That was a lot: {self._per_minute} a minute are taken. Try again in {math.ceil(wait)} s.")

    def _record(self, digest: str, prediction: Prediction, correction: str | None) -> Record:
        given = prediction.labels or ()
        most_probable = {*list(prediction.probabilities)[:MAX_PROBABILITIES], *given}
        probabilities = prediction.probabilities.items()
        record: Record = {
            "photo": digest,
            "label": prediction.label,
            "probabilities": {label: round(share, 6) for label, share in probabilities if label in most_probable},
            "familiar": prediction.familiar,
            "familiarity": prediction.familiarity,
            "correction": correction,
            "right": correction == answered_label(prediction, self.labels),
            "model_version": self._version,
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        }
        if prediction.labels is not None:
            record["labels"] = list(prediction.labels)
        return record

    def _write(self, file: Path, data: bytes) -> None:
        before = file.stat().st_size if file.exists() else 0
        atomic_write(file, data)
        self.n_bytes += len(data) - before

    def _make_room(self, n_bytes: int) -> None:
        """Delete the oldest of what lies on the Hub until there is room; NotStored where that is not enough."""
        if self.n_bytes + n_bytes <= self._max_bytes:
            return
        for path in self._hub.uploaded() if self._hub else []:
            with suppress(OSError):
                size = path.stat().st_size
                path.unlink()
                self.n_bytes -= size
            if self.n_bytes + n_bytes <= self._max_bytes:
                return
        log.warning("Feedback is refused: %.0f MB are kept, and MAX_FEEDBACK_MB allows no more.", self.n_bytes / MB)
        raise NotStored(FULL)

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("??/*") if path.suffix in (".jpg", ".json"))

    def _delete_unfinished(self) -> None:
        """Delete what a killed process had not finished, and so thanked nobody for."""
        for path in [*self.folder.glob("??/.*.part"), *self.folder.glob(f"{COUNTERS_FOLDER}/.*.part")]:
            path.unlink(missing_ok=True)


def without_metadata(photo: Image.Image) -> bytes:
    """Return a photo as a JPEG of at most MAX_SIDE pixels that holds pixels alone: no place, no camera, no comment."""
    picture, buffer = photo.convert("RGB"), io.BytesIO()
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    picture.info = {}  # Pillow writes some of it into the file
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def open_feedback(
    classifier: Classifier,
    settings: Settings,
    environment: Mapping[str, str] = os.environ,
) -> Feedback | None:
    """Return the store that FEEDBACK in the environment names; None where it names none, or an unusable one."""
    where = environment.get("FEEDBACK", "").strip()
    if not where:
        return None
    repo = HUB_ADDRESS.fullmatch(where)
    if "://" in where and not repo:
        log.error("FEEDBACK=%r is neither a folder nor hf://datasets/USER/NAME: no feedback is asked for.", where)
        return None
    folder = environment.get("FEEDBACK_FOLDER") or "feedback" if repo else where
    try:
        return Feedback(
            folder, classifier.labels, classifier.short_version, HubUpload(repo[1]) if repo else None, settings
        )
    except OSError as error:
        log.error("Nothing can be written in %s (%s): no feedback is asked for.", folder, error.strerror)
        return None
