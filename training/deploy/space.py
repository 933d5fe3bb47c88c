"""Wait until a Space is built and runs, read its log, and ask it about a photo."""

import re
import time
from collections.abc import Callable
from typing import Any

from training.hub.errors import HubError
from training.hub.repo import Repo

from .smoke_test import NoAnswer, ask

FAILED = {
    "BUILD_ERROR": "it could not be built",
    "RUNTIME_ERROR": "the app ended by itself",
    "CONFIG_ERROR": "the Hub does not accept the README's metadata",
    "NO_APP_FILE": "app.py is not there",
    "PAUSED": "it is paused: start it on its page",
    "STOPPED": "it is stopped: start it on its page",
    "DELETING": "it is being deleted",
}
RUNS = ("RUNNING", "SLEEPING")  # one that sleeps wakes up when it is asked
POLL = 5  # seconds between two looks
SETTLE = 30  # seconds in which the Hub may still tell the state of the version before; ten times, if it says so
STILL = ("PAUSED", "STOPPED", "DELETING")  # nothing follows by itself
LOG_LINES = 30
TOLERANCE = 0.01  # of a probability, between two kinds of processor


class NotRunning(HubError):
    """A Space came to an end that is not running: `stage`, in the Hub's word."""

    def __init__(self, sentence: str, stage: str):
        super().__init__(sentence)
        self.stage = stage


def wait(
    space: Repo, commit: str, deadline: float, report: Callable[[str], None] = print, static: bool = False
) -> None:
    """Return when the Space runs the version of a commit; a HubError says what became of it instead.

    deadline: of time.monotonic(). report: is called with each new state. static: it is never built, and its files tell
    their version.
    """
    begun, reported, why, moved = time.monotonic(), "", "", False
    while True:
        stage, of = reported, None
        try:
            runtime = space.call("waiting for it", lambda: space.api.get_space_runtime(space.name))
            stage, of = str(getattr(runtime.stage, "value", runtime.stage)), runtime.raw.get("sha")
            why = " ".join(str(runtime.raw.get("errorMessage") or "").split())[:300]
        except HubError as error:
            if not error.temporary:
                raise
        if stage != reported:
            report(f"  {stage.lower().replace('_', ' ')}")
            reported = stage
        settled = stage in RUNS or stage in FAILED
        moved = moved or not settled
        patience = 10 * SETTLE if of and stage not in STILL else SETTLE
        if settled and (of == commit or moved or (static and stage in RUNS) or time.monotonic() - begun > patience):
            if stage in FAILED:
                raise NotRunning(f"{space.name} does not run: {FAILED[stage]}{why and f' ({why})'}.", stage)
            return
        if time.monotonic() > deadline:
            minutes = (time.monotonic() - begun) / 60
            raise NotRunning(
                f"{space.name} does not run after {minutes:.0f} minutes; its state is {stage or 'not known'}.", stage
            )
        time.sleep(POLL)


def last_log_lines(space: Repo, stage: str) -> list[str]:
    """Return the last lines of the log that tells why a Space is in some state: the build's or the app's."""
    build = "BUILD" in stage or stage == "CONFIG_ERROR"
    try:
        lines = space.call("reading its log", lambda: list(space.api.fetch_space_logs(space.name, build=build)))
    except HubError as error:
        return [f"(no log: {error})"]
    return "\n".join(line.rstrip("\n") for line in lines).splitlines()[-LOG_LINES:] or ["(its log is empty)"]


def app_address(name: str, info: object, static: bool = False) -> str:
    """Return where the app of a Space answers. info: what the Hub says of the Space."""
    host = getattr(info, "host", None)
    if host:
        return str(host).rstrip("/")
    subdomain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"https://{subdomain}.{'static.' if static else ''}hf.space"


def ask_until(url: str, photo: bytes, version: str | None, deadline: float, token: str | None = None) -> dict[str, Any]:
    """Return the live Space's answer for a photo as soon as it is given by model `version`; HubError if it never is.

    version: the first digits of the export's SHA-256; None: any.
    """
    while True:
        try:
            answer = ask(url, photo, token)
            if version is None or answer.get("model_version") == version:
                return answer
            why, again = f"model {answer.get('model_version')} answers, not {version}", True
        except NoAnswer as error:
            why, again = str(error), error.wait
        if not again or time.monotonic() > deadline:
            raise HubError(f"{url}/classify does not answer as it should: {why}.")
        time.sleep(POLL)


def difference(here: dict[str, Any], there: dict[str, Any]) -> str:
    """Return how the live answer differs from the one given here; "" where it is the same."""
    ours, theirs = here["probabilities"], there.get("probabilities") or {}
    if here["label"] != there["label"] or ours.keys() != theirs.keys():
        return f"here it is {here['label']}, there {there['label']}"
    label = max(ours, key=lambda name: abs(ours[name] - theirs[name]))
    if abs(ours[label] - theirs[label]) > TOLERANCE:
        return f"{label} has {ours[label]:.1%} here and {theirs[label]:.1%} there"
    return ""
