"""How the cost of an answer grows with the photo, the labels and the number of people who ask.

    python -m benchmarks.growth             # 6 minutes; writes docs/benchmarks/growth.md and growth.png

Ours beside the lesson's, no answer cached. Photos are enlarged from `examples/`; labels are random heads on
the committed model's body, with as many centres of familiarity as a trained model of so many labels has.
"""

from pathlib import Path

import numpy as np
from fastcore.script import call_parse

from classifier import Classifier
from classifier.export import read_export
from classifier.inference.compiled_copy import engine_from_bytes
from classifier.inference.linear_head import LinearHead
from classifier.inference.onnx_export import to_onnx
from classifier.inference.torch_engine import TorchEngine

from .measuring.apps import CANONICAL, OURS, running
from .measuring.http_load import by_classify, by_gradio, load
from .measuring.machine import machine
from .measuring.worker import Worker, in_turn
from .serving import EXPORT, PHOTO, enlarged, lesson, ours

MEGAPIXELS = (0.1, 0.25, 1, 2, 5, 12, 24, 48)
LABELS = (3, 10, 100, 1000)
CLIENTS = (1, 2, 4, 16, 64, 256)
HEAD = """# How the cost grows

What an answer costs with larger photos, more labels and more clients: the lesson's app and ours.

`python -m benchmarks.growth`, {machine}. Medians; no answer cached.

![How the cost grows with megapixels, labels and clients](growth.png)
"""
Rows = dict[float, list[float]]


def by_photo() -> Rows:
    """Return milliseconds by megapixels: the lesson's, ours."""
    photos = [enlarged(PHOTO, megapixels) for megapixels in MEGAPIXELS]
    theirs, own = in_turn([Worker(lesson), Worker(ours)], photos, 2, 3)
    return {size: [a, b] for size, a, b in zip(MEGAPIXELS, theirs, own)}


def with_labels(n: int) -> Classifier:
    """Return a classifier of n labels: a random head on the committed body, and random centres of familiarity."""
    export = read_export(EXPORT)  # first: it lets torchvision be imported beside a CPU torch
    from torch import nn

    from training.train.probes.familiarity import CENTRES_PER_LABEL, MAX_BYTES

    engine = TorchEngine(export)
    width = engine.n_features
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(width), nn.Linear(width, n))
    engine.model = nn.Sequential(export.model[0], head).eval()
    engine.labels, engine.head = [f"label {i}" for i in range(n)], LinearHead.of(engine.model[1])
    rng = np.random.default_rng(0)
    reference = rng.integers(-127, 128, (min(CENTRES_PER_LABEL * n, MAX_BYTES // width), width), dtype=np.int8)
    facts = {"familiarity": {"reference": reference, "threshold": 0.5, "k": 1}, "calibration": {"temperature": 1.0}}
    return Classifier(*engine_from_bytes(to_onnx(engine, facts, ""), "The copy", ""))


def by_labels() -> Rows:
    """Return milliseconds by the number of labels: an answer, an answer with its heatmap drawn."""
    photo, rows = PHOTO.read_bytes(), {}
    for n in LABELS:
        workers = [Worker(_Predict(n)), Worker(_Explain(n))]
        rows[n] = [times[0] for times in in_turn(workers, [photo], 2, 20)]
    return rows


class _Predict:
    def __init__(self, n: int):
        self.n = n

    def __call__(self):
        return with_labels(self.n).predict


class _Explain(_Predict):
    def __call__(self):
        classifier = with_labels(self.n)
        return lambda photo: classifier.explain(photo).picture


def by_clients() -> Rows:
    """Return requests a second, then p95 in ms, by clients at once: the lesson's, ours on Gradio's API, /classify."""
    photo, rows = PHOTO.read_bytes(), {n: [] for n in CLIENTS}
    ways = ((CANONICAL, by_gradio), (OURS, by_gradio), (OURS, by_classify))
    for program, way in ways:
        with running(program) as app:
            ask = way(photo)
            load(app, ask, 4, 16)
            for n in CLIENTS:
                rows[n].append(load(app, ask, n, max(60, 2 * n)))
    return {
        n: [said.per_second for said in all_said] + [1000 * said.p95 for said in all_said]
        for n, all_said in rows.items()
    }


PANELS = (
    ("megapixels of the photo", ("lesson, ms", "ours, ms"), by_photo),
    ("labels", ("an answer, ms", "with its heatmap, ms"), by_labels),
    (
        "clients at once",
        (
            "lesson, /s",
            "ours, Gradio's API, /s",
            "ours, /classify, /s",
            "lesson, p95 ms",
            "ours, Gradio's API, p95 ms",
            "ours, /classify, p95 ms",
        ),
        by_clients,
    ),
)


def table(over: str, columns: tuple[str, ...], rows: Rows) -> str:
    """Return rows as a Markdown table."""
    head = f"| {over} | {' | '.join(columns)} |\n|---:|{'---:|' * len(columns)}\n"
    lines = (f"| {x:g} | {' | '.join(f'{value:.1f}' for value in values)} |\n" for x, values in rows.items())
    return head + "".join(lines)


@call_parse
def main(
    out: str = "docs/benchmarks",  # folder that the table and the plot are written to
):
    "Measure how cost grows, and draw it."
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    text = HEAD.format(machine=machine())
    figure, axes = plt.subplots(1, 4, figsize=(17, 4), layout="constrained")
    axes = iter(axes)
    for over, columns, measure in PANELS:
        rows = measure()
        text += f"\n{table(over, columns, rows)}"
        print(table(over, columns, rows), flush=True)
        for unit in dict.fromkeys(column.rpartition(" ")[2] if "p95" not in column else "p95 ms" for column in columns):
            axis = next(axes)
            for i, column in enumerate(columns):
                if column.endswith(unit) and ("p95" in column) == ("p95" in unit):
                    axis.plot(
                        list(rows),
                        [values[i] for values in rows.values()],
                        "o-",
                        label=column.removesuffix(unit).rstrip(" ,"),
                    )
            axis.set(xscale="log", yscale="log", xlabel=over, ylabel={"/s": "requests a second"}.get(unit, unit))
            axis.grid(alpha=0.3)
            axis.legend(frameon=False)
    figure.savefig(Path(out) / "growth.png", dpi=80)
    (Path(out) / "growth.md").write_text(text)
