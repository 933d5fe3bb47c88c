"""Run the app, and the browsers that look at it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.paths import ROOT

SIZES = {
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "desktop": {"viewport": {"width": 1280, "height": 900}},
}
TIMEOUT = 60_000  # milliseconds; a guard against hanging


def get(url: str, timeout: float = 10) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout) as response:
        return response.read()


@contextmanager
def running_app(folder: Path = ROOT, log: Path | None = None, **environment):
    """Start app.py of `folder` on a free port; yield its URL once it answers; stop it. log: where its output goes."""
    with app_process(folder, log, **environment) as (_, url):
        yield url


@contextmanager
def app_process(folder: Path = ROOT, log: Path | None = None, **environment):
    """As `running_app`, but yield the process too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "MAX_PER_MINUTE": "0",
        **environment,
    }
    # a pipe that nobody reads fills up, and the app waits
    with log.open("w+") if log else tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=folder, env=env, text=True, stdout=output, stderr=subprocess.STDOUT
        )
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(240):
                if process.poll() is not None:
                    output.seek(0)
                    pytest.fail(f"app.py stopped: {output.read()}")
                try:
                    get(f"{url}/gradio_api/info")
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.5)
            yield process, url
        finally:
            process.terminate()
            process.wait(20)
