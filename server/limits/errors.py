"""A refusal: why a request gets no answer, in a sentence for its sender."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """Why a request gets no answer: a status, a sentence, and after how many seconds to try again."""

    status: int
    sentence: str
    retry_after: float | None = None


RESTARTING = Refusal(503, "The app is being restarted. Try again in a minute.", 15)
FULL = Refusal(503, "Too many photos are waiting for their answer. Try again in a few seconds.", 2)
NO_MEMORY = Refusal(503, "Too many large requests are on their way. Try again in a few seconds.", 5)
NO_STREAM = Refusal(503, "Too many pages are open at once. Close some, or try again in a minute.", 60)
NO_DISK = Refusal(503, "The app has no room for this upload at the moment. Try again later.", 60)
FAILED = Refusal(500, "Something went wrong in the app; it is not your photo's fault. Try again later.", 60)
UNREADABLE = Refusal(422, "This request cannot be read. The API's description says what is expected: /docs and "
                          "/gradio_api/openapi.json.")
NO_BODY = Refusal(400, "This address takes no body.")
NOTHING_HERE = Refusal(404, "There is nothing here.")
