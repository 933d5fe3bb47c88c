"""What users say of answers, kept where the owner of the app set FEEDBACK; without it nothing is.

    FEEDBACK=/data/feedback python app.py                    # a folder
    FEEDBACK=hf://datasets/USER/NAME python app.py           # a dataset on the Hub, by way of FEEDBACK_FOLDER

Writes FOLDER/ab/abc….jpg, the photo without its metadata, named by its SHA-256; FOLDER/ab/abc…-12345678.json, the
record; FOLDER/counters/, see `server.feedback.counters`. A record is on the disk before its sender is thanked; none is deleted
before it lies on the Hub, or changed but for a word that is said again after another: it gets its new time.
"""
import hashlib
import io
import json
import logging
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock

from PIL import Image

from classifier import Classifier, Prediction
from classifier.files import atomic_write
from server.limits.rate_limit import Rate
from server.settings import MB, Settings

from .counters import FOLDER as COUNTERS
from .counters import Counters
from .hub_sync import HubUpload

log = logging.getLogger(__name__)

SIDE = 1024  # pixels of a kept photo's longer side
MOST_PROBABILITIES = 5  # in a record
SHOWN = 12  # labels in a sentence
HUB = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)/?")
FULL = "Thank you, but no more can be kept at the moment: this was not."


class NotKept(Exception):
    """Why a record was not kept, in a sentence for its sender."""


class Feedback:
    """A folder of records, and the counters beside it. Safe to use from many threads, of one process."""

    def __init__(self, folder: str | Path, labels: Sequence[str], version: str = "", hub: HubUpload | None = None,
                 settings: Settings | None = None):
        """version: of the model that answers; hub: where the folder is uploaded to. OSError for a folder that cannot
        be written in."""
        self.folder, self.labels, self._version, self._hub = Path(folder), list(labels), version, hub
        settings = settings or Settings()
        self._most, self._per_minute = settings.max_feedback_mb * MB, settings.feedback_per_minute
        self._rate, self._lock = Rate(self._per_minute), Lock()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._clear_leftovers()
        self.n_bytes = sum(path.stat().st_size for path in self._files())
        self.counters = Counters(self.folder, version)
        if hub:
            hub.start(self.folder)

    def give(self, photo: Image.Image, prediction: Prediction, correction: str | None, client: str = "") -> bool:
        """Keep a photo, its answer and what a user says it is, None for none of the labels; return whether it is new.

        It is on the disk when this returns. Of several words on a photo the last counts: one that is said again after
        another is new. Raises NotKept where it is not kept.
        """
        if correction is not None and correction not in self.labels:
            more = f" and {len(self.labels) - SHOWN} more" if len(self.labels) > SHOWN else ""
            raise NotKept(f"There is no such label; there are {', '.join(self.labels[:SHOWN])}{more}.")
        if wait := self._rate.spend(client):
            raise NotKept(f"That was a lot: {self._per_minute} a minute are taken. Try again in {math.ceil(wait)} s.")
        picture = without_metadata(photo)
        digest = hashlib.sha256(picture).hexdigest()
        record = json.dumps(self._record(digest, prediction, correction)).encode()
        said = hashlib.sha256(json.dumps(correction).encode()).hexdigest()[:8]  # a label may be any text, no path
        photo_file = self.folder / digest[:2] / f"{digest}.jpg"
        record_file = photo_file.with_name(f"{digest}-{said}.json")
        with self._lock:
            words = photo_file.parent.glob(f"{digest}-*.json")
            if max(words, key=lambda file: file.stat().st_mtime_ns, default=None) == record_file:
                return False
            self._make_room(len(picture) + len(record))
            try:
                photo_file.parent.mkdir(exist_ok=True)
                for file, data in ((photo_file, picture), (record_file, record)):  # no record without its photo
                    if file == record_file or not file.exists():
                        before = file.stat().st_size if file.exists() else 0
                        atomic_write(file, data)
                        self.n_bytes += len(data) - before
            except OSError as error:
                log.error("Feedback could not be kept: %s.", error.strerror)
                raise NotKept(FULL) from error
        return True

    def close(self, seconds: float) -> None:
        """Write the counters, and upload what still waits if that takes no longer than so many seconds."""
        self.counters.flush()
        if self._hub:
            self._hub.finish(seconds)

    def _record(self, digest: str, prediction: Prediction, correction: str | None) -> dict:
        probabilities = list(prediction.probabilities.items())[:MOST_PROBABILITIES]
        return {"photo": digest, "label": prediction.label,
                "probabilities": {label: round(share, 6) for label, share in probabilities},
                "familiar": prediction.familiar, "familiarity": prediction.familiarity, "correction": correction,
                "right": correction == meant(prediction), "model_version": self._version,
                "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds")}

    def _make_room(self, n_bytes: int) -> None:
        """Drop the oldest of what lies on the Hub until there is room; NotKept where that is not enough."""
        if self.n_bytes + n_bytes <= self._most:
            return
        for path in self._hub.uploaded() if self._hub else []:
            with suppress(OSError):
                size = path.stat().st_size
                path.unlink()
                self.n_bytes -= size
            if self.n_bytes + n_bytes <= self._most:
                return
        log.warning("Feedback is refused: %.0f MB are kept, and MAX_FEEDBACK_MB allows no more.", self.n_bytes / MB)
        raise NotKept(FULL)

    def _files(self):
        return (path for path in self.folder.glob("??/*") if path.suffix in (".jpg", ".json"))

    def _clear_leftovers(self) -> None:
        """Delete what a killed process had not finished, and so thanked nobody for."""
        for path in [*self.folder.glob("??/.*.part"), *self.folder.glob(f"{COUNTERS}/.*.part")]:
            path.unlink(missing_ok=True)


def meant(prediction: Prediction) -> str | None:
    """Return what the app said that a photo is: a label, or None for none of them."""
    return None if prediction.familiar is False else prediction.label


def without_metadata(photo: Image.Image) -> bytes:
    """Return a photo as a JPEG of at most SIDE pixels that holds pixels alone: no place, no camera, no comment."""
    picture, buffer = photo.convert("RGB"), io.BytesIO()
    picture.thumbnail((SIDE, SIDE))
    picture.info = {}  # Pillow writes some of it into the file
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def feedback_from(classifier: Classifier, settings: Settings, environment: Mapping[str, str] = os.environ,
                  ) -> Feedback | None:
    """Return where FEEDBACK in the environment says that records go; None where it says nothing, or nothing usable."""
    where = environment.get("FEEDBACK", "").strip()
    if not where:
        return None
    repo = HUB.fullmatch(where)
    if "://" in where and not repo:
        log.error("FEEDBACK=%r is neither a folder nor hf://datasets/USER/NAME: no feedback is asked for.", where)
        return None
    folder = environment.get("FEEDBACK_FOLDER") or "feedback" if repo else where
    try:
        return Feedback(folder, classifier.labels, (classifier.version or "")[:12],
                        HubUpload(repo[1]) if repo else None, settings)
    except OSError as error:
        log.error("Nothing can be written in %s (%s): no feedback is asked for.", folder, error.strerror)
        return None
