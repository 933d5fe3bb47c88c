"""Parts of responses that do not come from the app: headers of every response, and error responses."""

import json
import math

from starlette.types import Message, Send

from .endpoints import CLASSIFY, UPLOAD
from .errors import ErrorResponse


def page_headers(frame_ancestors: str) -> dict[str, str]:
    """Return the headers of every answer. frame_ancestors: who may show the page in a frame, beside the Hub."""
    ancestors = " ".join(["'self' https://huggingface.co", *frame_ancestors.split()])
    return {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        "Content-Security-Policy": f"frame-ancestors {ancestors}; object-src 'none'; base-uri 'self'",
    }


def with_headers(send: Send, headers: dict[str, str]) -> Send:
    """Return `send` that adds headers to the answer."""
    ours = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    names = {name for name, _ in ours}

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            theirs = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
            message = {**message, "headers": theirs + ours}
        await send(message)

    return send_with_headers


async def send_error(send: Send, path: str, error: ErrorResponse) -> None:
    """Send an error response: JSON, with the message where Gradio's clients expect it too; text for an upload."""
    if path == UPLOAD:  # Gradio's page shows this body to people, as it is
        kind, text = b"text/plain; charset=utf-8", error.message
    else:
        content = {"error": error.message} if path == CLASSIFY else {"error": error.message, "detail": error.message}
        kind, text = b"application/json", json.dumps(content)
    body = text.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()))
    if error.authenticate:
        headers.append((b"www-authenticate", b'Bearer realm="Fieldguide"'))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
