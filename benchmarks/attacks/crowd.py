"""Two hundred people at once: some ask for an answer, some send rubbish, some hang up, some read slowly.

    said = crowd(app, clients=200, seconds=300)

Every good answer is compared with what the same photo gets alone. Refusals with 429 and 503 are tried again
until there is an answer: what is refused so is not lost.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from benchmarks.measuring.apps import ROOT, App

from .crowd_requests import answer_in, classify_message, form_message, gradio_message, reply_of, same, upload_message

PHOTOS = sorted((ROOT / "examples").glob("*.jpg"))
PATIENCE = 90  # seconds until an unanswered request counts as lost
RUBBISH, HANGING_UP, SLOW = 0.33, 0.1, 0.1  # shares of the requests
EVERY = 2  # seconds between looks at the app


@dataclass
class Crowd:
    """What became of everybody's requests."""

    said: Counter = field(default_factory=Counter)
    """by what happened: answered, refused (rubbish, with a sentence), hung up, again (429 and 503)"""
    failed: list[str] = field(default_factory=list)
    """lost, wrong or crossed answers, and 5xx that are not the documented one"""
    looks: list[tuple[float, float, int, int]] = field(default_factory=list)
    """seconds, MB resident, open file descriptors, files of uploads"""

    def growth(self, column: int) -> float:
        """Return by how much a column of `looks` grew from the third quarter to the last.

        Compared is what is held at the quietest moments: a photo that is being opened takes what it gives back.
        """
        values, quarter = [look[column] for look in self.looks], max(1, len(self.looks) // 4)
        before, after = (
            quantiles([*part, *part], n=10)[0] for part in (values[-2 * quarter : -quarter], values[-quarter:])
        )
        return after / before - 1 if before else float(after > 0)


class Client:
    """One person's connections. Each has an address of their own, as behind a platform's proxy."""

    def __init__(self, port: int, number: int):
        self._port, self._address = port, f"83.{number // 250}.{number % 250}.1"

    async def ask(self, message: bytes, hang_up: bool = False, slow: bool = False) -> tuple[int, object] | None:
        """Return status and body of the answer; None where the client hung up."""
        message = message.replace(b"\r\n", b"\r\nX-Forwarded-For: " + self._address.encode() + b"\r\n", 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            if hang_up:
                writer.write(message[: random.randrange(len(message))] if random.random() < 0.5 else message)
                await asyncio.sleep(random.random() / 20)
                return None
            writer.write(message)
            if slow:
                await asyncio.sleep(random.random() * 2)
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            if b"content-length: " in lower:
                left = int(lower.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                body = b""
                while len(body) < left:
                    part = await reader.read(16 if slow else 65536)
                    if not part:
                        raise ConnectionError("the answer is cut off")
                    body += part
                    if slow and random.random() < 0.1:
                        await asyncio.sleep(0.05)
            else:
                body = b""
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    body += await reader.readexactly(size)
                    await reader.readexactly(2)
            return reply_of(head, body)
        finally:
            writer.transport.abort() if hang_up else writer.close()


WAYS = (classify_message, form_message, gradio_message)


def crowd(
    app: App,
    uploads: Path,
    rubbish: list[bytes],
    clients: int = 200,
    seconds: float = 300,
    progress: Callable[[float, Crowd], None] = lambda *_: None,
) -> Crowd:
    """Return what became of a crowd's requests. uploads: the app's folder of uploads."""
    result = Crowd()

    async def alone() -> dict[Path, dict]:
        client = Client(app.port, 49_999)
        return {photo: answer_in((await client.ask(classify_message(photo.read_bytes())))[1]) for photo in PHOTOS}

    async def person(number: int, right: dict[Path, dict], until: float) -> None:
        client, random_ = Client(app.port, number), random.Random(number)
        while time.monotonic() < until:
            kind = random_.random()
            if kind < RUBBISH:
                await _send_rubbish(client, random_, rubbish, result)
            else:
                await _send_photo(client, random_, right, result, kind < RUBBISH + HANGING_UP, kind > 1 - SLOW)

    async def look(began: float, until: float) -> None:
        while time.monotonic() < until:
            pid = app.process.pid
            files = sum(len(names) for _, _, names in os.walk(uploads))
            result.looks.append((time.monotonic() - began, app.memory(), len(os.listdir(f"/proc/{pid}/fd")), files))
            progress((time.monotonic() - began) / seconds, result)
            await asyncio.sleep(EVERY)

    async def everybody() -> None:
        right = await alone()
        began = time.monotonic()
        until = began + seconds
        await asyncio.gather(look(began, until), *(person(i, right, until) for i in range(clients)))

    asyncio.run(everybody())
    return result


async def _send_rubbish(client: Client, random_: random.Random, rubbish: list[bytes], result: Crowd) -> None:
    message = random_.choice((*WAYS, upload_message))(random_.choice(rubbish))
    status, said = await _answered(client, message, result, patience=0) or (0, None)
    if status and status not in (200, 400, 413, 422, 429, 500, 503):
        result.failed.append(f"rubbish was answered {status}: {str(said)[:200]}")
    elif status == 500 and not (isinstance(said, dict) and str(said.get("error", "")).endswith(".")):
        result.failed.append(f"rubbish got no sentence: {str(said)[:200]}")
    elif status:
        result.said["rubbish answered" if status == 200 else "rubbish refused"] += 1


async def _send_photo(
    client: Client, random_: random.Random, right: dict, result: Crowd, hang_up: bool, slow: bool
) -> None:
    photo = random_.choice(PHOTOS)
    data = photo.read_bytes() + random_.randbytes(8)  # bytes behind a JPEG's end change nothing but its name
    message = random_.choice(WAYS)(data)
    if hang_up:
        await client.ask(message, hang_up=True)
        result.said["hung up"] += 1
        return
    status, said = await _answered(client, message, result, slow) or (0, None)
    if status and (status != 200 or not (answer := answer_in(said)) or not same(answer, right[photo])):
        result.failed.append(f"{photo.name} was answered {status}: {str(said)[:200]}")
    elif status:
        result.said["answered"] += 1


async def _answered(
    client: Client, message: bytes, result: Crowd, slow: bool = False, patience: float = PATIENCE
) -> tuple[int, object] | None:
    """Return an answer, asking again after a 429 or 503 while there is patience; None for a request that was lost."""
    began = time.monotonic()
    while True:
        try:
            status, said = await asyncio.wait_for(client.ask(message, slow=slow), PATIENCE)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            result.failed.append(f"no answer: {type(error).__name__} {error}")
            return None
        if status not in (429, 503) or not patience:
            return status, said
        result.said["asked again"] += 1
        if time.monotonic() - began > patience:
            result.failed.append(f"refused for {PATIENCE} s: {str(said)[:200]}")
            return None
        await asyncio.sleep(0.5 + random.random())
