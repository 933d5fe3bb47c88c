"""Our app beside the lesson's, on this machine, in one run: time, throughput, start, memory. No answer is cached.

Usage:

    python -m benchmarks.serving            # 5 minutes, on a machine that does nothing else
    python -m benchmarks.serving --quick    # a minute, to see that it works
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from fastcore.script import call_parse
from PIL import Image

from classifier import Classifier
from classifier.files import sha256
from classifier.inference.compiled_copy import engine_from_bytes, onnx_path
from classifier.inference.onnx_engine import OnnxEngine
from classifier.photo import open_photo

from .measuring.apps import CANONICAL, OURS, ROOT, App, running
from .measuring.http_load import Load, by_classify, by_gradio, first_answer, load
from .measuring.machine import machine
from .measuring.statistics import p95
from .measuring.worker import Worker, in_turn

EXPORT = ROOT / "export.pkl"
PHOTO = ROOT / "examples" / "teddy-1.jpg"  # 512 pixels a side
MEGAPIXELS = (2, 3, 5, 8, 12, 16, 24, 37)


def enlarged(file: Path, megapixels: float, seed: int = 0) -> bytes:
    """Return a photo as a camera of so many megapixels would send it: a JPEG with a sensor's noise."""
    photo, rng = open_photo(file), np.random.default_rng(seed)
    factor = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
    photo = photo.resize((round(photo.width * factor), round(photo.height * factor)), Image.Resampling.BICUBIC)
    noise = rng.normal(0, 5, (photo.height, photo.width, 1)).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray((np.asarray(photo) + noise).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def lesson() -> Callable[[bytes], object]:
    """Return the lesson's way from bytes to probabilities."""
    from classifier.torchvision_compat import declare_operators

    declare_operators()
    from fastai.vision.all import PILImage, load_learner

    learn = load_learner(EXPORT)
    return lambda photo: learn.predict(PILImage.create(io.BytesIO(photo)))


def ours() -> Callable[[bytes], object]:
    """Return our way."""
    return Classifier.load(EXPORT).predict


def ours_on_one_core() -> Callable[[bytes], object]:
    """Return our way on one thread."""
    data = onnx_path(EXPORT).read_bytes()
    return Classifier(OnnxEngine(data, 1), engine_from_bytes(data, "export.onnx", sha256(EXPORT))[1]).predict


def forward_alone() -> Callable[[bytes], object]:
    """Return the forward pass alone, on one thread."""
    engine = OnnxEngine(onnx_path(EXPORT).read_bytes(), 1)
    batch = engine.preprocess(open_photo(PHOTO))[None]
    return lambda _: engine.forward(batch)


class Table:
    """Rows of ours beside the lesson's, and what was aimed at."""

    def __init__(self):
        print(f"{'':52}{'lesson':>10}{'ours':>10}{'ratio':>8}  target")

    def row(self, name: str, theirs: float, ours: float, unit: str, target: float, digits: int = 1) -> None:
        """Print a row. target: what ours divided by theirs is to be at most or, above 1, at least."""
        ratio = ours / theirs
        met = ratio >= target if target > 1 and unit == "/s" else ratio <= target
        wanted = f"at least {target:g}" if unit == "/s" else f"at most {target:.2f}"
        print(
            f"{name + ', ' + unit:52}{theirs:10.{digits}f}{ours:10.{digits}f}{ratio:8.2f}  {wanted}"
            f"{'' if met else '  MISSED'}",
            flush=True,
        )


def in_process(table: Table, rounds: int) -> None:
    """Print what one photo takes, bytes to probabilities, without HTTP."""
    workers, photo = [Worker(lesson), Worker(ours)], [PHOTO.read_bytes()]
    (their_time,), (our_time,) = in_turn(workers, photo, 2 * rounds, 30)
    table.row("one photo of 512 pixels", their_time, our_time, "ms", 1 / 5)
    files = sorted((ROOT / "examples").glob("*.jpg"))
    photos = [
        enlarged(files[(i + j) % len(files)], megapixels, i)
        for i, megapixels in enumerate(MEGAPIXELS)
        for j in range(min(rounds, 3))
    ]
    their_times, our_times = in_turn(workers, photos, rounds, 3)
    table.row("photos of 2 to 37 megapixels, median", median(their_times), median(our_times), "ms", 1 / 4)
    table.row("photos of 2 to 37 megapixels, p95", p95(their_times), p95(our_times), "ms", 1 / 4)
    (alone,), (whole,) = in_turn([Worker(forward_alone), Worker(ours_on_one_core)], photo, 2 * rounds, 30)
    print(
        f"{'one photo beside its forward pass alone, 1 thread, ms':52}{alone:10.1f}{whole:10.1f}"
        f"{whole / alone:8.2f}  at most 2.00{'' if whole <= 2 * alone else '  MISSED'}",
        flush=True,
    )


Measured = dict[str, list[float]]


def measure(app: App, photo: bytes, ways: dict[str, Callable], n: int, into: Measured) -> None:
    """Load an app and add what was measured."""
    into.setdefault("start", []).append(first_answer(app, by_gradio(photo)))
    for way, ask in ways.items():
        load(app, ask(photo), 8, 32)  # warm
        for concurrency in (1, 16, 32):
            said: Load = load(app, ask(photo), concurrency, n if concurrency > 1 else n // 5)
            for name in ("per_second", "p95", "server_cpu", "generator_cpu"):
                into.setdefault(f"{way} {concurrency} {name}", []).append(getattr(said, name))
    into.setdefault("memory", []).append(app.memory())


def over_http(table: Table, rounds: int, n: int) -> None:
    """Print what the apps do over HTTP; each round starts both, in the other order."""
    photo, theirs, ours = PHOTO.read_bytes(), {}, {}
    apps = [(CANONICAL, {"gradio": by_gradio}, theirs), (OURS, {"gradio": by_gradio, "classify": by_classify}, ours)]
    for turn in range(rounds):
        for program, ways, into in apps if turn % 2 else apps[::-1]:
            with running(program) as app:
                measure(app, photo, ways, n, into)
    theirs, ours = ({name: median(values) for name, values in of.items()} for of in (theirs, ours))
    base = "gradio 16 per_second"
    table.row("Gradio's API, 16 at once", theirs[base], ours[base], "/s", 3)
    table.row("/classify beside its Gradio API, 16 at once", theirs[base], ours["classify 16 per_second"], "/s", 10)
    base = "gradio 32 p95"
    table.row("p95 at 32 at once, Gradio's API", 1000 * theirs[base], 1000 * ours[base], "ms", 1 / 4)
    table.row("p95 at 32 at once, /classify", 1000 * theirs[base], 1000 * ours["classify 32 p95"], "ms", 1 / 4)
    table.row("start of the process to the first answer", theirs["start"], ours["start"], "s", 0.6)
    table.row(
        f"resident memory after {n * 11 // 5 + 32} requests or more", theirs["memory"], ours["memory"], "MB", 0.4, 0
    )
    print(f"\n{'CPU a request, ms, beside the load generator':46}{'at once':>8}{'/s':>8}{'server':>8}{'generator':>11}")
    for way, of in (("lesson, Gradio's API", theirs), ("ours, Gradio's API", ours), ("ours, /classify", ours)):
        name = "classify" if "classify" in way else "gradio"
        for concurrency in (1, 16, 32):
            per_second, server, generator = (
                of[f"{name} {concurrency} {figure}"] for figure in ("per_second", "server_cpu", "generator_cpu")
            )
            print(f"{way:46}{concurrency:8}{per_second:8.1f}{1000 * server:8.1f}{1000 * generator:11.2f}")


@call_parse
def main(
    quick: bool = False,  # one round of everything
):
    "Compare our app with the lesson's."
    if sys.platform != "linux":
        sys.exit("This benchmark reads /proc: it runs on Linux.")
    print(machine(), flush=True)
    table, rounds = Table(), 1 if quick else 3
    in_process(table, rounds)
    over_http(table, rounds, 60 if quick else 250)
