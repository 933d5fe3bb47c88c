"""Load an app over HTTP from many clients at once, and report what an answer takes."""

import asyncio
import base64
import json
import time
from dataclasses import dataclass
from statistics import median, quantiles

from .apps import REQUEST_LIMIT, App, Ask, Connection, request


def by_gradio(photo: bytes) -> Ask:
    """Return the two calls of Gradio's documented API: ask, then read the events until the answer is there."""
    photo_url = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
    ask = request(
        "POST",
        "/gradio_api/call/predict",
        json.dumps({"data": [{"url": photo_url, "meta": {"_type": "gradio.FileData"}}]}).encode(),
    )

    async def call(connection: Connection) -> bytes:
        event = json.loads(await connection.send(ask))["event_id"]
        said = await connection.send(request("GET", f"/gradio_api/call/predict/{event}"))
        if b"event: complete" not in said:
            raise RuntimeError(said[-300:].decode(errors="replace"))
        return said

    return call


def by_classify(photo: bytes) -> Ask:
    """Return the one call of POST /classify."""
    mark = b"----fieldguide"
    body = (
        b"--" + mark + b'\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + photo + b"\r\n--" + mark + b"--\r\n"
    )
    ask = request("POST", "/classify", body, "multipart/form-data; boundary=" + mark.decode())

    async def call(connection: Connection) -> bytes:
        return await connection.send(ask)

    return call


@dataclass(frozen=True)
class Load:
    """What a load brought."""

    per_second: float
    median: float  # seconds
    p95: float  # seconds
    server_cpu: float  # seconds a request
    generator_cpu: float  # seconds a request


def load(app: App, ask: Ask, concurrency: int, n: int) -> Load:
    """Return what n requests take from `concurrency` clients at once, each asking again as soon as it is answered."""
    left, times = n, []

    async def client() -> None:
        nonlocal left
        connection = Connection(app.port)
        while left > 0:
            left -= 1
            began = time.perf_counter()
            await asyncio.wait_for(ask(connection), REQUEST_LIMIT)
            times.append(time.perf_counter() - began)
        connection.close()

    async def all_clients() -> None:
        await asyncio.gather(*(client() for _ in range(concurrency)))

    server, generator, began = app.cpu(), time.process_time(), time.perf_counter()
    asyncio.run(all_clients())
    wall = time.perf_counter() - began
    return Load(
        n / wall,
        median(times),
        quantiles(times, n=20)[-1],
        (app.cpu() - server) / n,
        (time.process_time() - generator) / n,
    )


def first_answer(app: App, ask: Ask) -> float:
    """Return the seconds from the start of an app's process to its first answered photo."""
    asyncio.run(asyncio.wait_for(ask(Connection(app.port)), REQUEST_LIMIT))
    return time.perf_counter() - app.started
