"""Ask a page of the browser edition about a photo, in a headless browser where there is one.

Gives  `ask_page`; it needs the package playwright, and Chromium or Chrome
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

from .smoke_test import NoAnswer

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 120  # until the page has an answer; a guard, it takes two
ASK = """async ([example, seconds]) => {
  const ask = async () => {
    const { Classifier } = await import(new URL("./fieldguide.js", document.baseURI))
    const guide = await Classifier.load("./")
    const photo = await (await fetch(new URL(example, document.baseURI))).blob()
    const { label, probabilities } = await guide.predict(photo)
    guide.close()
    return { label, probabilities: [...probabilities], model_version: guide.version }
  }
  const late = (_, bad) => setTimeout(() => bad(new Error(`no answer after ${seconds} s`)), 1000 * seconds)
  return Promise.race([ask(), new Promise(late)])
}"""


def browser_path() -> str | None:
    """Return the browser's program; None where there is none, or nothing to talk to it with."""
    if find_spec("playwright") is None:
        return None
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def ask_page(url: str, example: str) -> dict[str, Any] | None:
    """Return the answer of the page at `url` for one of its examples; None where there is no browser to ask with.

    Raises NoAnswer. The browser is asked in a thread: in a notebook, this one has an event loop of its own.
    """
    program = browser_path()
    if program is None:
        return None
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_ask, program, url, example).result()


def _ask(program: str, url: str, example: str) -> dict[str, Any] | None:
    from playwright.sync_api import Error, sync_playwright

    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = ["--disable-gpu", *(["--no-sandbox"] if is_root else [])]  # root has no sandbox; the page is our own
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=arguments)
        except Error:  # it is there, and does not start
            return None
        try:
            page = browser.new_page()
            try:
                page.goto(f"{url}/")
            except Error as error:
                raise NoAnswer(_first_line(error), wait=True) from error
            answer = page.evaluate(ASK, [example, SECONDS])
        except Error as error:
            raise NoAnswer(f"the page says: {_first_line(error)}") from error
        finally:
            browser.close()
    return {**answer, "probabilities": dict(answer["probabilities"])}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".")
