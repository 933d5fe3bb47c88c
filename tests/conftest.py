"""Photos, exports and running apps for the tests, made on the spot from fixed seeds.

Tests that want the real photos or a browser skip, with the reason, where those are missing.
"""
import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: two that share the cores wait for each other
    os.environ["OMP_NUM_THREADS"] = "1"

import shutil
from pathlib import Path

import pytest
from gradio_client import Client

from classifier import Classifier
from classifier.torchvision_compat import declare_operators
from helpers.apps import running_app
from helpers.commands import train
from helpers.paths import EXAMPLE, ROOT, SHARED
from helpers.photos import make_photos

declare_operators()  # before any test imports torchvision or fastai


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: at the end, one core would wait for it."""
    items.sort(key=lambda item: item.path.name != "test_story.py")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real photos and weights."""
    if not (SHARED / "data" / "bears").is_dir():
        pytest.skip(f"the real photos are not here ({SHARED.name}/data/bears beside the project)")
    return SHARED


@pytest.fixture
def photos(tmp_path) -> Path:
    """Ten photos each of three labels, to change as a test likes."""
    return make_photos(tmp_path / "photos")


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A folder with export.pkl and metrics.json of a tiny training run, and its photos. Read only."""
    folder = tmp_path_factory.mktemp("trained")
    make_photos(folder / "photos")
    # one file that cannot be opened: it is to be named, not to stop the run
    (folder / "photos" / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a photo")
    run = train(folder / "photos", "--folds", "5", "--out", folder / "export.pkl")
    assert run.returncode == 0, run.stdout + run.stderr
    (folder / "log.txt").write_text(run.stdout)
    return folder


@pytest.fixture(scope="session")
def app_url():
    """The committed app, serving the committed export."""
    with running_app() as url:
        yield url


@pytest.fixture(scope="session")
def client(app_url) -> Client:
    """A gradio_client of the committed app."""
    return Client(app_url, verbose=False)


@pytest.fixture(scope="session")
def expected() -> dict[str, float]:
    """The committed export's probabilities for the example that the API's tests send."""
    return Classifier.load(ROOT / "export.pkl").predict(EXAMPLE).probabilities


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, as Debian packages it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here (on Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[
            "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"])
        yield browser
        browser.close()
