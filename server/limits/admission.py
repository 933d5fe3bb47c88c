"""Admission control: how much each client may send, and all clients together, with an error message beyond that.

Usage:

    admission = AdmissionControl(Settings.from_environment())
    error = admission.admit_request("83.1.2.3")     # a request with a body comes
    error = admission.enter("83.1.2.3")             # its body has arrived: it is answered, or waits for that
    admission.leave("83.1.2.3")
"""

import asyncio
import math
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING

from server.settings import MB, Settings, max_connections

from .budgets import Budget, Reservation
from .endpoints import READ_TOKENS, Body
from .errors import RESTARTING, TOO_MANY_WAITING, ErrorResponse
from .key_check import CLIENT_PREFIX
from .rate_limit import RateLimiter

if TYPE_CHECKING:
    from server.shared_store import SharedStore

BASE64_FACTOR = 1.4  # a photo as base64 takes a third more bytes, and the JSON around it a few
FORM_OVERHEAD = 100_000  # bytes of a form around its files
SMALL_BODY = 64_000  # bytes of a body that holds no photo
LARGE_BODY = 2 * MB  # bytes of a body from which on it counts among the large ones
SMALL_BODIES = 32 * MB  # bytes of all the others together
SPOOL_BYTES = MB  # bytes of each file of a form that Starlette keeps in memory
GRACE_SECONDS, MIN_RATE = 2, 300_000  # where a budget is used up, bodies that bring fewer bytes a second are ended
ARRIVING, ARRIVING_PER_CLIENT = 256, 64  # requests whose bodies are on their way
MIN_READ_TOKENS = 10_000  # a minute: a page with all of its parts takes about 700
STREAMS = 400  # of events: an open page has one, and another while it waits for an answer
TOOL_CALLS = 16  # at once: each holds one of 40 threads that Gradio shares with its files and forms


