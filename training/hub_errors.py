"""What goes wrong with the Hub, in one sentence that says what to do.

Gives `HubError`, `NotKnown`, and `told`, which makes one of whatever huggingface_hub raises (FAILURES)
"""
import httpx2
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

FAILURES = (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError, RuntimeError)  # Xet raises the last


class HubError(Exception):
    """The Hub refused, or was out of reach. `status`: of its answer, where there was one."""

    def __init__(self, sentence: str, status: int | None = None):
        super().__init__(sentence)
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered in a moment."""
        return self.status is None or self.status in (408, 429) or self.status >= 500


class NotKnown(HubError):
    """The connection broke, and it could not be found out what had been done by then."""


def told(error: BaseException, doing: str) -> HubError:
    """Return the error as a HubError. doing: what was tried, as in "sending files"."""
    error = _cause(error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    return HubError(sentence(error, status, doing), status)


def _cause(error: BaseException) -> BaseException:
    """Return what the Hub or the network said, which an upload's own error does not repeat."""
    while isinstance(error, RuntimeError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def sentence(error: BaseException, status: int | None, doing: str) -> str:
    """Return what went wrong with the Hub and what to do, in plain words."""
    if isinstance(error, LocalTokenNotFoundError):
        return ("No token is here. Make one of the kind \"write\" on https://huggingface.co/settings/tokens, then: "
                "hf auth login")
    why = {
        401: "the Hub does not know this token. Log in again: hf auth login",
        402: "the Hub wants PRO for this kind of Space. Say --hardware zero-a10g, which is free, or subscribe on "
             "https://huggingface.co/pro",
        403: "this token may not do that. It needs the kind \"write\" and a right to that account; a free account may "
             "have 2 ZeroGPU Spaces, and none in its first 30 days",
        404: "there is nothing of that name, or the token may not see it",
        409: "the name is taken, or somebody else changes it right now. Run it again, or take another name",
        412: "somebody else changed it at the same time. Run it again to send on top of that",
        413: "a file is too large for the Hub",
        429: "the Hub asks to slow down" + _wait(error) + ", then run it again",
    }.get(status)
    if why:
        return f"Stopped while {doing}: {why}."
    if status:
        again = " Run it again in a while." if status >= 500 else ""
        return f"Stopped while {doing}: the Hub answered HTTP {status}. {_first_line(error)}{again}"
    if isinstance(error, (httpx2.TransportError, ConnectionError, TimeoutError)):
        return (f"The connection broke while {doing} ({type(error).__name__}). Look whether "
                "https://status.huggingface.co is green, then run it again.")
    return f"Stopped while {doing}: {_first_line(error)}"


def _wait(error: BaseException) -> str:
    """Return for how long the Hub asks to wait, if it says so."""
    seconds = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
    return f": wait {seconds} s" if seconds.isdigit() else ": wait some minutes"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
