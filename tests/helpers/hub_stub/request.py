"""A request to the stub of the Hub: its route, its failures, its body and its answer."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from helpers.hub_stub.routes import ROUTES
from helpers.hub_stub.state import Hub, StubRepo


class Cut(Exception):
    """The connection ends here."""


class Request(BaseHTTPRequestHandler):
    """One request, which fails where it is to; a method on_NAME answers it by its route."""

    hub: Hub
    cutting = short = False
    instead = None

    def log_message(self, *_):
        pass

    def do(self) -> None:
        path = unquote(urlsplit(self.path).path)
        name, found = next(
            (
                (name, found)
                for name, method, pattern in ROUTES
                if re.fullmatch(method, self.command) and (found := re.fullmatch(pattern, path))
            ),
            (None, None),
        )
        if found is None:
            self.answer(404, {"error": f"no route {self.command} {path}"})
            return
        self.hub.asked.append(name)
        failure = next(self.hub.failures.get(name, iter(())), None)
        self.cutting, self.short = failure == "cut after", failure == "short"
        self.instead = failure[1] if isinstance(failure, tuple) else None
        if failure == "hang":
            threading.Event().wait(3)
        try:
            if failure == "cut":  # amid the body
                self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
                raise Cut
            body = self.body()
            if self.hub.down:
                failure = 503
            if isinstance(failure, int):
                self.answer(failure, {"error": f"the stub says {failure}"}, {"Retry-After": "0"})
                return
            getattr(self, "on_" + name)(body, **found.groupdict())
        except Cut:
            self.close_connection = True
            self.wfile = _Nowhere()
            self.connection.close()

    do_GET = do_POST = do_PUT = do_HEAD = do

    def body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while n_bytes := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(n_bytes))
                self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, told, headers: dict | None = None) -> None:
        if self.instead:
            status, told, self.instead = self.instead, {"error": "gateway"}, None
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        if self.cutting:
            raise Cut
        self.send_response(status)
        for key, value in {
            "Content-Length": str(len(content)),
            "Content-Type": "application/json",
            **(headers or {}),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if self.short else content)
        self.close_connection = self.close_connection or self.short

    def repo(self, kind: str | None, name: str) -> StubRepo | None:
        kind = {"spaces/": "space", "datasets/": "dataset", None: "model"}.get(kind, kind)
        found = self.hub.repos.get((kind, name))
        if found is None:
            self.answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        return found


class _Nowhere:
    """A file that takes anything, in the place of a connection that was cut."""

    closed = False

    def write(self, _): ...

    def flush(self): ...

    def close(self): ...
