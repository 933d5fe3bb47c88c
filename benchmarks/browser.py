"""The browser edition beside Python: the same answers? And how many bytes, and how long?

    python -m benchmarks.browser ../shared/data

Builds the site of export.pkl twice, with half weights and with whole ones, asks both about photos of all sets in a
folder, in Chromium, and compares with the Python classifier. Then it measures one visit of the page: what is loaded,
how long until it is ready, a warm answer, a photo of 12 megapixels, and the live camera, which shows Chromium's own
test picture. Python answers the same photo of 512 pixels, for the ratio. Times are medians.
"""

import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from fastcore.script import call_parse
from PIL import Image

from .measuring.browser_page import Site, as_base64, chromium, serving

ENDINGS = (".jpg", ".jpeg", ".png")
WARM = 30  # answers that a median is of
LOAD = """async () => {
  const { Classifier } = await import("./fieldguide.js"), began = performance.now()
  let last = 0
  window.guide = await Classifier.load("./", { progress: share => { if (share === 1) last = performance.now() } })
  window.bytesOf = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
  return { all: performance.now() - began, ready: performance.now() - last }
}"""
PREDICT = """async data => {
  const blob = new Blob([bytesOf(data)]), began = performance.now()
  const { label, familiar, probabilities } = await guide.predict(blob)
  return { label, familiar, probabilities: [...probabilities], ms: performance.now() - began }
}"""
# how long the page's own thread is held up meanwhile, its heatmap drawn: the longest wait between two frames
BLOCKED = """async data => {
  const blob = new Blob([bytesOf(data)])
  let last = performance.now(), longest = 0, goes = true
  const frame = now => { longest = Math.max(longest, now - last); last = now; if (goes) requestAnimationFrame(frame) }
  requestAnimationFrame(frame)
  const { drawHeatmap } = await import("./fieldguide.js"), explanation = await guide.explain(blob)
  drawHeatmap(explanation.heatmap(), explanation, document.createElement("canvas"))
  await new Promise(requestAnimationFrame)
  goes = false
  return longest
}"""
CAMERA = """() => {
  const text = document.getElementById("live").dataset.answersPerSecond
  return text === undefined ? null : Number(text)
}"""


def compare(page: Any, classifier: Any, files: list[Path]) -> dict[str, float]:
    """Return on how many photos the label and `familiar` are Python's, and the largest difference of a probability."""
    same, largest = 0, 0.0
    for file in files:
        answer, expected = page.evaluate(PREDICT, as_base64(file.read_bytes())), classifier.predict(file)
        same += (answer["label"], answer["familiar"]) == (expected.label, expected.familiar)
        differences = (abs(p - expected.probabilities[label]) for label, p in answer["probabilities"])
        largest = max(largest, *differences)
    return {"same": same, "of": len(files), "difference": largest}


def megapixels(photo: Path, size: tuple[int, int]) -> bytes:
    """Return a photo enlarged, as a JPEG."""
    buffer = io.BytesIO()
    Image.open(photo).convert("RGB").resize(size).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def warm(page: Any, data: bytes) -> float:
    """Return the median milliseconds of an answer."""
    sent = as_base64(data)
    return statistics.median(page.evaluate(PREDICT, sent)["ms"] for _ in range(WARM))


def python_milliseconds(classifier: Any, data: bytes) -> float:
    """Return the median milliseconds of Python's answer."""
    times = []
    for _ in range(WARM):
        began = time.perf_counter()
        classifier.predict(data)
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)


def visits(browser: Any, site: Site) -> tuple[float, float]:
    """Return the megabytes of a first visit with an answer, and of the second one."""
    page = browser.new_context(service_workers="allow").new_page()
    megabytes = []
    for _ in range(2):
        site.megabytes()
        page.goto(f"{site.url}/")
        page.locator("body[data-ready]").wait_for()
        page.locator("#examples button").first.click()
        page.locator("#verdict h3").wait_for()
        page.locator("#offline:not(:empty)").wait_for()
        megabytes.append(site.megabytes())
    return megabytes[0], megabytes[1]


def camera_rate(browser: Any, site: Site, seconds: float = 10) -> float:
    """Return the answers a second of the live camera, after some seconds."""
    page = browser.new_context(permissions=["camera"]).new_page()
    page.goto(f"{site.url}/")
    page.locator("body[data-ready]").wait_for()
    page.locator("#camera").click()
    page.wait_for_timeout(1000 * seconds)
    return float(page.evaluate(CAMERA))


def build(folder: Path, *options: str) -> tuple[Path, float]:
    """Build the site of export.pkl; return the folder, and the seconds."""
    from training.static.__main__ import main as static

    began = time.monotonic()
    static("export.pkl", str(folder), fp32="--fp32" in options)
    return folder, time.monotonic() - began


@call_parse
def main(
    data: Path,  # folder of data sets: all photos below it are candidates
    n: int = 500,  # photos to compare on, spread evenly
):
    """Compare the browser edition with Python, and measure its bytes and times."""
    from classifier import Classifier
    from classifier.cpu_count import cores

    files = sorted(file for file in data.rglob("*") if file.suffix.lower() in ENDINGS)
    files = files[:: max(1, len(files) // n)][:n]
    classifier, example = Classifier.load("export.pkl"), sorted(Path("examples").glob("*.jpg"))[0]
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        half, seconds = build(Path(folder) / "half")
        full, _ = build(Path(folder) / "full", "--fp32")
        print(f"from export.pkl to a folder: {seconds:.1f} s")
        for name, built in (("whole weights", full), ("half weights", half)):
            with serving(built) as site:
                page = browser.new_page()
                page.goto(f"{site.url}/")
                page.evaluate(LOAD)
                told = compare(page, classifier, files)
                print(
                    f"{name}: label and familiar as in Python on {told['same']} of {told['of']} photos; largest "
                    f"difference of a probability {told['difference']:.1e}",
                    flush=True,
                )
                page.close()
        with serving(half) as site:
            first, second = visits(browser, site)
            print(f"first visit: {first:.2f} MB with an answer; second visit: {second:.3f} MB")
            page = browser.new_page()
            page.goto(f"{site.url}/")
            loaded = page.evaluate(LOAD)
            print(f"ready {loaded['ready'] / 1000:.2f} s after the last byte, {loaded['all'] / 1000:.2f} s in all")
            small, large = megapixels(example, (512, 512)), megapixels(example, (4000, 3000))
            ours, theirs = warm(page, small), python_milliseconds(classifier, small)
            ratio = f"{ours / theirs:.1f} times Python's {theirs:.0f} ms on {cores()} cores"
            print(f"a photo of 512 pixels: {ours:.0f} ms on one thread, {ratio}")
            print(f"a photo of 12 megapixels: {warm(page, large):.0f} ms")
            print(f"the page's longest frame meanwhile: {page.evaluate(BLOCKED, as_base64(large)):.0f} ms")
            page.close()
            print(f"live camera: {camera_rate(browser, site):.1f} answers a second")
