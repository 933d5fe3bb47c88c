"""What stands in front of every request: limits, refusals in a sentence, and headers.

    gate = Gate(Settings.from_environment())
    demo.launch(app_kwargs={"middleware": [Middleware(Guard, gate=gate)]})

A request that asks for an answer or brings a file passes the gate: it is counted, and refused where its
client has asked too often (429) or too many are waiting already (503). Every body is limited in size (413) and
time (408). What goes wrong behind is told in a sentence, never in a stack trace.
"""
import asyncio
import errno
import json
import logging
import math
import traceback
from dataclasses import dataclass, field

from .clients import address_of
from .gate import CLASSIFY, FAILED, FULL, NO_DISK, NOTHING_HERE, UPLOAD, Gate, Refusal

log = logging.getLogger(__name__)

ASKING = (CLASSIFY, UPLOAD, "/gradio_api/run/", "/gradio_api/api/", "/gradio_api/call/", "/gradio_api/queue/join",
          "/gradio_api/mcp")
# what Gradio has for other apps: developing, recording, fetching any address for anybody
CLOSED = ("/gradio_api/file=http", "/gradio_api/file/http", "/gradio_api/proxy=", "/gradio_api/dev/",
          "/gradio_api/process_recording", "/gradio_api/vibe", "/gradio_api/undo-vibe", "/gradio_api/stream",
          "/gradio_api/mcp/sse", "/gradio_api/mcp/messages", "/gradio_api/deep_link", "/gradio_api/run-history",
          "/gradio_api/component_server", "/monitoring", "/login")
FILES = ("/gradio_api/file=", "/gradio_api/file/")
CLIENT = "fieldguide.client"  # where a request's scope tells who sent it
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM, errno.ENOTDIR,
           errno.ENOENT, errno.EMFILE, errno.ENFILE}

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    # the Hub shows a Space in a frame of its own page; nobody else may
    "Content-Security-Policy": "frame-ancestors 'self' https://huggingface.co; object-src 'none'; base-uri 'self'",
}
FILE_HEADERS = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox"}  # an upload is no page


class _Refused(Exception):
    """Ends a request whose body is not to be read on; `_Request.refusal` says why."""


@dataclass
class _Request:
    """One request on its way."""

    most: int
    """bytes of its body"""
    seconds: float
    """for its body to arrive"""
    n_bytes: int = 0
    refusal: Refusal | None = None
    answering: bool = False
    """whether the head of an answer has been sent"""
    streaming: bool = False
    """whether that answer is a stream of events"""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


