"""What it costs to name the training photos that a photo resembles, and how often they are the right ones.

    python -m benchmarks.neighbours ../shared/data --arch mobilenet_v2 --weights ../shared/weights/FILE

Right are those with the highest cosine of the network's own features, all of their numbers, for each test photo of each
set. The export keeps these along a few axes, in 8 bits. Cosines are the
mean of the right ones and of the named ones, at as many axes as the export has. Times are of one photo's features;
features for them are mixed from real ones. Thumbnails are those of the first set.
"""

import io
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from classifier.command_line import run
from classifier.inference.confidence import normalised
from classifier.inference.neighbour_facts import neighbours_to_facts, read_neighbours
from classifier.inference.neighbours import N_SHOWN, Neighbours
from training.data.photos import get_photos, readable_photos
from training.options import TrainingOptions
from training.train.learner import prepare
from training.train.neighbours import N_AXES, different, principal_axes, thumbnails

from .measuring.data_sets import data_sets

AXES = (32, 64, 128, 192, 256)
N_QUERIES = 500


def named(rows: np.ndarray, n_axes: int) -> Neighbours:
    """Return what an export would hold of (N, D) features of length 1, read as the app reads it."""
    files, labels = [f"label/{i:05}.jpg" for i in range(len(rows))], [("label",)] * len(rows)
    facts = neighbours_to_facts(Neighbours.of(rows, principal_axes(rows, n_axes), files, labels), ["label"])
    known = read_neighbours(facts, rows.shape[1], ["label"])
    assert known
    return known


def recall(rows: np.ndarray, asked: np.ndarray, known: Neighbours) -> tuple[float, float]:
    """Return the share of the N_SHOWN nearest photos that are named, and how often the first is the right first."""
    exact = np.argsort(-(asked @ rows.T), axis=1, kind="stable")[:, :N_SHOWN]
    found = [[one.index for one in known.nearest(features)] for features in asked]
    shared = [len(set(right) & set(ours)) for right, ours in zip(exact.tolist(), found)]
    return float(np.mean(shared)) / N_SHOWN, float(np.mean([r == f[0] for r, f in zip(exact[:, 0], found)]))


def cosines(rows: np.ndarray, asked: np.ndarray, known: Neighbours) -> tuple[float, float]:
    """Return the mean cosine of the N_SHOWN nearest photos, and of those that are named."""
    exact = asked @ rows.T
    named = [exact[i, [one.index for one in known.nearest(features)]] for i, features in enumerate(asked)]
    return float(np.sort(exact, axis=1)[:, -N_SHOWN:].mean()), float(np.mean(named))


def mixed(rows: np.ndarray, n: int) -> np.ndarray:
    """Return n features, each between two real ones."""
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(rows), (2, n))
    share = rng.random((n, 1), dtype=np.float32)
    return normalised(share * rows[one] + (1 - share) * rows[other])


def microseconds(known: Neighbours, asked: Sequence[np.ndarray]) -> float:
    """Return how long a query takes, the median."""
    times = []
    for features in asked:
        begin = time.perf_counter()
        known.nearest(features)
        times.append(time.perf_counter() - begin)
    return 1e6 * float(np.median(times))


def saved_bytes(known: Neighbours) -> int:
    """Return how many bytes an export has for it."""
    buffer = io.BytesIO()
    torch.save(neighbours_to_facts(known, ["label"]), buffer, pickle_protocol=2)
    return buffer.tell()


def main(
    data: str,  # folder of data sets, as shared/data
    arch: str = "resnet18",  # any torchvision or timm architecture
    weights: str = "",  # local state dict of that architecture, instead of a download
) -> None:
    "Print how often the nearest photos are named, by the number of axes; and what that costs."
    options = TrainingOptions(arch, weights, resize="crop")
    found = [of for of in data_sets(Path(data)) if not (of.train / "labels.csv").exists()]
    print(f"{arch}, the {N_SHOWN} nearest and the first one of test photos that are named, by the number of axes")
    print(f"{'photos':<24}{'n':>6}" + "".join(f"{n:>14}" for n in AXES) + f"{'cosines':>14}")
    for of in found:
        photos = readable_photos(of.train)
        _, features = prepare(photos, options)
        files, tested = sorted(photos.train), get_photos(of.test)
        rows = normalised(features.of(files))[different(files)]
        asked = normalised(features.of(tested))
        nearest, told = cosines(rows, asked, named(rows, N_AXES))
        shares = (recall(rows, asked, named(rows, n)) for n in AXES)
        cells = "".join(f"{f'{five:.1%} {first:.1%}':>14}" for five, first in shares)
        print(f"{of.name + ', ' + of.test.name:<24}{len(rows):>6}{cells}{f'{nearest:.3f} {told:.3f}':>14}", flush=True)
    print(f"\n{N_AXES} axes, {rows.shape[1]} features\n{'photos':>8}{'us a query':>12}{'bytes':>12}")
    for n in (1_000, 10_000):
        known = named(mixed(rows, n), N_AXES)
        print(f"{n:>8}{microseconds(known, mixed(rows, N_QUERIES)):>12.0f}{saved_bytes(known):>12}", flush=True)
    photos = get_photos(found[0].train)
    pictures = thumbnails(photos, [file.parent.name for file in photos])
    print(f"\nthumbnails of {found[0].name}: {pictures.n} of {len(photos)} photos, {len(pictures.data)} bytes")


if __name__ == "__main__":
    run(main)
