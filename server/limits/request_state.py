"""The state of one request while it is read and answered."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from .errors import ErrorResponse


class StopRequest(Exception):
    """Ends a request that is not to be read on, or answered; `RequestState.error` says why."""


@dataclass(eq=False)
class RequestState:
    """One request while it is read and answered."""

    scope: Scope
    client: str
    path: str
    """as the router sees it, without the root path"""
    error: ErrorResponse | None = None
    """why the request gets no answer from the app"""
    response_started: bool = False
    """whether the head of an answer has been sent"""
    is_event_stream: bool = False
    """whether that answer is a stream of events"""
    response_bytes: int = 0
    work: asyncio.Future[None] | None = None
    """what the app does for the request"""
    on_answered: Callable[[], None] | None = None
    """called before the last part of the answer is sent: who has read that may send the next request at once"""

    def end_with(self, error: ErrorResponse) -> None:
        """End the request with an error response; the first error counts."""
        self.error = self.error or error
        if self.work:
            self.work.cancel()

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work for the request; `end_with` may end it."""
        self.work = asyncio.ensure_future(work)
        try:
            await asyncio.wait({self.work})
        finally:
            self.work.cancel()
        self.raise_error_of_work()

    def raise_error_of_work(self) -> None:
        """Raise what the work raised, if it has ended by itself."""
        if self.work and not self.work.cancelled() and (error := self.work.exception()):
            raise error
