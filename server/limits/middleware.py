"""What stands in front of every request: limits, refusals in a sentence, and headers.

    gate = Gate(Settings.from_environment())
    demo.launch(app_kwargs={"middleware": [Middleware(Guard, gate=gate)]})

Every request passes here, whatever its method and path. `rules` says what it may be: what is not listed there is
refused unread (404). A request with a body is counted before that is read (429), its body limited in size, elements
and time while it arrives (413, 408), and let in when it is there (503). What goes wrong behind is told in a sentence,
never in a stack trace.
"""
import errno
import json
import logging
import math
import traceback

from starlette._utils import get_route_path
from starlette.datastructures import Headers

from server.settings import MB

from .admission import Gate
from .body_reader import Request, Stop, arrive
from .budgets import Share
from .endpoints import CLASSIFY, CLIENT, FILE, UPLOAD, Rule, rule_of
from .errors import FAILED, NO_BODY, NO_DISK, NO_STREAM, NOTHING_HERE, UNREADABLE, Refusal
from .rate_limit import address_of

log = logging.getLogger(__name__)

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM, errno.ENOTDIR,
           errno.ENOENT, errno.EMFILE, errno.ENFILE}


class Guard:
    """ASGI middleware: see the module."""

    def __init__(self, app, gate: Gate):
        self._app, self._gate = app, gate
        self._headers = page_headers(gate.settings.frame_ancestors)
        self._file_headers = {**self._headers, "Content-Security-Policy": "default-src 'none'; sandbox"}  # no page

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        path = get_route_path(scope)  # as the router sees it, without the root path
        rule = rule_of(scope["method"], path)
        send = _with_headers(send, self._file_headers if rule and rule.file else self._headers)
        client = scope[CLIENT] = address_of(scope, self._gate.settings.proxies)
        headers = Headers(scope=scope)
        if rule is None:
            await refuse(send, path, NOTHING_HERE)
        elif rule.body == "none" and ("transfer-encoding" in headers or headers.get("content-length", "0") != "0"):
            await refuse(send, path, NO_BODY)
        elif refusal := self._gate.read(client, rule.price) if rule.body == "none" else self._gate.begin(client):
            await refuse(send, path, refusal)
        elif rule.body == "none":
            await self._read(rule, client, scope, receive, send)
        else:
            await self._send(rule, client, headers, scope, receive, send)

    async def _read(self, rule: Rule, client: str, scope, receive, send) -> None:
        """Hand on a request that has no body."""
        if rule.file:  # Gradio answers a part of a file with the request's own headers
            scope = {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}
        request = Request(scope, client, 0, math.inf)
        share = Share(client, request.end_with(NO_STREAM))
        if rule.stream and not self._gate.streams.grow(share):
            await refuse(send, request.path, NO_STREAM if self._gate.streams.of(client) == 0 else Refusal(
                429, "You have too many pages open at once. Close some, or try again in a minute.", 60))
            return
        try:
            await request.run(self._settled(request, self._app(scope, receive, _watched(request, send))))
        finally:
            self._gate.streams.leave(share)
            if rule.file:  # its size is known only now
                self._gate.read(client, FILE * request.answer_bytes // MB)
        if request.streaming and request.refusal:  # what was said so far is an event of its own, and complete
            await send({"type": "http.response.body", "body": b""})
        elif request.refusal and not request.answering:
            await refuse(send, request.path, request.refusal)

    async def _send(self, rule: Rule, client: str, headers: Headers, scope, receive, send) -> None:
        """Hand on a request with a body, as long as that keeps to the limits and its sender stays."""
        def app(request: Request, receive):
            return self._settled(request, self._app(scope, receive, _watched(request, send)))
        request = await arrive(self._gate, rule, client, headers, scope, receive, app)
        if request.refusal and not request.answering:
            await refuse(send, request.path, request.refusal)

    async def _settled(self, request: Request, work) -> None:
        """Wait for the app's own work; what goes wrong becomes the request's refusal."""
        try:
            await work
        except Stop:
            pass
        except Exception as error:  # whatever Gradio or a full disk may bring: its sender reads a sentence
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                log.error("An upload could not be kept: %s.", error.strerror)
                request.refusal = request.refusal or NO_DISK
            elif not request.refusal:
                log.error("A request failed: %s.", _where(error))
                request.refusal = FAILED


def _watched(request: Request, send):
    """Return `send` that lets nothing out once the request is refused, nor what FastAPI says of a wrong body."""
    async def watched(message: dict) -> None:
        if not request.answering:
            if message.get("status") == 422 and request.path != CLASSIFY:  # it repeats the body, whatever its size
                request.refusal = request.refusal or UNREADABLE
            if request.refusal:
                raise Stop
            request.answering = True
            headers = Headers(raw=message.get("headers", []))
            request.answer_bytes = int(headers.get("content-length", 0))
            request.streaming = headers.get("content-type", "").partition(";")[0] == "text/event-stream"
        await send(message)
    return watched


def _where(error: Exception) -> str:
    """Return an error's class and place; its text may hold the name of somebody's file."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    return type(error).__name__ + "".join(f" in {frame.filename}:{frame.lineno}" for frame in place)


def page_headers(frame_ancestors: str) -> dict[str, str]:
    """Return the headers of every answer. frame_ancestors: who may show the page in a frame, beside the Hub."""
    ancestors = " ".join(["'self' https://huggingface.co", *frame_ancestors.split()])
    return {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        "Content-Security-Policy": f"frame-ancestors {ancestors}; object-src 'none'; base-uri 'self'",
    }


def _with_headers(send, headers: dict[str, str]):
    """Return `send` that adds headers to the answer."""
    ours = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    names = {name for name, _ in ours}

    async def with_headers(message: dict) -> None:
        if message["type"] == "http.response.start":
            theirs = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
            message = {**message, "headers": theirs + ours}
        await send(message)
    return with_headers


async def refuse(send, path: str, refusal: Refusal) -> None:
    """Answer with a refusal: JSON, with the sentence where Gradio's clients look for it too; text for an upload."""
    if path == UPLOAD:  # Gradio's page shows this body to people, as it is
        kind, body = b"text/plain; charset=utf-8", refusal.sentence
    else:
        said = {"error": refusal.sentence}
        kind, body = b"application/json", json.dumps(said if path == CLASSIFY else {**said, "detail": refusal.sentence})
    headers = [(b"content-type", kind), (b"content-length", str(len(body.encode())).encode())]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(refusal.retry_after))).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
