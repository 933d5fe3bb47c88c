"""What one request with a body reserves of the app's budgets, from its first byte to its end.

A request may be evicted, to make room for others, until its body has arrived, but not after.
"""

import asyncio
import gc
from functools import partial

from .admission import LARGE_BODY, SPOOL_BYTES, AdmissionControl
from .body_checks import FormCheck, JsonCheck
from .budgets import Reservation
from .endpoints import BODY_BYTES, MCP
from .errors import OUT_OF_MEMORY, TOO_MANY_WAITING, ErrorResponse
from .request_state import RequestState


class BodyReservations:
    """The reservations of one request for its body: a place among those that arrive, memory, disk, a tool call."""

    def __init__(
        self, admission: AdmissionControl, request: RequestState, check: JsonCheck | FormCheck | None, max_bytes: int
    ) -> None:
        """check: of the body's parts as they arrive; max_bytes: of the body."""
        self.request, self.arrived = request, asyncio.Event()
        self._admission, self._check, self._max_bytes = admission, check, max_bytes
        self._n_bytes, self._entered = 0, False
        request.on_answered = self._leave
        evict = partial(request.end_with, OUT_OF_MEMORY)
        self._place, self._small, self._large, self._disk = (Reservation(request.client, evict) for _ in range(4))
        self._tool_call = Reservation(request.client)

    def begin(self) -> bool:
        """Return whether there is a place for another body that arrives."""
        return self._admission.arriving.reserve(self._place)

    def add(self, part: bytes) -> ErrorResponse | None:
        """Check and reserve one more part of the body; return why the body is read no further, or None."""
        self._n_bytes += len(part)
        if self._n_bytes > self._max_bytes:
            return self._admission.too_large(self._max_bytes)
        if self._check and (error := self._check(part)):
            return error
        return self.reserve()

    def reserve(self) -> ErrorResponse | None:
        """Reserve room for what has arrived; return an error response where there is none at the moment."""
        in_memory = self._n_bytes
        if isinstance(self._check, FormCheck):  # Starlette and Gradio write the rest into files
            if not self._admission.disk.reserve(self._disk, in_memory - self._disk.amount):
                return OUT_OF_MEMORY
            in_memory = min(in_memory, SPOOL_BYTES * self._check.parts)
        return None if self._admission.reserve_memory(self._small, self._large, in_memory) else OUT_OF_MEMORY

    def enter(self) -> ErrorResponse | None:
        """Admit a request whose body has arrived: it is evicted no more. Or return why it is not admitted."""
        self._admission.arriving.release(self._place)
        self._small.evict = self._large.evict = self._disk.evict = None
        if self.request.path.startswith(MCP) and not self._admission.tool_calls.reserve(self._tool_call):
            return TOO_MANY_WAITING
        error = self._admission.enter(self.request.client)
        self._entered = error is None
        self.request.scope[BODY_BYTES] = self._n_bytes
        self.arrived.set()
        return error

    def end(self) -> None:
        """Release all reservations."""
        admission = self._admission
        for budget, reservation in (
            (admission.arriving, self._place),
            (admission.small_bodies, self._small),
            (admission.large_bodies, self._large),
            (admission.disk, self._disk),
        ):
            budget.release(reservation)
        self._leave()
        if self._n_bytes >= LARGE_BODY:  # an exception that refers to itself, whoever raised it, keeps the body alive
            asyncio.get_running_loop().call_soon(gc.collect)

    def _leave(self) -> None:
        """Count the request as answered, once."""
        self._admission.tool_calls.release(self._tool_call)
        if self._entered:
            self._admission.leave(self.request.client)
            self._entered = False
