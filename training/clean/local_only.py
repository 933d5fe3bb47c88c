"""Accept requests of a local page from that page alone, and refuse those of other web pages in the same browser.

A server that listens on this machine alone can still be reached by every web page that its user visits: by a request to
127.0.0.1, or by a host name that resolves to it (DNS rebinding). `SameOriginMiddleware` checks all routes, also
Gradio's and WebSockets.
"""

import ipaddress
import secrets
import socket
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL = ("localhost", "127.0.0.1", "::1")
ALL_ADDRESSES = ("0.0.0.0", "::", "")  # hosts that mean all addresses of this machine


class SameOriginMiddleware:
    """ASGI middleware that refuses requests for another host, or from another page."""

    def __init__(self, app: ASGIApp, host: str = LOCAL[1], frame_key: str = ""):
        """host: the address that the server listens on; frame_key: what a page has to know to show this in a frame."""
        self.app, self.host, self._frame_key = app, host, frame_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif not self._is_ours(Headers(scope=scope).getlist("host"), scope["server"][1]):
            await _refuse(
                scope,
                receive,
                send,
                421,
                "This page answers only under its own address. Open "
                f"http://127.0.0.1:{scope['server'][1]}, or the address that --host gave it.",
            )
        elif _from_another_page(scope, self._frame_key):
            await _refuse(
                scope, receive, send, 403, "Another web page asked for this, and gets nothing. Open this page itself."
            )
        else:
            await self.app(scope, receive, send)

    def _is_ours(self, hosts: Sequence[str], port: int) -> bool:
        if len(hosts) != 1:
            return False
        try:
            asked = urlsplit(f"//{hosts[0]}")
            name, asked_port = (asked.hostname or "").lower(), asked.port or 80
        except ValueError:
            return False
        if asked.netloc != hosts[0] or asked.username is not None or asked_port != port:
            return False
        return name in (*LOCAL, self.host.lower()) or (self.host in ALL_ADDRESSES and _is_this_machine(name))


def _is_this_machine(name: str) -> bool:
    """Return whether a host is an IP address, or this machine's own name; no other name is trusted."""
    own = socket.gethostname().lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in (own, f"{own}.local")
    return True


def _from_another_page(scope: Scope, frame_key: str = "") -> bool:
    """Return whether the headers say that another page sent a request.

    A link to this page does not count, nor does a frame around it by a page that knows the key.
    """
    headers = Headers(scope=scope)
    if any(
        origin.partition("://")[2] != headers["host"] or origin.partition("://")[0] not in ("http", "https")
        for origin in headers.getlist("origin")
    ):
        return True
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return False
    return not (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and scope["path"] == "/"
        and headers.get("sec-fetch-mode") == "navigate"
        and (
            headers.get("sec-fetch-dest") == "document"
            or (headers.get("sec-fetch-dest") == "iframe" and _knows_key(scope, frame_key))
        )
    )


def _knows_key(scope: Scope, key: str) -> bool:
    """Return whether a request's address has the key; never where there is none."""
    given = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
    return bool(key) and secrets.compare_digest(given.encode(), key.encode())


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": why})
    else:
        await PlainTextResponse(f"{why}\n", status, {"X-Content-Type-Options": "nosniff"})(scope, receive, send)
