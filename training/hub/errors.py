"""Turn errors of the Hub and of the network into one sentence that says what to do."""

import os

import httpx2
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

from .account import login_command

FAILURES = (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError, RuntimeError)  # Xet raises the last


class HubError(Exception):
    """The Hub refused, or was out of reach. `status`: of its answer, where there was one."""

    def __init__(self, sentence: str, status: int | None = None):
        super().__init__(sentence)
        self.status = status

    @property
    def temporary(self) -> bool:
        """Whether the same question may be answered in a moment."""
        return self.status is None or self.status in (408, 429) or self.status >= 500


class OutcomeUnknown(HubError):
    """The connection broke, and it could not be found out what had been done by then."""


def as_hub_error(error: BaseException, doing: str) -> HubError:
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
        return (
            'No token is here. Make one of the kind "write" on https://huggingface.co/settings/tokens, then: '
            + login_command()
        )
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so that the Hub is not asked. Unset it, then run it again."
    why = {
        401: f"the Hub does not know this token. Log in again: {login_command('--force')}"
        + ("; or mend HF_TOKEN, which goes before it" if os.environ.get("HF_TOKEN") else ""),
        402: "the Hub wants PRO for this kind of Space, of an organisation a plan. On your own account --hardware "
        "zero-a10g is free; or subscribe on https://huggingface.co/pricing",
        403: 'this token may not do that. It needs the kind "write" and a right to that account'
        + ("; a free account may have 2 ZeroGPU Spaces, and none in its first 30 days" if "(space " in doing else ""),
        404: "there is nothing of that name, or the token may not see it",
        409: "the name is taken, or somebody else changes it right now. Run it again, or take another name",
        412: "somebody else changed it at the same time. Run it again to send on top of that",
        413: "a file is too large for the Hub",
        429: "the Hub asks to slow down" + _wait(error) + ", then run it again",
    }.get(status or 0)
    if why:
        return f"Stopped while {doing}: {why}.{_its_words(error) if status in (402, 403, 409, 413) else ''}"
    if status:
        again = " Run it again in a while." if status >= 500 else ""
        return f"Stopped while {doing}: the Hub answered HTTP {status}.{_its_words(error)}{again}"
    if isinstance(error, (httpx2.TransportError, ConnectionError, TimeoutError)):
        return (
            f"The connection broke while {doing} ({type(error).__name__}). Look whether "
            "https://status.huggingface.co is green, then run it again."
        )
    return f"Stopped while {doing}: {_first_line(error)}"


def _wait(error: BaseException) -> str:
    """Return for how long the Hub asks to wait, if it says so."""
    seconds = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
    return f": wait {seconds} s" if seconds.isdigit() else ": wait some minutes"


def _its_words(error: BaseException) -> str:
    """Return what the Hub itself said, which knows more of the case."""
    words = " ".join((getattr(error, "server_message", None) or "").split())[:200]
    return f' The Hub says: "{words}".' if words else ""


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
