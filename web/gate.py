"""Who may come in, and what is said to whom may not: limits, and a refusal in a sentence for each.

    gate = Gate(Settings.from_environment())
    refusal = gate.enter("83.1.2.3")
"""
import math
from collections import Counter
from dataclasses import dataclass
from threading import Lock

from .clients import Rate
from .settings import MB, Settings

CLASSIFY, UPLOAD = "/classify", "/gradio_api/upload"
JSON_ROOM = 1.4  # a photo as base64 takes a third more bytes, and the form around it a few
FORM_ROOM = 100_000  # bytes of a form around its files


@dataclass(frozen=True)
class Refusal:
    """Why a request gets no answer: a status, a sentence, and after how many seconds to try again."""

    status: int
    sentence: str
    retry_after: float | None = None


RESTARTING = Refusal(503, "The app is being restarted. Try again in a minute.", 15)
FULL = Refusal(503, "Too many photos are waiting for their answer. Try again in a few seconds.", 2)
NO_DISK = Refusal(503, "The app has no room for this upload at the moment. Try again later.", 60)
FAILED = Refusal(500, "Something went wrong in the app; it is not your photo's fault. Try again later.", 60)
NOTHING_HERE = Refusal(404, "There is nothing here.")


class Gate:
    """Who may come in: how many are in, how often each client came, whether the app is about to stop."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.stopping = False
        self._rate, self._inside, self._lock = Rate(settings.max_per_minute), Counter(), Lock()

    @property
    def waiting(self) -> int:
        """How many requests are being answered, or wait for it."""
        return self._inside.total()

    def enter(self, client: str) -> Refusal | None:
        """Let a client's request in, which `leave` is then to be told of; or return why not."""
        if self.stopping:
            return RESTARTING
        with self._lock:
            if self.waiting >= self.settings.max_waiting:
                return FULL
            if self._inside[client] >= max(1, self.settings.max_waiting // 2):
                return Refusal(429, f"You have {self._inside[client]} requests waiting already. Send the next when one "
                                    "is answered.", 1)
            if wait := self._rate.spend(client):
                return Refusal(429, f"You have sent too many: {self.settings.max_per_minute} a minute are taken from "
                                    f"one client. Try again in {math.ceil(wait)} s.", wait)
            self._inside[client] += 1
        return None

    def charge(self, client: str, n: int) -> None:
        """Count n more photos that came with a client's request."""
        if n:
            self._rate.spend(client, n)

    def leave(self, client: str) -> None:
        """Take note that a request is done with."""
        with self._lock:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]

    def most_bytes(self, path: str, content_type: str) -> int:
        """Return the most bytes that the body of a request may have."""
        if content_type.startswith("multipart/form-data") and path.startswith((CLASSIFY, UPLOAD)):
            return self.settings.call_bytes + FORM_ROOM
        if path.startswith(CLASSIFY):
            return self.settings.upload_bytes
        return int(JSON_ROOM * self.settings.upload_bytes) + FORM_ROOM

    def too_large(self, most: int) -> Refusal:
        """Return the refusal of a body that has more than `most` bytes."""
        together = f"; several together {self.settings.call_bytes / MB:g} MB" if most > self.settings.call_bytes else ""
        return Refusal(413, f"That is too large: a photo may have {self.settings.max_upload_mb:g} MB{together}. "
                            "Send a smaller one.")
