"""A site in headless Chromium, and what came over the wire."""

import base64
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from fastcore.script import CliError

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


class _Handler(SimpleHTTPRequestHandler):
    """Serve a folder and count its bytes."""

    extensions_map: ClassVar[dict[str, str]] = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
    }

    def copyfile(self, source: Any, outputfile: Any) -> None:
        data = source.read()
        self.server.sent[self.path] = self.server.sent.get(self.path, 0) + len(data)  # type: ignore[attr-defined]
        outputfile.write(data)

    def log_message(self, *args: object) -> None:
        """Say nothing: a line for each file would bury the table."""


@dataclass
class Site:
    """A served folder. sent: the bytes of each path, as they were asked for."""

    url: str
    sent: dict[str, int] = field(default_factory=dict)

    def megabytes(self) -> float:
        """Return what was sent since the last call, in MB."""
        total = sum(self.sent.values()) / 1e6
        self.sent.clear()
        return total


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serve a folder on a free port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: _Handler(*args, directory=str(folder))) as server:
        site = Site(f"http://127.0.0.1:{server.server_port}")
        server.sent = site.sent  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield headless Chromium of playwright, with a camera that shows a test picture; CliError where there is none."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise CliError("There is no Chromium here (on Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


def as_base64(data: bytes) -> str:
    """Return bytes as a page's script takes them."""
    return base64.b64encode(data).decode()
