"""Connections that send no request, or one without end, are closed: uvicorn itself would wait for ever.

    close_idle_connections()    # before the server starts
"""
import asyncio
import threading
import time

import gradio.http_server
import uvicorn.config
from gradio.exceptions import ServerFailedToStartError
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 30  # from the connection, or the first byte of a further request, to the end of the request's head
HEAD_BYTES = 512_000  # of a request's head; what comes with it of the body counts, up to asyncio's 256 kB
TOO_LONG = (b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\ncontent-length: 58\r\n"
            b'connection: close\r\n\r\n{"error": "The head of this request is too long to read."}')


class BoundedProtocol(AutoHTTPProtocol):
    """uvicorn's own, with an end to its patience until a request's head is there; then `Guard` takes over."""

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrives, as long as it is not all head."""
        if self._awaits_head():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.write(TOO_LONG)
                self.transport.close()
                return
            self._wait()
        super().data_received(data)
        if not self._awaits_head():
            self._stop_waiting()

    def _awaits_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        self._head_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


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
