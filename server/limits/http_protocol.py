"""HTTP protocol of uvicorn with limits: connections, the size of a request's head, and the time without progress.

    use_bounded_protocol()    # of server.gradio_hooks, before the server starts

uvicorn itself would wait for ever for a request's head, or for a client who does not read its answer; it takes heads of
any number of lines, and keeps any number of requests that are sent before the first is answered.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from server.settings import max_connections

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as AutoHTTPProtocol
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 30  # from the connection, or the first byte of a further request, to the end of the request's head
WRITE_SECONDS = 60  # in which a client is to read something of an answer
MAX_HEAD_BYTES = 512_000  # of a request's head; what comes with it of the body counts, up to asyncio's 256 kB
MAX_LINES, MAX_LINES_BYTES = 100, 32_000  # lines of a head, and bytes of them all together
MAX_PIPELINED = 16  # requests that came before the first was answered
HEAD_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/json\r\ncontent-length: 58\r\nconnection: close\r\n\r\n"
    b'{"error": "The head of this request is too long to read."}'
)


class _HeadTooLong(Exception):
    """Stops a parser; its connection is closed already."""


class BoundedProtocol(AutoHTTPProtocol):
    """uvicorn's own with limits until a request's head is there; then `LimitsMiddleware` takes over."""

    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _lines_bytes = 0
    _in_body = False
    """whether a body's end has not come yet, though the request may be answered"""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ws_protocol_class = None  # the app has no WebSocket

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request; where connections are too many, close the one that waits longest."""
        super().connection_made(transport)
        _idle[self] = None
        if len(self.connections) > max_connections():
            next(iter(_idle)).transport.abort()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        _idle.pop(self, None)
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrives, as long as it is not all head. The rest of a body that is answered already is dropped."""
        if self._awaits_head():
            self._head_bytes += 0 if self._in_body else len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._reject_head()
                return
            self._wait()
        super().data_received(data)
        if not self._awaits_head():
            self._stop_waiting()

    def pause_writing(self) -> None:
        """Close the connection after some time if the client reads nothing of the answer."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = asyncio.get_running_loop().call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has read something."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head, as long as they are not too many."""
        super().on_header(name, value)
        self._lines_bytes += len(name) + len(value)
        if len(self.headers) > MAX_LINES or self._lines_bytes > MAX_LINES_BYTES:
            self._reject_head()
            raise _HeadTooLong

    def on_url(self, url: bytes) -> None:
        """Take a part of the address, as long as it is not too long."""
        super().on_url(url)
        self._lines_bytes = len(self.url)
        if self._lines_bytes > MAX_LINES_BYTES:
            self._reject_head()
            raise _HeadTooLong

    def on_headers_complete(self) -> None:
        """Begin with a request, unless too many wait before it."""
        self._in_body = True
        super().on_headers_complete()
        if len(self.pipeline) > MAX_PIPELINED:
            self.pipeline.clear()
            self._reject_head()
            raise _HeadTooLong

    def on_message_complete(self) -> None:
        """End a body."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self._awaits_head() and not self.transport.is_closing():
            _idle[self] = None
            self._wait()

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: anybody can ask for a WebSocket, as often as they like."""

    def _reject_head(self) -> None:
        self.transport.write(HEAD_TOO_LONG)
        self.transport.close()

    def _awaits_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._head_timer is None:
            self._head_timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        _idle.pop(self, None)
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


_idle: dict[BoundedProtocol, None] = {}  # connections without a request, the one that waits longest first
