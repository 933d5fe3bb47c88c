"""Is a rare label found? Each set is thinned to 100 photos of a label, 20 of another and 7 of a third.

    python -m benchmarks.imbalance ../shared/data --weights ../shared/weights

Trained with `training.train --quick`; beside it the same probe without its adjustment to labels that are expected
equally often, which is what a plain logistic regression says.
"""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import numpy as np
from fastcore.script import CliError, call_parse

from training.data.photos import get_photos
from training.evaluation.predict import load_classifier, predict_labelled
from training.train.probes.linear import label_weights

from .measuring.data_sets import DataSet, data_sets
from .measuring.trainings import train_with_command

SIZES = (100, 20, 7)  # photos of the labels, the rarest last
HEAD = f"{'set':<12}{'network':<24}{'rarest':<12}{'recall':>8}{'plain':>8}{'right':>8}{'plain':>8}"


def thinned(data: DataSet, out: Path, labels: tuple[str, ...], seed: int) -> Path:
    """Write links to the training photos of the labels into a folder, so many as SIZES says; of two, 100 and 7."""
    for label, n in zip(labels, (*SIZES[: len(labels) - 1], SIZES[-1])):
        photos = sorted(photo for photo in get_photos(data.train) if photo.parent.name == label)
        (out / label).mkdir(parents=True)
        for photo in random.Random(seed).sample(photos, min(n, len(photos))):
            (out / label / photo.name).symlink_to(photo.resolve())
    return out


def measured(photos: Path, test: Path, arch: str, weights: Path, seed: int) -> dict[str, list[float]]:
    """Return the recall of the rarest label and the share that is right, each as trained and without adjustment."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "export.pkl"
        train_with_command(photos, arch, weights, seed, out, "--quick")
        classifier = load_classifier(out)
    counts = {label: len(list((photos / label).iterdir())) for label in classifier.labels}
    files = [file for file in get_photos(test) if file.parent.name in counts]
    predictions, _ = predict_labelled(classifier, files)
    targets = np.repeat(np.arange(len(counts)), list(counts.values()))
    adjustment = np.log(label_weights(targets, len(counts))) / classifier.temperature
    rarest = min(range(len(counts)), key=lambda i: counts[classifier.labels[i]])
    of_rarest = predictions.targets == rarest
    answers = predictions.predicted, (np.log(predictions.probabilities) - adjustment).argmax(1)
    return {
        "recall": [float((answer[of_rarest] == rarest).mean()) for answer in answers],
        "right": [float((answer == predictions.targets).mean()) for answer in answers],
    }


def cases(data: DataSet) -> Iterator[tuple[str, ...]]:
    """Yield the labels of each training, the most frequent first: each of the first three is the rarest once."""
    labels = sorted({photo.parent.name for photo in get_photos(data.train)})[:3]
    return (tuple(labels[i:] + labels[:i]) for i in range(len(labels)))


def row(name: str, arch: str, rarest: str, found: dict[str, list[float]]) -> str:
    """Return a line of the table."""
    figures = "".join(f"{value:>8.1%}" for value in [*found["recall"], *found["right"]])
    return f"{name:<12}{arch:<24}{rarest:<12}{figures}"


@call_parse
def main(
    data: str,  # folder of sets
    weights: str = "",  # folder of state dicts named ARCH-anything.pth, one a network
    seed: int = 42,  # of the photos that stay
):
    "Print how often the rarest label is found, with the adjustment and without."
    networks = {path.stem.rpartition("-")[0]: path.resolve() for path in sorted(Path(weights).glob("*.pth"))}
    if not weights or not networks:
        raise CliError("--weights DIR: a folder with state dicts named ARCH-anything.pth is needed.")
    print(HEAD, flush=True)
    every: list[dict[str, list[float]]] = []
    for dataset in data_sets(Path(data).resolve()):
        for arch, file in networks.items():
            for labels in cases(dataset):
                with tempfile.TemporaryDirectory() as folder:
                    photos = thinned(dataset, Path(folder) / "photos", labels, seed)
                    every.append(measured(photos, dataset.test, arch, file, seed))
                print(row(dataset.name, arch, labels[-1], every[-1]), flush=True)
    both = {key: [mean(found[key][i] for found in every) for i in (0, 1)] for key in ("recall", "right")}
    print(row("mean", "", "", both))
