"""Middleware: limits, error responses and headers for every request.

    admission = AdmissionControl(Settings.from_environment())
    demo.launch(app_kwargs={"middleware": [Middleware(LimitsMiddleware, admission=admission)]})

Every request passes here, whatever its method and path. `endpoints` says which are allowed: the others are answered
404, unread. A request with a body is charged before that is read (429), asked for a key where keys are wanted (401),
its body limited in size, elements and time while it arrives (413, 408), and admitted when it is there (503). Errors of
the app are reported as a message, never as a stack trace.
"""

import errno
import logging
import traceback
from collections.abc import Coroutine
from functools import partial
from typing import Any

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.settings import MB

from .admission import AdmissionControl
from .body_reader import read_and_answer
from .budgets import Reservation
from .endpoints import CLASSIFY, CLIENT, FILE, REFUSAL, Rule, rule_of
from .errors import (
    BODY_NOT_ALLOWED,
    INTERNAL,
    INVALID_REQUEST,
    NOT_FOUND,
    OUT_OF_DISK,
    TOO_MANY_STREAMS,
    TOO_MANY_STREAMS_OF_CLIENT,
    ErrorResponse,
)
from .key_check import KeyCheck
from .rate_limit import address_of
from .request_state import RequestState, StopRequest
from .responses import page_headers, send_error, with_headers

log = logging.getLogger(__name__)

DISK_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.ENOENT,
    errno.EMFILE,
    errno.ENFILE,
}


class LimitsMiddleware:
    """ASGI middleware: see the module."""

    def __init__(self, app: ASGIApp, admission: AdmissionControl, keys: KeyCheck | None = None) -> None:
        """keys: of clients that are counted by their key, not by their address; None where there are none."""
        self._app, self._admission, self._keys = app, admission, keys
        self._headers = page_headers(admission.settings.frame_ancestors)
        self._file_headers = {**self._headers, "Content-Security-Policy": "default-src 'none'; sandbox"}  # no page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the app has no WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        path = get_route_path(scope)  # as the router sees it, without the root path
        rule = rule_of(scope["method"], path)
        send = with_headers(send, self._file_headers if rule and rule.file else self._headers)
        headers = Headers(scope=scope)
        client, error = address_of(scope, self._admission.settings.proxies), None
        if rule and self._keys:
            client, error = self._keys.client(headers, client, sends_photo=rule.body != "none")
        scope[CLIENT] = client
        request = RequestState(scope, client, path)
        request.error = self._check(rule, client, headers) or error  # who sends no valid key is counted, too
        if rule and rule.body != "none" and not request.error:
            request.error = await self._admission.admit_shared(client)
        if rule and not request.error:
            if rule.body == "none":
                await self._answer_read(rule, request, receive, send)
            else:
                await read_and_answer(self._admission, rule, request, receive, partial(self._call, request, send=send))
        if request.error:
            scope[REFUSAL] = request.error.reason
            if not request.response_started:
                await send_error(send, path, request.error)

    def _check(self, rule: Rule | None, client: str, headers: Headers) -> ErrorResponse | None:
        """Charge a client for a request; or return why it is not read."""
        if rule is None:
            return NOT_FOUND
        if rule.body != "none":
            return self._admission.admit_request(client)
        if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
            return BODY_NOT_ALLOWED
        return self._admission.admit_read(client, rule.price)

    async def _answer_read(self, rule: Rule, request: RequestState, receive: Receive, send: Send) -> None:
        """Let the app answer a request that has no body."""
        streams, client = self._admission.streams, request.client
        if rule.file:  # Gradio answers a part of a file with the request's own headers
            request.scope = {
                **request.scope,
                "headers": [header for header in request.scope["headers"] if header[0] != b"range"],
            }
        stream = Reservation(client, partial(request.end_with, TOO_MANY_STREAMS))
        if rule.stream and not streams.reserve(stream):
            request.error = TOO_MANY_STREAMS if streams.used_by(client) == 0 else TOO_MANY_STREAMS_OF_CLIENT
            return
        request.on_answered = partial(streams.release, stream)
        try:
            await request.run(self._call(request, receive, send))
        finally:
            streams.release(stream)
            if rule.file:  # its size is known only now
                self._admission.admit_read(client, FILE * request.response_bytes // MB)
        if request.is_event_stream and request.error:  # each event that was sent is complete
            await send({"type": "http.response.body", "body": b""})

    def _call(self, request: RequestState, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Return the app's work for a request; an error in it becomes the request's own."""
        return _handle_errors(request, self._app(request.scope, receive, _watched(request, send)))


async def _handle_errors(request: RequestState, work: Any) -> None:
    """Wait for the app's work; an error in it becomes the request's error response."""
    try:
        await work
    except StopRequest:
        pass
    except Exception as error:  # any error of Gradio or a full disk: its sender reads a message
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            log.error("An upload could not be kept: %s.", error.strerror)
            request.error = request.error or OUT_OF_DISK
        elif not request.error:
            log.error("A request failed: %s.", _class_and_place(error))
            request.error = INTERNAL


def _watched(request: RequestState, send: Send) -> Send:
    """Return `send` that sends nothing once the request has an error, nor FastAPI's answer to an invalid body."""

    async def watched(message: Message) -> None:
        if not request.response_started:
            if message.get("status") == 422 and request.path != CLASSIFY:  # it repeats the body, whatever its size
                request.error = request.error or INVALID_REQUEST
            if request.error:
                raise StopRequest
            request.response_started = True
            headers = Headers(raw=message.get("headers", []))
            request.response_bytes = int(headers.get("content-length", 0))
            request.is_event_stream = headers.get("content-type", "").partition(";")[0] == "text/event-stream"
        elif request.on_answered and not message.get("more_body"):
            request.on_answered()
        await send(message)

    return watched


def _class_and_place(error: Exception) -> str:
    """Return an error's class and place; its text may hold the name of somebody's file."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    return type(error).__name__ + "".join(f" in {frame.filename}:{frame.lineno}" for frame in place)
