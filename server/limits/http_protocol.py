"""Connections are bounded: in number, in the size of a request's head, and in the time they may stand still.

    close_idle_connections()    # before the server starts

uvicorn itself would wait for ever for a request's head, or for a reader who does not read; it takes heads of any number
of lines, and keeps any number of requests that are sent before the first is answered.
"""
import asyncio
import threading
import time

import gradio.http_server
import uvicorn.config
from gradio.exceptions import ServerFailedToStartError
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from server.settings import most_connections

HEAD_SECONDS = 30  # from the connection, or the first byte of a further request, to the end of the request's head
STILL_SECONDS = 60  # in which a reader is to take something of an answer
HEAD_BYTES = 512_000  # of a request's head; what comes with it of the body counts, up to asyncio's 256 kB
MOST_LINES, LINE_BYTES = 100, 32_000  # lines of a head, and bytes of them all together
PIPELINED = 16  # requests that came before the first was answered
TOO_LONG = (b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\ncontent-length: 58\r\n"
            b'connection: close\r\n\r\n{"error": "The head of this request is too long to read."}')


class _TooLong(Exception):
    """Stops a parser; its connection is closed already."""


class BoundedProtocol(AutoHTTPProtocol):
    """uvicorn's own, with an end to its patience until a request's head is there; then `Guard` takes over."""

    _timer: asyncio.TimerHandle | None = None
    _still: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_body = False
    """whether a body's end has not come yet, though the request may be answered"""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.ws_protocol_class = None  # nothing here speaks WebSocket

    def connection_made(self, transport) -> None:
        """Begin to wait for the first request; where connections are too many, the one that waits longest goes."""
        super().connection_made(transport)
        _idle[self] = None
        if len(self.connections) > most_connections():
            next(iter(_idle)).transport.abort()
        self._wait()

    def connection_lost(self, exc) -> None:
        """Stop waiting."""
        _idle.pop(self, None)
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrives, as long as it is not all head. The rest of a body that is answered already is dropped."""
        if self._awaits_head():
            self._head_bytes += 0 if self._in_body else len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse_head()
                return
            self._wait()
        super().data_received(data)
        if not self._awaits_head():
            self._stop_waiting()

    def pause_writing(self) -> None:
        """Give a reader who takes nothing of an answer some time."""
        super().pause_writing()
        self._still = self._still or asyncio.get_running_loop().call_later(STILL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: something was taken."""
        super().resume_writing()
        if self._still is not None:
            self._still.cancel()
            self._still = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head, as long as they are not too many."""
        super().on_header(name, value)
        self._line_bytes += len(name) + len(value)
        if len(self.headers) > MOST_LINES or self._line_bytes > LINE_BYTES:
            self._refuse_head()
            raise _TooLong

    def on_url(self, url: bytes) -> None:
        """Take a part of the address, as long as it is not too long."""
        super().on_url(url)
        self._line_bytes = len(self.url)
        if self._line_bytes > LINE_BYTES:
            self._refuse_head()
            raise _TooLong

    def on_headers_complete(self) -> None:
        """Begin with a request, unless too many wait before it."""
        self._in_body = True
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED:
            self.pipeline.clear()
            self._refuse_head()
            raise _TooLong

    def on_message_complete(self) -> None:
        """Take note that a body has ended."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self._awaits_head() and not self.transport.is_closing():
            _idle[self] = None
            self._wait()

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: anybody can ask for a WebSocket, as often as they like."""

    def _refuse_head(self) -> None:
        self.transport.write(TOO_LONG)
        self.transport.close()

    def _awaits_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        _idle.pop(self, None)
        self._head_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_idle: dict[BoundedProtocol, None] = {}  # connections without a request, the one that waits longest first


START_SECONDS = 60


def _run_patiently(server: gradio.http_server.Server) -> None:
    """Start a server in a thread. Gradio gives it five seconds, then starts it again beside the first."""
    server.thread = threading.Thread(target=server.run, daemon=True)
    if server.reloader:
        server.watch_thread = threading.Thread(target=server.watch, daemon=True)
        server.watch_thread.start()
    server.thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        time.sleep(0.005)
        if time.monotonic() > deadline or not server.thread.is_alive():
            raise ServerFailedToStartError("Server failed to start. Please check that the port is available.")


def start_patiently() -> None:
    """Have a server that starts on a busy machine waited for."""
    gradio.http_server.Server.run_in_thread = _run_patiently


def close_idle_connections() -> None:
    """Have servers that are started from now on use `BoundedProtocol`."""
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:BoundedProtocol"
