"""The cleaner's map of all photos: seconds to place them, how true it is to its features, and milliseconds a frame.

    python -m benchmarks.photo_map ../shared/data --arch mobilenet_v2 --weights ../shared/weights/FILE
    python -m benchmarks.photo_map ../shared/data --photos 1000 --no-browser ...

Features are those of the sets' photos by the frozen network; more are made by mixing each with one of its ten nearest,
with noise, from a seed. True is a map on which the ten nearest of a photo, by features, are among its thirty nearest.
Placing runs in a process of its own, as in the cleaner: its start is in the seconds. Frames are drawn by headless
Chromium, without a GPU, while the pointer pans, zooms and draws a lasso.
"""

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from fastcore.script import CliError
from sklearn.neighbors import NearestNeighbors

from classifier.command_line import run
from classifier.inference.confidence import normalised
from training.clean.__main__ import listen
from training.clean.app import build_app, server_of
from training.clean.map.photo_map import place_beside
from training.clean.map.placement import _pca
from training.clean.review.analysis import CACHE, PhotoAnalysis, _write
from training.clean.review.decisions import FOLDER
from training.clean.review.reviewed_photo import ReviewedPhoto
from training.clean.session import Cleaner
from training.data.photos import readable_photos
from training.options import TrainingOptions
from training.train.learner import prepare

from .measuring.data_sets import data_sets

NEAR, ON_MAP = 10, 30
NOISE = 0.2  # of a feature's length
FRAMES = """async () => {
  const box = document.querySelector("#photo-map .over"), times = {};
  const send = (type, clientX, clientY) =>
    box.dispatchEvent(new PointerEvent(type, { pointerId: 1, clientX, clientY }));
  box.setPointerCapture = () => {}; // there is no pointer that made these events
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (const what of ["pan", "zoom", "lasso", "hover"]) {
    fieldguide.map.fit();
    document.querySelector(`[data-mode=${what === "lasso" ? "lasso" : "move"}]`).click();
    await frame();
    if (what === "pan" || what === "lasso") send("pointerdown", 300, 300);
    const steps = [];
    for (let i = 0; i < 60; i++) {
      const began = performance.now();
      if (what === "zoom") fieldguide.map.zoom(i < 30 ? 1.05 : 0.95);
      else send("pointermove", 300 + 5 * i, 300 + 80 * Math.sin(i / 6));
      await frame();
      steps.push(performance.now() - began);
    }
    send("pointerup", 600, 300);
    times[what] = steps.sort((a, b) => a - b);
  }
  fieldguide.map.fit();
  const drawn = () => {
    const began = performance.now();
    fieldguide.map.draw();
    return performance.now() - began;
  };
  times["draw alone"] = Array.from({ length: 30 }, drawn).sort((a, b) => a - b);
  return times;
}"""


def made_up(rows: np.ndarray, n: int) -> np.ndarray:
    """Return n features of length 1, each between a real one and one of its nearest, with noise."""
    rng = np.random.default_rng(0)
    near = nearest(rows, NEAR)
    one = rng.integers(0, len(rows), n)
    other, share = near[one, rng.integers(0, NEAR, n)], rng.random((n, 1))
    mixed = share * rows[one] + (1 - share) * rows[other]
    return normalised((mixed + rng.normal(0, NOISE / np.sqrt(rows.shape[1]), mixed.shape)).astype(np.float32))


def nearest(rows: np.ndarray, k: int) -> np.ndarray:
    """Return (N, k) the nearest other rows of each."""
    return NearestNeighbors(n_neighbors=k).fit(rows).kneighbors(return_distance=False)


def truth(features: np.ndarray, points: np.ndarray) -> float:
    """Return the share of each photo's nearest that are near on the map, 0 to 1."""
    pairs = zip(nearest(features, NEAR).tolist(), nearest(points, ON_MAP).tolist())
    return float(np.mean([len(set(own) & set(on_map)) / NEAR for own, on_map in pairs]))


def placing(rows: np.ndarray, counts: list[int]) -> None:
    """Print how long placing takes, and how true the maps are, beside PCA."""
    print(f"{'photos':>8}{'seconds':>9}{'again':>7}{'nearest kept':>14}{'by PCA':>8}{'the same':>10}")
    for n in counts:
        features, seconds, points = made_up(rows, n), [], []
        for _ in range(2):  # the first one of all compiles
            began = time.perf_counter()
            points.append(place_beside(features))
            seconds.append(time.perf_counter() - began)
        kept, by_pca = truth(features, points[0]), truth(features, _pca(features, 2))
        same = "yes" if np.array_equal(*points) else "no"
        print(f"{n:>8}{seconds[0]:>9.1f}{seconds[1]:>7.1f}{kept:>14.1%}{by_pca:>8.1%}{same:>10}", flush=True)


def cleaner_of(folder: Path, features: np.ndarray, n_labels: int = 10) -> Cleaner:
    """Return a cleaner of photos that are not there, with these features."""
    labels, analyses, photos = [f"label {i}" for i in range(n_labels)], {}, []
    for i, row in enumerate(features):
        name, label = f"{i:064}", labels[i % n_labels]
        analyses[name] = PhotoAnalysis(name, np.array([1.0]), row, (0, 0))
        photos.append(ReviewedPhoto(folder / label / f"{i}.jpg", name, "", dict.fromkeys(labels, 0.1), label, 0.5, ""))
    cleaner = Cleaner(folder, photos, labels)
    _write(folder / FOLDER / CACHE, "", analyses, 0)
    return cleaner


def frames(features: np.ndarray) -> dict[str, Any]:
    """Return the milliseconds of each frame in Chromium, sorted, by what the person does."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise CliError("There is no Chromium here (on Debian: apt-get install chromium). --no-browser leaves it out.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        listener = listen("127.0.0.1", 0)
        app = build_app(cleaner_of(Path(folder), features), str(Path(folder, "none.pkl")))
        server = server_of(app)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(f"http://127.0.0.1:{listener.getsockname()[1]}")
        page.locator("#open-map").click()
        page.wait_for_function("() => window.fieldguide?.map?.data()")
        found = page.evaluate(FRAMES)
        browser.close()
        server.should_exit = True
        thread.join(20)
    return found


def main(
    data: str,  # folder of data sets, as shared/data
    arch: str = "resnet18",  # any torchvision or timm architecture
    weights: str = "",  # local state dict of that architecture, instead of a download
    photos: str = "1000,10000",  # how many to place, with commas between
    no_browser: bool = False,  # leave the frames out
) -> None:
    "Print how long the cleaner's map takes, how true it is, and how fluent."
    options, rows, counts = TrainingOptions(arch, weights, resize="crop"), [], [int(n) for n in photos.split(",")]
    for of in data_sets(Path(data)):
        found = readable_photos(of.train)
        _, features = prepare(found, options)
        rows.append(features.of(sorted(found.train)))
    real = normalised(np.concatenate(rows).astype(np.float32))
    print(f"{arch}: {real.shape[1]} features of {len(real)} photos; the others are made from them")
    placing(real, counts)
    if no_browser:
        return
    print(f"\n{counts[-1]} points in Chromium, milliseconds a frame\n{'':<12}{'median':>8}{'slowest of 20':>15}")
    for what, times in frames(made_up(real, counts[-1])).items():
        print(f"{what:<12}{times[len(times) // 2]:>8.1f}{times[int(0.95 * len(times))]:>15.1f}")


if __name__ == "__main__":
    run(main)
