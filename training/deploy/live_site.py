"""See that a static Space serves the files that were sent, and ask its page about a photo.

Gives  `wait_and_open`

Files are compared by their hashes. Into index.html the Hub writes a script of its own, with the Space's variables:
there, every line that was sent has to be found.
"""

import json
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from huggingface_hub import get_token
from huggingface_hub.hf_api import RepoFile

from training.hub.errors import HubError
from training.hub.repo import Repo, same_content

from . import space as states
from .browser import ask_page
from .options import DeployOptions
from .smoke_test import NoAnswer, answer_line
from .space import app_address, wait

COMPARED = ("site.json", "model.onnx", "service-worker.js")  # the last one changes with any other file


def fetch(url: str, path: str, token: str | None = None, timeout: float = 60) -> bytes:
    """Return a file of a live page; raise NoAnswer. token: for a Space that is private."""
    request = urllib.request.Request(f"{url}/{quote(path)}")
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            content: bytes = response.read()
            return content
    except (OSError, ValueError) as error:  # of HTTP too
        why = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
        raise NoAnswer(f"{path}: {why}", wait=True) from error


def not_as_sent(url: str, sent: dict[str, RepoFile], index: bytes | None, token: str | None) -> str:
    """Return which file of a live page is not the one that was sent; "" where all are.

    sent: the files of the Space by path. index: what index.html holds, where that is known.
    """
    try:
        for path in COMPARED:
            if path in sent and not same_content(sent[path], fetch(url, path, token)):
                return f"{path} is not the one that was sent"
        served = fetch(url, "index.html", token)
    except NoAnswer as error:
        return str(error)
    missing = [line for line in (index or b"").splitlines() if line not in served]
    return "index.html is not the one that was sent" if missing else ""


def wait_for_files(
    url: str, sent: dict[str, RepoFile], index: bytes | None, token: str | None, deadline: float
) -> None:
    """Return when a live page serves what was sent; HubError where it never does. deadline: of time.monotonic()."""
    while why := not_as_sent(url, sent, index, token):
        if time.monotonic() > deadline:
            raise HubError(f"{url} does not serve what it should: {why}.")
        time.sleep(states.POLL)


def open_page(url: str, example: str, deadline: float) -> dict[str, Any] | None:
    """Return the live page's answer in a browser; None where there is no browser here; HubError where it gives none."""
    while True:
        try:
            return ask_page(url, example)
        except NoAnswer as error:
            if not error.wait or time.monotonic() > deadline:
                raise HubError(f"{url} does not answer as it should: {error}.") from error
        time.sleep(states.POLL)


def wait_and_open(
    space: Repo, commit: str, options: DeployOptions, index: bytes | None = None
) -> dict[str, Any] | None:
    """Wait for a static Space, compare its files, ask its page, print its address and return the answer.

    index: what index.html holds, where that is known. Returns None where there is no browser that could ask, or the
    Space is private, which a browser without its owner's cookies does not get to see.
    """
    deadline = time.monotonic() + 60 * options.minutes
    print("waiting for the Space", flush=True)
    wait(space, commit, deadline, static=True)
    info = space.info()
    url = options.url or app_address(space.name, info, static=True)
    token = get_token() if getattr(info, "private", False) else None
    wait_for_files(url, space.tree(commit), index, token, deadline)
    site = json.loads(fetch(url, "site.json", token))
    answer = None if token else open_page(url, site["examples"][0], deadline)
    told = f"{site['examples'][0]} is {answer_line(answer)}, in the browser" if answer else _not_asked(token)
    print(f"  {told}\n\n{space.api.endpoint}/spaces/{space.name}\n{url}\n", flush=True)
    return answer


def _not_asked(token: str | None) -> str:
    """Return why the page was not asked about a photo."""
    why = "the Space is private" if token else "there is no browser here"
    return f"its files are those that were sent; the page itself was not asked, since {why}"
