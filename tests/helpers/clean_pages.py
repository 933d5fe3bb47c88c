"""The cleaner's page, served from this process, and what tests of it wait for."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from helpers.apps import SIZES, TIMEOUT
from training.clean.__main__ import listen
from training.clean.app import build_app, server_of
from training.clean.session import Cleaner


def wait_for(address: str) -> str:
    for _ in range(200):
        try:
            requests.get(address, timeout=10)
            return address
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail(f"{address} does not answer")


def go(page, address):
    page.goto(address)
    page.locator("#grid .card").first.wait_for()


def says(page, text):
    page.locator("#counts", has_text=text).wait_for()


def shown(page, n):
    page.wait_for_function("n => document.querySelectorAll('#grid .card').length === n", arg=n)


@contextmanager
def served(cleaner: Cleaner) -> Iterator[str]:
    """Serve a cleaner from this process; yield its address."""
    listener = listen("127.0.0.1", 0)
    server = server_of(build_app(cleaner, "export.pkl"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield wait_for(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def page_of(browser, size: str):
    """Yield a page of a size in SIZES; its script may raise nothing."""
    context = browser.new_context(**SIZES[size])
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    yield page
    assert page.problems == []
    context.close()
