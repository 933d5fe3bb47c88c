"""Replace one of two replicas after the other under load, and count the requests that fail.

Usage:

    python -m benchmarks.rolling                 # two minutes; needs nginx

nginx runs with deploy/nginx.conf in front. Threads send photos to /classify, one after the other each: nine in ten that
were sent before, which are remembered, and one that is new. Meanwhile each replica is told to stop (SIGTERM), ends, and
another starts in its place, which is waited for until /health says 200. An answer that is not 200 with the right label
is a failure, and so is no answer.
"""

import http.client
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fastcore.script import CliError, call_parse

from .measuring.balancer import ROOT, Replica, free_port, nginx

PHOTO = ROOT / "examples" / "teddy-1.jpg"
LABEL = "teddy"
NEW = 10  # one request in so many has a photo that was never sent


class Load:
    """Threads that send photos until they are enough, and it is all over."""

    def __init__(self, port: int, requests: int, over: Callable[[], bool]) -> None:
        self._port, self._requests, self._over = port, requests, over
        self._lock, self._photo = threading.Lock(), PHOTO.read_bytes()
        self.outcomes: Counter[str] = Counter()
        self.seconds: list[float] = []

    def run(self, threads: int) -> None:
        """Send all requests from so many threads."""
        senders = [threading.Thread(target=self._send_all) for _ in range(threads)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while True:
            with self._lock:
                n = len(self.seconds)
                if n >= self._requests and self._over():
                    return
                self.seconds.append(0.0)
            began = time.perf_counter()
            outcome = self._send(connection, n)
            with self._lock:
                self.outcomes[outcome] += 1
                self.seconds[n] = time.perf_counter() - began

    def _send(self, connection: http.client.HTTPConnection, n: int) -> str:
        """Send one photo; return "200" for the right answer, else what came."""
        body = self._photo + (b"%d" % n if n % NEW == 0 else b"")  # what follows a JPEG's end is not shown
        try:
            connection.request("POST", "/classify", body, {"Content-Type": "image/jpeg"})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return type(error).__name__
        if answer.status != 200:
            return str(answer.status)
        return "200" if json.loads(content)["label"] == LABEL else "another label"


def table(load: Load, log: Path, replaced: list[tuple[float, float]], seconds: float) -> str:
    """Return what happened, as a table."""
    times = sorted(load.seconds)
    retried = sum("," in line for line in log.read_text().splitlines())
    rows = {
        "requests": f"{len(times)} in {seconds:.0f} s",
        "failed": str(len(times) - load.outcomes["200"]),
        "sent to a second replica": str(retried),
        "seconds, median": f"{times[len(times) // 2]:.3f}",
        "seconds, 99 of 100": f"{times[len(times) * 99 // 100]:.3f}",
        "seconds, longest": f"{times[-1]:.3f}",
        **{f"replica {n}": f"ended in {a:.1f} s, the next ready in {b:.1f} s" for n, (a, b) in enumerate(replaced, 1)},
        **{f"answered {outcome}": str(n) for outcome, n in load.outcomes.items() if outcome != "200"},
    }
    return "\n".join(f"| {name:<26} | {value} |" for name, value in rows.items())


def roll(requests: int, threads: int) -> tuple[str, int]:
    """Do it all; return the table and how many requests failed."""
    ports, front = [free_port(), free_port()], free_port()
    replicas = [Replica(port, PROXIES="1") for port in ports]
    replaced: list[tuple[float, float]] = []

    def replace_all() -> None:
        replaced.extend(replica.replace() for replica in replicas)

    try:
        for replica in replicas:
            replica.wait()
        with tempfile.TemporaryDirectory() as folder, nginx(front, ports, Path(folder)) as log:
            replacing = threading.Thread(target=replace_all)
            load = Load(front, requests, lambda: not replacing.is_alive())
            replacing.start()
            began = time.perf_counter()
            load.run(threads)
            return table(load, log, replaced, time.perf_counter() - began), len(load.seconds) - load.outcomes["200"]
    finally:
        for replica in replicas:
            replica.stop()


@call_parse
def main(
    requests: int = 10_000,  # how many at least; more while a replica is being replaced
    threads: int = 8,  # that send at the same time
):
    "Replace two replicas under load, one after the other, and count what fails."
    try:
        print(roll(requests, threads)[0])
    except RuntimeError as error:
        raise CliError(str(error)) from error
