"""Photos, exports and running apps for the tests, made on the spot from fixed seeds.

Tests that want the real photos or a browser skip, with the reason, where those are missing.
"""
import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: two that share the cores wait for each other
    os.environ["OMP_NUM_THREADS"] = "1"

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from PIL import Image

from classifier import Classifier
from classifier.torchvision_ops import declare_operators

declare_operators()  # before any test imports torchvision or fastai

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "teddy-1.jpg"
SHARED = Path(os.environ.get("FIELDGUIDE_SHARED", ROOT.parent / "shared"))
SIZES = {"phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
         "desktop": {"viewport": {"width": 1280, "height": 900}}}
TIMEOUT = 60_000  # milliseconds; a guard against hanging
COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: at the end, one core would wait for it."""
    items.sort(key=lambda item: item.path.name != "test_story.py")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real photos and weights."""
    if not (SHARED / "data" / "bears").is_dir():
        pytest.skip(f"the real photos are not here ({SHARED.name}/data/bears beside the project)")
    return SHARED


def noisy_photo(colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Return a photo of one colour under noise; size is width, height."""
    noise = np.random.default_rng(seed).normal(0, 40, (size[1], size[0], 3))
    return Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8))


def make_photos(folder: Path, n: int = 10, seed: int = 0, size: tuple[int, int] = (80, 60)) -> Path:
    """Write n photos of each label, one folder a label, and return the folder."""
    for label_index, label in enumerate(COLOURS):
        (folder / label).mkdir(parents=True)
        for i in range(n):
            noisy_photo(COLOURS[label], seed + 100 * label_index + i, size).save(folder / label / f"{i:02}.png")
    return folder


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


TINY = ("--arch", "squeezenet1_1", "--no-pretrained", "--epochs", "1", "--image-size", "64",
        "--batch-size", "8", "--folds", "2")


def train(data: Path, *options) -> subprocess.CompletedProcess:
    """Run `python -m training.train` on a tiny scale; later options override the tiny ones."""
    return run_module("training.train", data, *TINY, *options)


def run_module(module: str, *args, timeout: float = 300, **options) -> subprocess.CompletedProcess:
    """Run `python -m MODULE ARGS` in the project's root and return what it said."""
    return subprocess.run([sys.executable, "-W", "ignore", "-m", module, *map(str, args)], cwd=ROOT,
                          capture_output=True, text=True, timeout=timeout, **options)


def get(url: str, timeout: float = 10) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout) as response:
        return response.read()


@contextmanager
def running_app(folder: Path = ROOT, log: Path | None = None, **environment):
    """Start app.py of `folder` on a free port; yield its URL once it answers; stop it. log: where its output goes."""
    with app_process(folder, log, **environment) as (_, url):
        yield url


@contextmanager
def app_process(folder: Path = ROOT, log: Path | None = None, **environment):
    """As `running_app`, but yield the process too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False",
           "MAX_PER_MINUTE": "0", **environment}
    # a pipe that nobody reads fills up, and the app waits
    with log.open("w+") if log else tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=env, text=True,
                                   stdout=output, stderr=subprocess.STDOUT)
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(240):
                if process.poll() is not None:
                    output.seek(0)
                    pytest.fail(f"app.py stopped: {output.read()}")
                try:
                    get(f"{url}/gradio_api/info")
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.5)
            yield process, url
        finally:
            process.terminate()
            process.wait(20)


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
