"""Middleware that watches requests: counts them, logs them, and gives each an id. It stands in front of the limits.

    Middleware(MonitoringMiddleware, metrics=metrics, log_requests=True)

It is installed only where somebody wants to know: without METRICS=1 and LOG_FORMAT=json it costs nothing.
"""

import logging
import re
import time
from typing import TYPE_CHECKING

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.limits.endpoints import CLASSIFY, MCP, METRICS_PATH, REFUSAL, UPLOAD, Rule, rule_of

from .log import FIELDS, id_of, request_id

if TYPE_CHECKING:
    from .metrics import Metrics

log = logging.getLogger(__name__)

NAMED = {
    CLASSIFY,
    UPLOAD,
    MCP,
    METRICS_PATH,
    "/health",
    "/",
    "/many",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
}
GROUPS = re.compile(r"/gradio_api/(run|api|call|heartbeat)(?=/)|/(assets|static|svelte)(?=/)")
GONE = "gone"  # instead of a status: the client left before there was one


class MonitoringMiddleware:
    """ASGI middleware: see the module."""

    def __init__(self, app: ASGIApp, metrics: "Metrics | None", log_requests: bool) -> None:
        """log_requests: whether each request gets an id and a line in the log."""
        self._app, self._metrics, self._log_requests = app, metrics, log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = id_of(Headers(scope=scope).get("x-request-id")) if self._log_requests else ""
        if name:
            request_id.set(name)
        status, began = GONE, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                if name:
                    ours = (b"x-request-id", name.encode())
                    message = {**message, "headers": [*message.get("headers", []), ours]}
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._report(scope, status, time.perf_counter() - began)

    def _report(self, scope: Scope, status: str, seconds: float) -> None:
        """Count and log a request that has ended."""
        path = get_route_path(scope)
        rule = rule_of(scope["method"], path)
        route, refusal = route_of(path, rule), scope.get(REFUSAL)
        if self._metrics:
            self._metrics.request(route, status, None if rule and rule.stream else seconds, refusal)
        if self._log_requests and log.isEnabledFor(logging.INFO):
            fields = {"method": scope["method"], "route": route, "status": status, "ms": round(1000 * seconds, 1)}
            log.info("request", extra={FIELDS: {**fields, **({"refusal": refusal} if refusal else {})}})


def route_of(path: str, rule: Rule | None) -> str:
    """Return the name of a path's route: one of few, and nothing of what a client wrote into the path."""
    if rule is None:
        return "other"
    if rule.file:
        return "/gradio_api/file"
    if path.rstrip("/").removesuffix("/http") == MCP:
        return MCP
    if found := GROUPS.match(path):
        return found[0]
    return path if path in NAMED else "parts of the page"
