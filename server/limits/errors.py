"""Error responses: the status and the message for a request that gets no answer."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ErrorResponse:
    """Why a request gets no answer."""

    status: int
    message: str
    """one or two sentences for a person"""
    retry_after: float | None = None
    """seconds after which to try again"""
    reason: str = field(default="other", compare=False)
    """in two words, for those who count refusals"""
    authenticate: bool = False
    """whether a key would help"""


RESTARTING = ErrorResponse(503, "The app is being restarted. Try again in a minute.", 15, "stopping")
TOO_MANY_WAITING = ErrorResponse(
    503, "Too many photos are waiting for their answer. Try again in a few seconds.", 2, "too many waiting"
)
OUT_OF_MEMORY = ErrorResponse(
    503, "Too many large requests are on their way. Try again in a few seconds.", 5, "out of memory"
)
TOO_MANY_STREAMS = ErrorResponse(
    503, "Too many pages are open at once. Close some, or try again in a minute.", 60, "too many pages"
)
TOO_MANY_STREAMS_OF_CLIENT = ErrorResponse(
    429, "You have too many pages open at once. Close some, or try again in a minute.", 60, "too many pages"
)
OUT_OF_DISK = ErrorResponse(
    503, "The app has no room for this upload at the moment. Try again later.", 60, "out of disk"
)
INTERNAL = ErrorResponse(
    500, "Something went wrong in the app; it is not your photo's fault. Try again later.", 60, "error of the app"
)
INVALID_REQUEST = ErrorResponse(
    422,
    "This request cannot be read. The API's description says what is expected: /docs and /gradio_api/openapi.json.",
    reason="unreadable",
)
BODY_NOT_ALLOWED = ErrorResponse(400, "This address takes no body.", reason="unreadable")
NOT_FOUND = ErrorResponse(404, "There is nothing here.", reason="not found")
KEY_MISSING = ErrorResponse(
    401,
    "A key is needed: send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`.",
    reason="no key",
    authenticate=True,
)
KEY_UNKNOWN = ErrorResponse(
    401, "This key is not known, or no longer. Ask whoever runs the app.", reason="wrong key", authenticate=True
)
KEYS_UNREADABLE = ErrorResponse(
    503, "Keys cannot be checked at the moment. Try again in a minute.", 60, "keys unreadable"
)
