"""Start the app from the serving files alone, in an empty folder, and ask it about a photo.

Gives `smoke_test`; and `ask` and `ask_health`, which ask any app of this kind about a photo and about itself
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from classifier.photo.formats import EXAMPLES

from .checks import Check
from .lean import MODULES, is_lean
from .manifest import ZERO_GPU

NAME = "the app, alone"
SECONDS = 120  # until it answers; a guard, it takes three
KEPT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LD_LIBRARY_PATH", "LANG")  # of this process's environment
# -I keeps this project, its environment variables and the user's own packages out
START = """
import runpy, sys, types
sys.path.insert(0, ".")
sys.modules.update(dict.fromkeys({missing}))
{zero_gpu}
runpy.run_path("app.py", run_name="__main__")
"""
# in the place of ZeroGPU's own package, which exists on that hardware only; it notes that a function was given to it
FAKE_SPACES = """
spaces = sys.modules["spaces"] = types.ModuleType("spaces")
spaces.GPU = lambda function: open("gpu-function", "w").close() or function
"""


class NoAnswer(Exception):
    """An app gave no answer, and the message says what it gave instead. `wait`: it may still come up."""

    def __init__(self, why: str, wait: bool = False):
        super().__init__(why)
        self.wait = wait


def ask(url: str, photo: bytes, token: str | None = None, timeout: float = 30) -> dict[str, Any]:
    """Return the answer of the app at `url` for a photo; raise NoAnswer. token: for a Space that is private."""
    request = urllib.request.Request(f"{url}/classify", data=photo, headers={"Content-Type": "image/jpeg"})
    return _object(request, "label", token, timeout)


def ask_health(url: str, token: str | None = None, timeout: float = 30) -> dict[str, Any]:
    """Return what the app at `url` says of itself; raise NoAnswer. token: for a Space that is private."""
    return _object(urllib.request.Request(f"{url}/health"), "model_version", token, timeout)


def _object(request: urllib.request.Request, key: str, token: str | None, timeout: float) -> dict[str, Any]:
    """Return the JSON object, with this key, that an address answers with; raise NoAnswer for anything else."""
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")  # wherever it is sent on to
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            answer = json.loads(response.read())
    except urllib.error.HTTPError as error:
        raise NoAnswer(f"HTTP {error.code}", wait=error.code in (404, 408, 429) or error.code >= 500) from error
    except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:  # the last: one that was cut off
        why = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise NoAnswer(f"{why}", wait=True) from error
    if not isinstance(answer, dict) or key not in answer:
        raise NoAnswer(f"{str(answer)[:200]}")
    return answer


def answer_line(answer: dict[str, Any]) -> str:
    """Return an answer in a few words."""
    probability = answer["probabilities"][answer["label"]]
    return f"{answer['label']}, {probability:.1%}, model {answer['model_version']}"


def smoke_test(files: dict[str, bytes], hardware: str) -> tuple[Check, dict[str, Any] | None]:
    """Start the app from nothing but `files` and ask it about its first example; return the check and the answer."""
    examples = [file for file in files if file.startswith("examples/")]
    if not examples:
        return Check(
            NAME,
            problem=f"examples/ holds no photo to ask about ({', '.join(EXAMPLES)})",
            fix="Put one there that you may publish.",
        ), None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for file, content in files.items():
            path = Path(folder) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            with running_app(Path(folder), hardware, MODULES if is_lean(files) else ()) as url:
                answer = ask(url, files[examples[0]])
        except NoAnswer as why:
            return Check(NAME, problem=f"it does not answer: {why}", fix="Try it here: python app.py"), None
        if hardware == ZERO_GPU and not (Path(folder) / "gpu-function").exists():
            return Check(
                NAME,
                problem="app.py gives ZeroGPU no function (@spaces.GPU), without which it starts no app",
                fix="Take app.py and server/startup.py as they come with this project.",
            ), None
    return Check(NAME, f"{examples[0]} is {answer_line(answer)}"), answer


@contextmanager
def running_app(folder: Path, hardware: str, missing: Sequence[str]) -> Iterator[str]:
    """Yield the address of the app in a folder once it listens; raise NoAnswer with its last words if it ends.

    missing: modules that are installed here and not there, which it is to find missing here too.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "HOME": str(folder),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
    }
    if hardware == ZERO_GPU:
        env["SPACES_ZERO_GPU"] = "true"
    code = START.format(missing=missing, zero_gpu=FAKE_SPACES if hardware == ZERO_GPU else "")
    log = folder / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", code], cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return when the app answers that it is ready."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NoAnswer((log.read_text(errors="replace").strip().splitlines() or ["it ended without a word"])[-1])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise NoAnswer(f"nothing after {SECONDS} s")
