"""Start an app, load it, and read what that cost: for the benchmarks of serving.

The load is made by one process with one thread that sends requests written in advance over plain sockets
(asyncio streams), so that on two cores it takes as little from the server as can be; what it does take is
told beside the server's own time.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import ROOT, TICKS, tree

OURS, CANONICAL = ["app.py"], ["-m", "benchmarks.measuring.canonical_app"]
START_LIMIT, REQUEST_LIMIT = 120, 120  # seconds


@dataclass(frozen=True)
class App:
    """A running app."""

    process: subprocess.Popen
    port: int
    started: float
    """when its process was started, on time.perf_counter's clock"""

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used so far, its children's included."""

        def of(pid: int) -> float:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return sum(map(int, fields[11:15])) / TICKS

        return sum(map(of, tree(self.process.pid)))

    def memory(self) -> float:
        """Return its resident memory in MB, its children's included."""
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in tree(self.process.pid))
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def running(program: Sequence[str], **environment: str):
    """Start `python PROGRAM` on a free port, without a cache of answers; yield an App that has answered a photo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "ANSWER_CACHE": "0",
        "MAX_PER_MINUTE": "0",
        "MAX_WAITING": "1000",
        "PYTHONWARNINGS": "ignore",
        **environment,
    }
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *program], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_listening(process, port)
        yield App(process, port, started)
    finally:
        process.kill()
        process.wait()


def _wait_until_listening(process: subprocess.Popen, port: int) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"{' '.join(map(str, process.args))} ended while it started")
        try:
            # Gradio answers this one itself, once it serves
            urllib.request.urlopen(f"http://127.0.0.1:{port}/gradio_api/startup-events", timeout=5).read()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    sys.exit("The app did not start.")


# -- one request, by either way ---------------------------------------------------------------------------------------

Ask = Callable[["Connection"], Coroutine[None, None, bytes]]


class Connection:
    """One kept-alive HTTP connection that sends what was written in advance."""

    def __init__(self, port: int):
        self._port, self._reader, self._writer = port, None, None

    async def send(self, request: bytes) -> bytes:
        """Return the body that answers a request."""
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if b"content-length: " in head:
            body = await self._reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        else:
            parts = []
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                parts.append(await self._reader.readexactly(size))
                await self._reader.readexactly(2)
            await self._reader.readexactly(2)
            body = b"".join(parts)
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{head.splitlines()[0].decode()}: {body[:200].decode(errors='replace')}")
        if b"connection: close" in head:
            self.close()
        return body

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def request(method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """Return an HTTP request as bytes."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


# -- load -------------------------------------------------------------------------------------------------------------