class AdmissionControl:
    """The state of all requests: how many are inside, what each client sent and holds, whether the app is to stop."""

    def __init__(self, settings: Settings, shared: "SharedStore | None" = None) -> None:
        """shared: where other replicas count, too; None for none."""
        self.settings, self.shared = settings, shared
        self.leaving = self.stopping = False  # /health tells load balancers; then nothing new is taken
        per_minute = settings.max_per_minute
        self._photo_rate, self._key_rate = RateLimiter(per_minute), RateLimiter(settings.key_per_minute)
        self._read_rate = RateLimiter(max(READ_TOKENS * per_minute, MIN_READ_TOKENS) if per_minute else 0)
        self._inside: Counter[str] = Counter()
        self._charges: set[asyncio.Future[ErrorResponse | None]] = set()
        self._lock = Lock()
        self.json_bytes = int(BASE64_FACTOR * settings.upload_bytes) + FORM_OVERHEAD
        self.arriving = Budget(ARRIVING, ARRIVING_PER_CLIENT, grace_seconds=GRACE_SECONDS)
        self.small_bodies = Budget(SMALL_BODIES, None, GRACE_SECONDS, MIN_RATE)
        self.large_bodies = Budget(2 * self.json_bytes, None, GRACE_SECONDS, MIN_RATE)
        disk_bytes = max(2 * settings.call_bytes, int(settings.max_stored_mb * MB))
        self.disk = Budget(disk_bytes, None, GRACE_SECONDS, MIN_RATE)
        streams = min(STREAMS, max_connections() // 2)
        self.streams = Budget(streams, streams // 4)
        self.tool_calls = Budget(TOOL_CALLS)

    @property
    def waiting(self) -> int:
        """How many requests are being answered, or wait for it."""
        return self._inside.total()

    @property
    def busy(self) -> bool:
        """Whether any request is being answered, or on its way."""
        return self.waiting > 0 or self.arriving.used > 0

    def admit_request(self, client: str) -> ErrorResponse | None:
        """Charge a client for a request with a body; or return why the body is not read."""
        if self.stopping:
            return RESTARTING
        if n := self._too_many_of(client):
            return _too_many_waiting(n)
        limiter, limit = self._photo_limit(client)
        return self._charge(limiter, client, 1, f"{limit} a minute are taken")

    async def admit_shared(self, client: str, n: int = 1) -> ErrorResponse | None:
        """Charge a client for n photos where all replicas count them; or return why it gets no answer.

        Its share here is charged as well, by `admit_request`: that is the limit while the replicas cannot count.
        """
        limit = self._photo_limit(client)[1]
        if self.shared is None or not limit:
            return None
        wait = await self.shared.spend(client, n, limit)
        return _too_many_a_minute(f"{limit} a minute are taken", wait) if wait else None

    def admit_read(self, client: str, price: int) -> ErrorResponse | None:
        """Charge a client for a request without a body; or return why it gets no answer. price: tokens."""
        return self._charge(self._read_rate, client, price, "a page needs some") if price else None

    def _charge(self, limiter: RateLimiter, client: str, n: int, limit: str) -> ErrorResponse | None:
        wait = limiter.spend(client, n)
        return _too_many_a_minute(limit, wait) if wait else None

    def charge_photo(self, client: str) -> None:
        """Charge a client for one more photo in the same request."""
        self._photo_limit(client)[0].spend(client)
        if self.shared:
            charge = asyncio.ensure_future(self.admit_shared(client))
            self._charges.add(charge)  # the loop itself would let it be collected
            charge.add_done_callback(self._charges.discard)

    def _photo_limit(self, client: str) -> tuple[RateLimiter, int]:
        """Return the rate limit of a client's photos, and how many a minute that are."""
        if client.startswith(CLIENT_PREFIX):
            return self._key_rate, self.settings.key_per_minute
        return self._photo_rate, self.settings.max_per_minute

    def enter(self, client: str) -> ErrorResponse | None:
        """Admit a request whose body has arrived, until `leave`; or return why it is not admitted."""
        with self._lock:
            if self.waiting >= self.settings.max_waiting:
                return TOO_MANY_WAITING
            if n := self._too_many_of(client):
                return _too_many_waiting(n)
            self._inside[client] += 1
        return None

    def _too_many_of(self, client: str) -> int:
        """Return how many requests of a client wait, where that is the most that may; else 0."""
        n, arriving = self._inside[client], self.arriving.used_by(client)
        if n >= max(1, self.settings.max_waiting // 2):
            return n
        return arriving if arriving > self.arriving.per_client else 0

    def leave(self, client: str) -> None:
        """Count a request as answered."""
        with self._lock:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]

    def reserve_memory(self, small: Reservation, large: Reservation, n_bytes: int) -> bool:
        """Reserve so many bytes of memory in all for a request; return False where that is too much.

        small, large: its reservations in the two budgets, one of which it uses: small bodies never wait for large ones.
        """
        if n_bytes <= LARGE_BODY:
            return self.small_bodies.reserve(small, n_bytes - small.amount)
        if not self.large_bodies.reserve(large, n_bytes - large.amount):
            return False
        self.small_bodies.release(small)
        return True

    def max_body_bytes(self, body: Body, form: bool, json: bool) -> int:
        """Return the most bytes that a body may have. form, json: what the request's Content-Type says."""
        if body in ("photo", "upload") and form:
            return self.settings.call_bytes + FORM_OVERHEAD
        if body == "photo":
            return self.settings.upload_bytes
        return self.json_bytes if body == "json" and json else SMALL_BODY

    def too_large(self, limit: int) -> ErrorResponse:
        """Return the error response for a body of more than `limit` bytes."""
        if limit == SMALL_BODY:
            return ErrorResponse(
                413,
                f"That is too large: without a photo, a request may have {SMALL_BODY // 1000} kB.",
                reason="too large",
            )
        call = self.settings.call_bytes
        together = f"; several together {call / MB:g} MB" if limit > call else ""
        return ErrorResponse(
            413,
            f"That is too large: a photo may have {self.settings.max_upload_mb:g} MB{together}. Send a smaller one.",
            reason="too large",
        )


def _too_many_a_minute(limit: str, wait: float) -> ErrorResponse:
    message = f"You have sent too many: {limit} from one client. Try again in {math.ceil(wait)} s."
    return ErrorResponse(429, message, wait, "too many a minute")


def _too_many_waiting(n: int) -> ErrorResponse:
    message = f"You have {n} requests waiting already. Send the next when one is answered."
    return ErrorResponse(429, message, 1, "too many waiting")
