"""Which requests the app takes, by method and path, and what each costs. What is not listed here does not exist.

    rule = rule_of("POST", "/gradio_api/run/predict")

The lists name what is known to be cheap or needed; all else is refused with 404. So a route that a new version of
Gradio adds stays closed until it is listed here. Paths are compared as Starlette's router compares them: as they came,
decoded once, without the root path.
"""
import re
from dataclasses import dataclass
from typing import Literal

CLASSIFY, UPLOAD, MCP = "/classify", "/gradio_api/upload", "/gradio_api/mcp"
FILES = re.compile(r"/gradio_api/file[=/](?!https?:)", re.IGNORECASE)  # Gradio would fetch an address for anybody
ASSET, FILE, STREAM, PAGE = 1, 10, 10, 100  # what a request that reads costs, against READS for each photo a minute
READS = 100

CLIENT, BODY_BYTES = "fieldguide.client", "fieldguide.body_bytes"  # where a request's scope tells who sent how much

Body = Literal["none", "small", "json", "photo", "upload"]


@dataclass(frozen=True)
class Rule:
    """What is known of a kind of request."""

    body: Body = "none"
    price: int = 0
    """of a request that only reads; with a body, a request costs what a photo costs"""
    stream: bool = False
    """whether the answer is a stream of events, which lasts"""
    file: bool = False
    """whether the answer is an uploaded file"""


_FREE = ("/health", "/robots.txt", "/favicon.ico", "/gradio_api/startup-events", "/gradio_api/app_id",
         "/gradio_api/user", "/gradio_api/token", "/gradio_api/login_check", "/gradio_api/queue/status")
_ASSETS = ("/many", "/batch.js", "/zip.js", "/batch.css", "/theme.css", "/gradio_api/theme.css", "/manifest.json")
_PAGES = ("/", "/config", "/config/", "/docs", "/docs/oauth2-redirect", "/openapi.json", "/gradio_api/info",
          "/gradio_api/info/", "/gradio_api/openapi.json", "/gradio_api/mcp/schema")
_MCP = (MCP, f"{MCP}/", f"{MCP}/http", f"{MCP}/http/")
_READ = {**dict.fromkeys(_FREE, Rule()), **dict.fromkeys(_ASSETS, Rule(price=ASSET)),
         **dict.fromkeys(_PAGES, Rule(price=PAGE)), **dict.fromkeys(_MCP, Rule(price=PAGE, stream=True)),
         **dict.fromkeys(("/gradio_api/queue/data", "/gradio_api/upload_progress"), Rule(price=STREAM, stream=True))}
_READ_LIKE = (
    (re.compile(r"/(assets|static|svelte)/.*", re.DOTALL), Rule(price=ASSET)),
    (re.compile(FILES.pattern + r".*", re.DOTALL | re.IGNORECASE), Rule(price=FILE, file=True)),
    (re.compile(r"/gradio_api/(heartbeat|call/v2/[^/]+|call/[^/]+)/[^/]+"), Rule(price=STREAM, stream=True)),
)
_SEND = {CLASSIFY: Rule("photo"), UPLOAD: Rule("upload"), "/gradio_api/queue/join": Rule("json"),
         **dict.fromkeys(_MCP, Rule("json")),
         **dict.fromkeys(("/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/reset/"), Rule("small"))}
_SEND_LIKE = re.compile(r"/gradio_api/(run|api|call|call/v2)/[^/]+/?")


def rule_of(method: str, path: str) -> Rule | None:
    """Return the rule for a request; None where there is nothing at its path.

    A method that a path does not know gets the rule of one that reads: no body, and Starlette's own 405.
    """
    sends = _SEND.get(path) or (Rule("json") if _SEND_LIKE.fullmatch(path) else None)
    if method == "POST" and sends:
        return sends
    if rule := _READ.get(path):
        return rule
    return next((rule for pattern, rule in _READ_LIKE if pattern.fullmatch(path)), Rule(price=ASSET) if sends else None)
