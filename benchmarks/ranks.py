"""Do several processes learn what one does? Fine-tuning by one and by two processes, over several seeds.

    python -m benchmarks.ranks ../shared/data --weights ../shared/weights/mobilenet_v2-imagenet.pth --only bears

Sets are those that `benchmarks.datasets` finds. A few photos of each label are learned from, at a small size, so
that a run takes a minute on two cores; the test photos are never trained on. All trainings share one cache of features,
which one before them fills: what is timed is the probe, fine-tuning and writing. Errors and losses are those of the
fine-tuned network, also where its verdict would not keep it.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from fastcore.script import call_parse

from .measuring.data_sets import DataSet, data_sets
from .measuring.machine import machine
from .measuring.trainings import run_python

FIRST_SEED = 42
HEAD = (
    f"{'set':<12}{'processes':>10}{'seeds':>7}{'test error':>16}{'valid. loss':>16}{'fine-tuning s':>15}{'whole s':>9}"
)


def few_photos(data: DataSet, n: int, folder: Path) -> Path:
    """Link every label's first n photos in a folder, and return it."""
    for label in sorted(path for path in data.train.iterdir() if path.is_dir()):
        (folder / label.name).mkdir(parents=True)
        for photo in sorted(label.iterdir())[:n]:
            (folder / label.name / photo.name).symlink_to(photo.resolve())
    return folder


def trained(photos: Path, processes: int, out: Path, *options: object) -> dict:
    """Train by so many processes, and return what metrics.json records and the seconds it took."""
    torchrun = ["-m", "torch.distributed.run", "--nproc_per_node", processes] if processes > 1 else []
    began = time.monotonic()
    module = "benchmarks.measuring.kept_training"
    run_python(f"Training by {processes} processes", *torchrun, "-m", module, photos, "--out", out, *options)
    return {**json.loads(out.with_name("metrics.json").read_text()), "seconds": time.monotonic() - began}


def measured(photos: Path, data: DataSet, processes: int, *options: object) -> dict:
    """Return the figures of one training."""
    from training.data.photos import get_photos
    from training.evaluation.predict import load_classifier, predict_labelled

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "export.pkl"
        metrics = trained(photos, processes, out, "--fine-tune", *options)
        predictions, _ = predict_labelled(load_classifier(out), get_photos(data.test))
    minutes = [row["time"].split(":") for row in metrics["epochs"]]
    return {
        "error": predictions.n_wrong / len(predictions.files),
        "loss": metrics["fine_tuning"]["loss_after"],
        "tuning": sum(60 * int(whole) + int(seconds) for whole, seconds in minutes),
        "seconds": metrics["seconds"],
    }


def with_error(values: Sequence[float], form: str) -> str:
    """Return the mean with its standard error."""
    error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{mean(values):{form}} ± {error:{form}}"


def row(name: str, processes: int, runs: Sequence[dict]) -> str:
    """Return a line of the table."""
    error, loss, tuning, seconds = ([run[key] for run in runs] for key in ("error", "loss", "tuning", "seconds"))
    return (
        f"{name:<12}{processes:>10}{len(runs):>7}{with_error(error, '.1%'):>16}{with_error(loss, '.3f'):>16}"
        f"{mean(tuning):>15.0f}{mean(seconds):>9.0f}"
    )


@call_parse
def main(
    data: str,  # folder of sets
    weights: str = "",  # state dict of the network, instead of a download
    arch: str = "mobilenet_v2",  # the network
    only: str = "",  # names of sets, with commas; all of them where empty
    photos: int = 40,  # of each label, to learn from
    image_size: int = 128,  # side of the square that the model sees, in pixels
    epochs: int = 4,  # of fine-tuning
    seeds: int = 5,  # trainings of each
    processes: str = "1,2",  # numbers of processes, with commas
):
    "Print how trainings by one and by several processes do on sets under DATA."
    options = ["--arch", arch, "--image-size", image_size, "--epochs", epochs]
    options += ["--weights", Path(weights).resolve()] if weights else []
    numbers, table = [int(number) for number in processes.split(",")], []
    for dataset in data_sets(Path(data).resolve()):
        if only and dataset.name not in only.split(","):
            continue
        with tempfile.TemporaryDirectory() as folder:
            few = few_photos(dataset, photos, Path(folder) / "photos")
            trained(few, 1, Path(folder) / "export.pkl", "--quick", *options)
            runs = {number: [] for number in numbers}
            for seed in range(FIRST_SEED, FIRST_SEED + seeds):  # in turn, so that a busy machine is fair to all
                for number in numbers:
                    runs[number].append(measured(few, dataset, number, "--seed", seed, *options))
                    print(dataset.name, number, seed, runs[number][-1], file=sys.stderr, flush=True)
        table += [row(dataset.name, number, runs[number]) for number in numbers]
    print("\n".join([machine(), HEAD, *table]))
