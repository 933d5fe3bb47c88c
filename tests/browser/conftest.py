"""Fixtures of the browser edition's tests: its modules in a page, and the folder that training.static builds."""

import os
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from helpers.browser_modules import CODING, served_folder
from helpers.firefox import Firefox, firefox_command, running_firefox
from helpers.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def modules(browser: "Browser") -> Iterator[Callable[[str, object], object]]:
    """Evaluate a JavaScript function of one argument in a page that can import the modules of browser/."""
    with served_folder(ROOT / "browser") as server:
        page = browser.new_page()
        page.goto(f"{server.url}/blank")
        yield page.evaluate
        page.close()


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `python -m training.static --fp32` builds of the committed export. Read only.

    The workers of pytest-xdist share one. Nothing is downloaded: what the page runs on has to be in the cache.
    """
    from filelock import FileLock

    from training.static.__main__ import main
    from training.static.runtime import LIBHEIF, ONNX_RUNTIME, cache_folder

    for package in (ONNX_RUNTIME, LIBHEIF):
        kept = cache_folder() / f"{package.name}-{package.version}"
        if not all((kept / file.name).is_file() for file in package.files):
            pytest.skip(f"{kept} is not here: python -m training.static --out FOLDER fetches it once")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "browser-site"
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            main(export=str(ROOT / "export.pkl"), out=str(folder), fp32=True)
    return folder


@pytest.fixture(scope="module")
def site(site_folder: Path) -> Iterator[ThreadingHTTPServer]:
    """A server of that folder, with `url` and `asked`, the paths that were asked for."""
    with served_folder(site_folder) as server:
        yield server


@pytest.fixture(scope="session")
def firefox() -> Iterator[Firefox]:
    """A tab of headless Firefox."""
    command = firefox_command()
    if command is None:
        pytest.skip("no Firefox here (on Debian: apt-get install firefox-esr)")
    with running_firefox(command) as tab:
        yield tab


@pytest.fixture(scope="module", params=["Chromium", "Firefox"])
def tab(request: pytest.FixtureRequest, site: ThreadingHTTPServer) -> Iterator[SimpleNamespace]:
    """Each browser in turn with `evaluate`, and in its page `guide`, the classifier of `site`."""
    page = request.getfixturevalue("firefox" if request.param == "Firefox" else "browser")
    page = page if request.param == "Firefox" else page.new_page()
    page.goto(f"{site.url}/blank")
    page.evaluate(CODING)
    page.evaluate("""async () => {
      const { Classifier } = await import("/fieldguide.js")
      window.guide = await Classifier.load("/")
    }""")
    yield SimpleNamespace(evaluate=page.evaluate, name=request.param)
    page.evaluate("() => guide.close()")
