"""Fixtures that several test files share, and the order and the markers of the tests.

A test that wants the real photos or a browser skips, with the reason, where those are missing.
"""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: two that share the cores wait for each other
    os.environ["OMP_NUM_THREADS"] = "1"

import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.apps import running_app
from helpers.commands import train
from helpers.paths import EXAMPLE, ROOT, SHARED, TRAINED
from helpers.photos import add_broken, make_photos

if TYPE_CHECKING:
    from gradio_client import Client
    from playwright.sync_api import Browser

pytest_plugins = ["helpers.clock_watch"]

# the files that take longest begin first: a worker that begins one of them last keeps the others waiting
LONGEST = (
    "test_story.py",
    "test_confidence.py",
    "test_sources_to_answer.py",
    "test_photos.py",
    "test_telemetry.py",
    "test_train.py",
    "test_faults.py",
    "test_app.py",
    "test_hostile_photos.py",
    "test_clean_page.py",
    "test_snippets.py",
    "test_notebook.py",
    "test_fuzz_api.py",
    "test_mutated_exports.py",
    "test_batch.py",
    "test_export.py",
    "test_console.py",
    "test_deploy.py",
    "test_unpickler.py",
)
STARTS_AN_APP = {"app_process", "running_app"}


class DeclareOperators:
    """An importer that declares torchvision's operators where a test, or a library, begins to import torchvision."""

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> None:
        if name == "torchvision._meta_registrations":  # the part that looks them up
            sys.meta_path.remove(cls)
            from classifier.torchvision_compat import declare_operators  # imports torch, which few tests need

            declare_operators()


sys.meta_path.insert(0, DeclareOperators)

# a shell's background job, and what it starts, ignores Ctrl-C, which tests send to what they start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a browser, train or start an app; begin with the longest files."""
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
        if "training_run" in item.fixturenames or starts_an_app(item):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def starts_an_app(item: pytest.Function) -> bool:
    """Return whether a test, or a fixture that it uses, names a function that starts the app."""
    fixtures = [defined[-1].func for defined in item._fixtureinfo.name2fixturedefs.values()]
    return any(STARTS_AN_APP & set(function.__code__.co_names) for function in (item.function, *fixtures))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real photos and weights."""
    if not (SHARED / "data" / "bears").is_dir():
        pytest.skip(f"the real photos are not here ({SHARED.name}/data/bears beside the project)")
    return SHARED


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten photos each of three labels, to change as a test likes."""
    return make_photos(tmp_path / "photos")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with export.pkl, export.onnx and metrics.json of a training, and its photos. Read only.

    The files are committed; what trained them is a network of two layers (tests/exports/build_trained.py).
    """
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(TRAINED, folder, dirs_exist_ok=True)
    add_broken(make_photos(folder / "photos"))
    return folder


@pytest.fixture(scope="session")
def training_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `trained` holds, and log.txt, of a run of `python -m training.train`. Read only.

    For what is asserted of the training itself. It takes half a minute; the workers of pytest-xdist share one run.
    """
    from filelock import FileLock

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "training_run"
    with FileLock(f"{folder}.lock"):
        if not (folder / "log.txt").is_file():  # written last
            shutil.rmtree(folder, ignore_errors=True)
            # one file that cannot be opened: it is to be named, not to stop the run
            add_broken(make_photos(folder / "photos"))
            run = train(folder / "photos", "--folds", "5", "--out", folder / "export.pkl")
            assert run.returncode == 0, run.stdout + run.stderr
            (folder / "log.txt").write_text(run.stdout)
    return folder


@pytest.fixture
def tiny_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a training in this process take a second."""
    from helpers.learners import make_training_tiny

    make_training_tiny(monkeypatch)


@pytest.fixture(scope="session")
def app_url() -> Iterator[str]:
    """The committed app, serving the committed export."""
    with running_app() as url:
        yield url


@pytest.fixture(scope="session")
def client(app_url: str) -> "Client":
    """A gradio_client of the committed app."""
    from gradio_client import Client

    return Client(app_url, verbose=False)


@pytest.fixture(scope="session")
def expected() -> dict[str, float]:
    """The committed export's probabilities for the example that the API's tests send."""
    from classifier import Classifier

    return Classifier.load(ROOT / "export.pkl").predict(EXAMPLE).probabilities


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Headless Chromium, as Debian packages it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here (on Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()