class Guard:
    """ASGI middleware: see the module."""

    def __init__(self, app, gate: Gate):
        self._app, self._gate = app, gate

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        send = _with_headers(send, FILE_HEADERS if path.startswith(FILES) else HEADERS)
        if path.lower().startswith(CLOSED):
            await _refuse(send, path, NOTHING_HERE)
        elif method in ("GET", "HEAD", "OPTIONS"):
            await self._pass(scope, receive, send)
        elif not path.startswith(ASKING):
            await self._limited(scope, receive, send)
        else:
            client = scope[CLIENT] = address_of(scope, self._gate.settings.proxies)
            if refusal := self._gate.enter(client):
                await _refuse(send, path, refusal)
                return
            try:
                await self._limited(scope, receive, send)
            finally:
                self._gate.leave(client)

    async def _pass(self, scope, receive, send) -> None:
        """Hand on a request that has no body."""
        if scope["path"].startswith(FILES):  # Gradio answers a part of a file with the request's own headers
            scope = {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}
        request = _Request(0, math.inf)
        await self._settled(request, self._app(scope, receive, _watched(request, send)))
        if request.streaming and request.refusal:  # what was said so far is an event of its own, and complete
            await send({"type": "http.response.body", "body": b""})
        elif request.refusal and not request.answering:
            await _refuse(send, scope["path"], request.refusal)

    async def _limited(self, scope, receive, send) -> None:
        """Hand on a request with a body, as long as that keeps to the limits and its sender stays."""
        headers = {name: value for name, value in scope["headers"] if name in (b"content-type", b"content-length")}
        most = self._gate.most_bytes(scope["path"], headers.get(b"content-type", b"").decode("latin-1").lower())
        request = _Request(most, self._gate.settings.max_seconds)
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > most:
            await _refuse(send, scope["path"], self._gate.too_large(most))
            return
        work = asyncio.ensure_future(self._settled(request, self._app(
            scope, self._limited_receive(request, receive), _watched(request, send))))
        gone = asyncio.ensure_future(_gone(request, receive))
        try:
            done, _ = await asyncio.wait({work, gone}, timeout=2 * request.seconds,
                                         return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not work.done():
                work.cancel()
        await asyncio.wait({work})
        if not done:
            request.refusal = FULL
        if not work.cancelled() and (error := work.exception()):
            raise error
        if request.refusal and not request.answering:
            await _refuse(send, scope["path"], request.refusal)

    async def _settled(self, request: _Request, work) -> None:
        """Wait for the app's own work; what goes wrong becomes the request's refusal."""
        try:
            await work
        except _Refused:
            pass
        except Exception as error:  # whatever Gradio or a full disk may bring: its sender reads a sentence
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                log.error("An upload could not be kept: %s.", error.strerror)
                request.refusal = request.refusal or NO_DISK
            elif not request.refusal:
                log.error("A request failed: %s.", _where(error))
                request.refusal = FAILED

    def _limited_receive(self, request: _Request, receive):
        """Return `receive` that ends a request whose body is too large or too slow."""
        deadline = asyncio.get_running_loop().time() + request.seconds

        async def limited() -> dict:
            if request.arrived.is_set():  # `_gone` waits for the end of the connection
                await asyncio.Event().wait()
            left = deadline - asyncio.get_running_loop().time()
            try:
                message = await asyncio.wait_for(receive(), max(left, 0))
            except asyncio.TimeoutError:
                request.refusal = Refusal(408, f"The request did not arrive within {request.seconds:g} s. Send a "
                                               "smaller photo, or send it again.")
                raise _Refused from None
            if message["type"] == "http.request":
                request.n_bytes += len(message.get("body", b""))
                if request.n_bytes > request.most:
                    request.refusal = self._gate.too_large(request.most)
                    raise _Refused
                if not message.get("more_body"):
                    request.arrived.set()
            return message
        return limited


async def _gone(request: _Request, receive) -> None:
    """Return when the sender of a request that has arrived hangs up."""
    await request.arrived.wait()
    while (await receive())["type"] != "http.disconnect":
        pass


def _watched(request: _Request, send):
    """Return `send` that lets nothing out once the request is refused."""
    async def watched(message: dict) -> None:
        if request.refusal and not request.answering:
            raise _Refused
        if not request.answering:
            request.answering = True
            request.streaming = (b"content-type", b"text/event-stream") in [
                (name, value.partition(b";")[0]) for name, value in message.get("headers", [])]
        await send(message)
    return watched


def _where(error: Exception) -> str:
    """Return an error's class and place; its text may hold the name of somebody's file."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    return type(error).__name__ + "".join(f" in {frame.filename}:{frame.lineno}" for frame in place)


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


async def _refuse(send, path: str, refusal: Refusal) -> None:
    """Answer with a refusal: JSON, with the sentence where Gradio's clients look for it too; text for an upload."""
    if path.startswith(UPLOAD):  # Gradio's page shows this body to people, as it is
        kind, body = b"text/plain; charset=utf-8", refusal.sentence
    else:
        said = {"error": refusal.sentence}
        kind, body = b"application/json", json.dumps(said if path == CLASSIFY else {**said, "detail": refusal.sentence})
    headers = [(b"content-type", kind), (b"content-length", str(len(body.encode())).encode())]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(refusal.retry_after))).encode()))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
