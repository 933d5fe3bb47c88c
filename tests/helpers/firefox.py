"""Firefox without a driver program: a headless one of its own profile, asked over WebDriver BiDi."""

import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import connect

SECONDS = 60  # until it listens; a guard against hanging
NAMES = ("firefox-esr", "firefox")
LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


def firefox_command() -> str | None:
    """Return the program, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """One tab of a running Firefox."""

    def __init__(self, socket):
        self._socket, self._ids = socket, itertools.count(1)
        self.ask("session.new", capabilities={})
        self._context = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **params):
        """Return the result of a BiDi command."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def goto(self, url: str) -> None:
        """Load a page."""
        self.ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, function: str, argument=None):
        """Return what a JavaScript function, which may be async, gives for an argument; both as JSON has them."""
        call = f"(async () => JSON.stringify(await ({function})({json.dumps(argument)})) ?? 'null')()"
        answer = self.ask("script.evaluate", expression=call, target={"context": self._context}, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])


@contextmanager
def running_firefox(command: str) -> Iterator[Firefox]:
    """Start a headless Firefox with an empty profile; yield its tab; stop it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = Path(folder) / "log"
        with log.open("w") as output:
            arguments = ["--headless", "--no-remote", "--profile", folder, "--remote-debugging-port", "0"]
            process = subprocess.Popen([command, *arguments], stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + SECONDS
            while not (found := LISTENS.search(log.read_text(errors="replace"))):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text(errors="replace")
                time.sleep(0.1)
            with connect(f"{found[1]}/session", max_size=None, proxy=None) as socket:
                yield Firefox(socket)
        finally:
            process.terminate()
            process.wait(20)
