"""Admission control: how much each client may ask, and all together; with a refusal in a sentence beyond that.

    gate = Gate(Settings.from_environment())
    refusal = gate.begin("83.1.2.3")     # a request with a body comes
    refusal = gate.enter("83.1.2.3")     # its body has arrived: it is answered, or waits for that
    gate.leave("83.1.2.3")
"""
import math
from collections import Counter
from threading import Lock

from server.settings import MB, Settings, most_connections

from .budgets import Room, Share
from .endpoints import READS, Body
from .errors import FULL, RESTARTING, Refusal
from .rate_limit import Rate

JSON_ROOM = 1.4  # a photo as base64 takes a third more bytes, and the form around it a few
FORM_ROOM = 100_000  # bytes of a form around its files
SMALL_BODY = 64_000  # bytes of a body that holds no photo
LARGE_BODY = 2 * MB  # bytes of a body from which on it counts among the large ones
SMALL_BODIES = 32 * MB  # bytes of all the others together
SPOOLED = MB  # bytes of each file of a form that Starlette keeps in memory
PATIENCE, PACE = 2, 300_000  # seconds, and bytes a second: where room is short, bodies that come slower give way
ARRIVING, ARRIVING_EACH = 256, 64  # requests whose bodies are on their way
LEAST_READS = 10_000  # a minute: a page with all of its parts takes about 700
STREAMS = 400  # of events: an open page has one, and another while it waits for an answer
TOOL_CALLS = 16  # at once: each holds one of 40 threads that Gradio shares with its files and forms


class Gate:
    """What is going on: how many are in, how often each client came, what they hold, whether the app is to stop."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.stopping = False
        self._rate = Rate(settings.max_per_minute)
        self._reads = Rate(max(READS * settings.max_per_minute, LEAST_READS) if settings.max_per_minute else 0)
        self._inside, self._lock = Counter(), Lock()
        self.json_bytes = int(JSON_ROOM * settings.upload_bytes) + FORM_ROOM
        slow = {"patience": PATIENCE, "pace": PACE}
        self.arriving = Room(ARRIVING, ARRIVING_EACH, patience=PATIENCE)
        self.small, self.large = Room(SMALL_BODIES, **slow), Room(2 * self.json_bytes, **slow)
        self.on_disk = Room(max(2 * settings.call_bytes, int(settings.max_stored_mb * MB)), **slow)
        streams = min(STREAMS, most_connections() // 2)
        self.streams = Room(streams, streams // 4)
        self.tool_calls = Room(TOOL_CALLS)

    @property
    def waiting(self) -> int:
        """How many requests are being answered, or wait for it."""
        return self._inside.total()

    @property
    def busy(self) -> bool:
        """Whether anything is being answered, or on its way."""
        return self.waiting > 0 or self.arriving.taken > 0

    def begin(self, client: str) -> Refusal | None:
        """Charge a client for a request with a body; or return why it is not read."""
        if self.stopping:
            return RESTARTING
        if n := self._too_many_of(client):
            return _wait(n)
        return self._charge(self._rate, client, 1, f"{self.settings.max_per_minute} a minute are taken")

    def read(self, client: str, price: int) -> Refusal | None:
        """Charge a client for a request that only reads; or return why it gets no answer."""
        return self._charge(self._reads, client, price, "a page needs some") if price else None

    def _charge(self, rate: Rate, client: str, n: int, limit: str) -> Refusal | None:
        if wait := rate.spend(client, n):
            return Refusal(429, f"You have sent too many: {limit} from one client. Try again in {math.ceil(wait)} s.",
                           wait)
        return None

    def charge(self, client: str) -> None:
        """Count one more photo that came with a client's request."""
        self._rate.spend(client)

    def enter(self, client: str) -> Refusal | None:
        """Let a request in whose body has arrived, which `leave` is then to be told of; or return why not."""
        with self._lock:
            if self.waiting >= self.settings.max_waiting:
                return FULL
            if n := self._too_many_of(client):
                return _wait(n)
            self._inside[client] += 1
        return None

    def _too_many_of(self, client: str) -> int:
        """Return how many requests of a client wait, where that is the most that may; else 0."""
        n, on_their_way = self._inside[client], self.arriving.of(client)
        return n if n >= max(1, self.settings.max_waiting // 2) else on_their_way * (on_their_way > self.arriving.each)

    def leave(self, client: str) -> None:
        """Take note that a request is done with."""
        with self._lock:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]

    def hold(self, small: Share, large: Share, n_bytes: int) -> bool:
        """Take note that a request holds so many bytes of memory in all; return False where that is too much.

        small, large: its shares of the two rooms. One it has: small bodies never wait for large ones.
        """
        if n_bytes <= LARGE_BODY:
            return self.small.grow(small, n_bytes - small.amount)
        if not self.large.grow(large, n_bytes - large.amount):
            return False
        self.small.leave(small)
        return True

    def most_bytes(self, body: Body, form: bool, json: bool) -> int:
        """Return the most bytes that a body may have. form, json: what the request says that it is."""
        if body in ("photo", "upload") and form:
            return self.settings.call_bytes + FORM_ROOM
        if body == "photo":
            return self.settings.upload_bytes
        return self.json_bytes if body == "json" and json else SMALL_BODY

    def too_large(self, most: int) -> Refusal:
        """Return the refusal of a body that has more than `most` bytes."""
        if most == SMALL_BODY:
            return Refusal(413, f"That is too large: without a photo, a request may have {SMALL_BODY // 1000} kB.")
        together = f"; several together {self.settings.call_bytes / MB:g} MB" if most > self.settings.call_bytes else ""
        return Refusal(413, f"That is too large: a photo may have {self.settings.max_upload_mb:g} MB{together}. "
                            "Send a smaller one.")


def _wait(n: int) -> Refusal:
    return Refusal(429, f"You have {n} requests waiting already. Send the next when one is answered.", 1)
