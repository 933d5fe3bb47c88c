"""The modules of browser/ in a page of Chromium, served from a folder, and what they give for bytes from Python."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np

# as strict as index.html's, so that what a test imports also runs there
CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; style-src 'self'"
)


class Handler(SimpleHTTPRequestHandler):
    """Serve a folder, and at /blank a page without content; note what was asked for."""

    extensions_map: ClassVar[dict[str, str]] = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
    }

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path != "/blank":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Security-Policy", CSP)
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>blank</title>")

    def log_message(self, *args):
        pass


@contextmanager
def served_folder(folder: Path, port: int = 0) -> Iterator[ThreadingHTTPServer]:
    """Serve a folder; yield the server with `url` and `asked`, the paths that were asked for."""

    def handler(*args):
        return Handler(*args, directory=str(folder))

    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        server.url, server.asked = f"http://127.0.0.1:{server.server_port}", []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def as_base64(data: bytes | np.ndarray) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else np.ascontiguousarray(data).data).decode()


# in a page: bytes of base64, and base64 of a typed array
CODING = """() => {
  window.bytesOf = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
  window.base64Of = values => new Promise(done => {
    const reader = new FileReader()
    reader.onload = () => done(reader.result.split(",")[1])
    reader.readAsDataURL(new Blob([values]))
  })
}"""
