"""Endpoints: which requests are allowed, by method and path, and what each costs. Everything else is answered 404.

    rule = rule_of("POST", "/gradio_api/run/predict")

The lists name what is known to be cheap or needed. So a route that a new version of Gradio adds stays closed until it
is listed here. Paths are compared as Starlette's router compares them: as they came, decoded once, without the root
path.
"""

import re
from dataclasses import dataclass
from typing import Literal

CLASSIFY, UPLOAD, MCP, METRICS_PATH = "/classify", "/gradio_api/upload", "/gradio_api/mcp", "/metrics"
FILES = re.compile(r"/gradio_api/file[=/](?!https?:)", re.IGNORECASE)  # Gradio would fetch an address for anybody
ASSET, FILE, STREAM, METRICS, PAGE = 1, 10, 10, 10, 100  # tokens that a request without a body costs
READ_TOKENS = 100  # of these tokens that a client gets a minute, for each photo that it may send a minute

CLIENT, BODY_BYTES = "fieldguide.client", "fieldguide.body_bytes"  # keys of an ASGI scope: the sender, the body's size
REFUSAL = "fieldguide.refusal"  # and why a request got an error response, in two words

Body = Literal["none", "small", "json", "photo", "upload"]


@dataclass(frozen=True)
class Rule:
    """What one kind of request may have, and what it costs."""

    body: Body = "none"
    price: int = 0
    """tokens, of a request without a body; one with a body costs what a photo costs"""
    stream: bool = False
    """whether the answer is a stream of events, which stays open"""
    file: bool = False
    """whether the answer is an uploaded file"""


_FREE = (
    "/health",
    "/robots.txt",
    "/favicon.ico",
    "/gradio_api/startup-events",
    "/gradio_api/app_id",
    "/gradio_api/user",
    "/gradio_api/token",
    "/gradio_api/login_check",
    "/gradio_api/queue/status",
)
_ASSETS = (
    "/many",
    *("/batch.js", "/settings.js", "/table.js", "/zip.js", "/batch.css"),
    *("/theme.css", "/gradio_api/theme.css", "/manifest.json"),
)
_PAGES = (
    "/",
    "/config",
    "/config/",
    "/docs",
    "/docs/oauth2-redirect",
    "/openapi.json",
    "/gradio_api/info",
    "/gradio_api/info/",
    "/gradio_api/openapi.json",
    "/gradio_api/mcp/schema",
)
_MCP = (MCP, f"{MCP}/", f"{MCP}/http", f"{MCP}/http/")
_GET = {
    **dict.fromkeys(_FREE, Rule()),
    **dict.fromkeys(_ASSETS, Rule(price=ASSET)),
    **dict.fromkeys(_PAGES, Rule(price=PAGE)),
    **dict.fromkeys(_MCP, Rule(price=PAGE, stream=True)),
    METRICS_PATH: Rule(price=METRICS),
    **dict.fromkeys(("/gradio_api/queue/data", "/gradio_api/upload_progress"), Rule(price=STREAM, stream=True)),
}
_GET_PATTERNS = (
    (re.compile(r"/(assets|static|svelte)/.*", re.DOTALL), Rule(price=ASSET)),
    (re.compile(FILES.pattern + r".*", re.DOTALL | re.IGNORECASE), Rule(price=FILE, file=True)),
    (re.compile(r"/gradio_api/(heartbeat|call/v2/[^/]+|call/[^/]+)/[^/]+"), Rule(price=STREAM, stream=True)),
)
_POST = {
    CLASSIFY: Rule("photo"),
    UPLOAD: Rule("upload"),
    "/gradio_api/queue/join": Rule("json"),
    **dict.fromkeys(_MCP, Rule("json")),
    **dict.fromkeys(("/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/reset/"), Rule("small")),
}
_POST_PATTERN = re.compile(r"/gradio_api/(run|api|call|call/v2)/[^/]+/?")


def rule_of(method: str, path: str) -> Rule | None:
    """Return the rule for a request; None where there is nothing at its path.

    A method that a path does not know gets the rule of a request without a body, and so Starlette's own 405.
    """
    post_rule = _POST.get(path) or (Rule("json") if _POST_PATTERN.fullmatch(path) else None)
    if method == "POST" and post_rule:
        return post_rule
    if rule := _GET.get(path):
        return rule
    for pattern, rule in _GET_PATTERNS:
        if pattern.fullmatch(path):
            return rule
    return Rule(price=ASSET) if post_rule else None
