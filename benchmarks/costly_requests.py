"""Requests that cost more than they weigh, over HTTP, while others ask: what becomes of them, of memory and of /health.

    python -m benchmarks.costly_requests

Each kind is sent by several clients over many connections, all but the last byte first. In the meantime somebody else's
photos are to be answered, /health within half a second, and the app is to grow by at most 300 MB.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from fastcore.script import call_parse

from .hostile_photos import SLACK
from .measuring.apps import OURS, ROOT, App, Connection, running

PHOTO = (ROOT / "examples" / "teddy-1.jpg").read_bytes()
CONNECTIONS, CLIENTS = 24, 6
EVERY = 0.3  # seconds: somebody who keeps to the limits
HELD = 4  # seconds that a body lacks its last byte
MOST_GROWTH, MOST_HEALTH = 300, 0.5 * SLACK  # MB, seconds
JSON, FORM = "application/json", "multipart/form-data; boundary=xx"


def _form(n: int, name: str, file: str, data: bytes) -> bytes:
    return (
        b"".join(
            b'--xx\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name.encode(), file.encode(), data)
            for _ in range(n)
        )
        + b"--xx--\r\n"
    )


def kinds() -> dict[str, tuple[str, str, str, bytes]]:
    """Return method, path, content type and body of each kind."""
    run, lists = "/gradio_api/run/predict", b'{"data": [' + b",".join([b"[]"] * 4_000_000) + b"]}"
    photo = json.dumps({"data": ["data:image/jpeg;base64," + "A" * 27_000_000]}).encode()
    name = json.dumps({"data": [None], "session_hash": "A" * 10_000_000}).encode()
    sixteen = _form(16, "file", '; filename="a"', PHOTO + bytes(900_000))
    return {
        "JSON of lists": ("POST", run, JSON, lists),
        "JSON to a path that needs none": ("POST", "/gradio_api/cancel", JSON, lists),
        "JSON to a path that is none": ("POST", "/nowhere", JSON, lists),
        "deep JSON": ("POST", "/gradio_api/call/predict", JSON, b"[" * 5_000_000),
        "a body of a GET": ("GET", run, JSON, lists),
        "a photo of 20 MB in JSON": ("POST", run, JSON, photo),
        "the same, queued": ("POST", "/gradio_api/call/predict", JSON, photo),
        "a long name of a session": ("POST", run, JSON, name),
        "a photo of 20 MB": ("POST", "/classify", "image/jpeg", PHOTO + bytes(19_000_000)),
        "16 photos of 1 MB": ("POST", "/classify", FORM, sixteen),
        "1000 files": ("POST", "/gradio_api/upload", FORM, _form(1000, "files", '; filename="a"', PHOTO[:1000])),
        "a field of 50 MB": ("POST", "/gradio_api/upload", FORM, _form(1, "a", "", bytes(50_000_000))),
    }


@dataclass
class Result:
    """What became of one kind."""

    statuses: Counter = field(default_factory=Counter)
    others: Counter = field(default_factory=Counter)
    """of somebody else's photos: answered or not"""
    health: float = 0
    """the longest time of /health"""
    memory: float = 0
    """the most that the app held"""

    def faults(self, before: float) -> list[str]:
        """Return what is wrong; before: the app's memory in MB."""
        return [
            fault
            for fault, wrong in (
                (f"/health took {self.health:.1f} s", self.health > MOST_HEALTH),
                (f"memory grew by {self.memory - before:.0f} MB", self.memory - before > MOST_GROWTH),
                (f"others' photos: {dict(self.others)}", set(self.others) != {True}),
                (
                    f"no refusal: {dict(self.statuses)}",
                    not self.statuses or bool(self.statuses.keys() - REFUSED - {200}),
                ),
            )
            if wrong
        ]


REFUSED = {400, 404, 405, 408, 413, 422, 429, 500, 503}


async def _held_back(port: int, client: int, kind: tuple[str, str, str, bytes], statuses: Counter) -> None:
    method, path, content_type, body = kind
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 83.1.{client}.1\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body[:-1])
        await asyncio.wait({asyncio.ensure_future(writer.drain())}, timeout=HELD)
        await asyncio.sleep(HELD)
        writer.write(body[-1:])
        statuses[int((await asyncio.wait_for(reader.readline(), 90)).split()[1])] += 1
    except (OSError, IndexError, asyncio.TimeoutError):
        statuses[503] += 1  # closed while it was sent
    finally:
        writer.close()


def _sent(port: int, name: str) -> Counter:
    """Send a kind from all connections, in a process of its own: its work is not to be taken for the app's."""
    statuses, kind = Counter(), kinds()[name]

    async def all_of_them() -> None:
        await asyncio.gather(*(_held_back(port, i % CLIENTS, kind, statuses) for i in range(CONNECTIONS)))

    asyncio.run(all_of_them())
    return statuses


async def _one_kind(app: App, name: str) -> Result:
    result, done = Result(), asyncio.Event()

    async def watch(request: bytes, note) -> None:
        connection = Connection(app.port)
        while not done.is_set():
            began = time.monotonic()
            try:
                await asyncio.wait_for(connection.send(request), 30)
                note(True, time.monotonic() - began)
            except (OSError, RuntimeError, asyncio.TimeoutError, asyncio.IncompleteReadError):
                note(False, time.monotonic() - began)
            result.memory = max(result.memory, app.memory())
            await asyncio.sleep(EVERY)

    def health(answered: bool, seconds: float) -> None:
        result.health = max(result.health, seconds if answered else 99)

    ask = (
        f"POST /classify HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 9.9.9.9\r\nContent-Length: {len(PHOTO)}\r\n\r\n"
    ).encode() + PHOTO
    watchers = [
        asyncio.ensure_future(watch(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", health)),
        asyncio.ensure_future(watch(ask, lambda answered, _: result.others.update([answered]))),
    ]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        result.statuses = await asyncio.get_running_loop().run_in_executor(pool, _sent, app.port, name)
    done.set()
    await asyncio.gather(*watchers)
    return result


def costly(report=print) -> tuple[int, int, int, str]:
    """Return how many requests were sent, how many were refused, how many kinds failed, and the worst figures."""
    tried = refused = failed = 0
    health = grown = 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        running(OURS, MAX_PER_MINUTE="300", MAX_WAITING="100", PROXIES="1", GRADIO_TEMP_DIR=folder) as app,
    ):
        before = app.memory()
        for name in kinds():
            result = asyncio.run(_one_kind(app, name))
            tried += result.statuses.total()
            refused += sum(n for status, n in result.statuses.items() if status != 200)
            health, grown = max(health, result.health), max(grown, result.memory - before)
            faults = result.faults(before)
            failed += bool(faults)
            report(name, "; ".join(faults) or f"{dict(result.statuses)}, /health {result.health:.2f} s", bool(faults))
    return tried, refused, failed, f"/health at most {health:.2f} s, memory {grown:+.0f} MB"


@call_parse
def main():
    "Send each kind of costly request; the exit status is 1 where the app suffered."
    tried, refused, failed, note = costly(lambda name, said, wrong: print(f"{'FAILED ' * wrong}{name}: {said}"))
    print(f"{tried} requests, {refused} refused, {failed} kinds failed; {note}")
    sys.exit(1 if failed else 0)
