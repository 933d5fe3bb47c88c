"""Ask the live app which export it answers from.

Reads  GET /health of the app: https://USER-NAME.hf.space for a Space
Gives  the version, the first 12 digits of the export's SHA-256
"""

import re
import time

from huggingface_hub import get_token

from training.deploy.smoke_test import NoAnswer, ask_health
from training.deploy.space import app_address
from training.hub.connection import connected, valid, web_address
from training.hub.errors import HubError
from training.hub.repo import Repo

VERSION = re.compile(r"[0-9a-f]{12}")
MINUTES = 5  # for a Space that sleeps to wake up
POLL = 5  # seconds between two questions


def live_version(space: str, url: str = "") -> str:
    """Return the version of the export that the app of a Space answers from; HubError where it does not tell.

    url: where the app answers, if not where the Hub says.
    """
    address, token = _address(space, url)
    deadline = time.monotonic() + MINUTES * 60
    while True:
        try:
            told = ask_health(address, token)
            break
        except NoAnswer as error:
            if not error.wait or time.monotonic() > deadline:
                raise HubError(f"{address}/health does not answer as it should: {error}. Is the app up?") from error
            time.sleep(POLL)
    version = told.get("model_version")
    if not (isinstance(version, str) and VERSION.fullmatch(version)):
        raise HubError(f"{address}/health names no version of a model. Is it an app of this project?")
    return version


def _address(space: str, url: str) -> tuple[str, str | None]:
    """Return where an app answers, and the token that it wants, if any."""
    if url:
        return web_address("--url", url), None
    repo = Repo(connected(), valid(space), "space")
    info = repo.info()
    if info is None:
        raise HubError(f"There is no Space {space}, or the token may not see it. Name it as USER/NAME.")
    if info.sdk == "static":
        raise HubError(f"{space} is a static Space, which answers in the browser: nothing there knows what was asked.")
    return app_address(repo.name, info), get_token() if info.private else None
