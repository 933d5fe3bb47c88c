"""Run nginx with deploy/nginx.conf in front of replicas of the app, and replace one of these."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
LOG = "log_format upstreams '$status $upstream_addr'; access_log {} upstreams;"


class Replica:
    """One process of the app on a port of its own, which can be replaced."""

    def __init__(self, port: int, **environment: str) -> None:
        self.port = port
        self._environment = {**os.environ, "MAX_PER_MINUTE": "0", **environment, "GRADIO_SERVER_PORT": str(port)}
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL)

    def wait(self) -> None:
        """Wait until it answers /health with 200, as a readiness probe does; RuntimeError where it never does."""
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                return
            time.sleep(0.1)
        raise RuntimeError(f"The replica on port {self.port} did not start.")

    def stop(self) -> float:
        """Stop it by SIGTERM and return the seconds that it took; a process that is left is killed."""
        began = time.perf_counter()
        self.process.terminate()
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
        return time.perf_counter() - began

    def replace(self) -> tuple[float, float]:
        """Stop it, start another in its place and wait for that; return the seconds of both."""
        stopping, began = self.stop(), time.perf_counter()
        self.process = self._start()
        self.wait()
        return stopping, time.perf_counter() - began


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def configuration(text: str, port: int, replicas: Sequence[int], folder: Path) -> str:
    """Return deploy/nginx.conf for this machine: its ports, and a folder for all that nginx writes."""
    for n, replica in enumerate(replicas, 1):
        text = text.replace(f"app-{n}:7860", f"127.0.0.1:{replica}")
    folders = "".join(
        f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = text.replace("access_log off;", folders + LOG.format(folder / "access.log"))
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    user = "" if os.name == "nt" or os.geteuid() else "user root; "  # another one could not write into the folder
    return f"{user}daemon off; pid {folder / 'pid'}; error_log {folder / 'error.log'};\n{text}"


@contextmanager
def nginx(port: int, replicas: Sequence[int], folder: Path) -> Iterator[Path]:
    """Run nginx on a port in front of replicas on theirs; yield its log of requests. RuntimeError without nginx."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise RuntimeError("nginx is not installed (on Debian: apt-get install nginx-light).")
    file = folder / "nginx.conf"
    file.write_text(configuration((ROOT / "deploy" / "nginx.conf").read_text(), port, replicas, folder))
    process = subprocess.Popen([program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(file)])
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                break
            time.sleep(0.1)
        yield folder / "access.log"
    finally:
        process.terminate()
        process.wait(30)
