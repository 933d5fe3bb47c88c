"""Whether the places that a heatmap shows are what the answer rests on, and whether they point at the right thing.

    python -m benchmarks.heatmap export.pkl DATA
    python -m benchmarks.heatmap export.pkl DATA --other DIR

For each photo, the picture as it is drawn is compared with the exact contributions of the cells alone:

- blur: the photo is blurred under the fifth with the highest shares, and, for comparison, under random fifths, ten
  times. A heatmap that shows what counts takes more from the winning label's log-odds.
- deletion: the winning probability as more and more of the photo is blurred, the highest shares first: lower is better.
- insertion: the same as more and more of a blurred photo becomes sharp: higher is better.
- pointing: two photos of different labels side by side, or one beside a photo of OTHER things: how often the highest
  point for a label lies in its own half, and which share of all that speaks for it.

DATA may be what the export learned from: a heatmap is right or wrong about the answer, not about the label.
Sources: Petsiuk et al. 2018, RISE (deletion and insertion); Zhang et al. 2016, Top-down Neural Attention (pointing).
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from fastcore.script import CliError, call_parse
from fastprogress import progress_bar
from PIL import Image, ImageFilter

from classifier import Classifier, Prediction
from classifier.inference.heatmap import OUTLINED, Heatmap
from classifier.photo import PhotoError, open_photo
from training.data.photos import get_photos
from training.evaluation.predict import load_classifier

N_RANDOM = 10
MOST_PHOTOS = 200  # drawn at random of many
SIDE = 512  # of the photos that are changed step by step, and of two halves together
STEPS = (0.1, 0.2, 0.35, 0.55)  # shares of a photo
WAYS: dict[str, Callable[[Heatmap], Heatmap]] = {
    "exact cells": lambda heatmap: replace(heatmap, detail=None),
    "as drawn": lambda heatmap: heatmap,
}


def blurred_under(photo: Image.Image, heatmap: Heatmap, cells: Sequence[int]) -> Image.Image:
    """Return the photo blurred under some places, given by their indices in the flattened map."""
    left, top, right, bottom = heatmap.seen
    height, width = heatmap.shown.shape
    x, y = (right - left) / width, (bottom - top) / height
    of_cell = [(edge - start) / n for start, edge, n in zip((left, top), (right, bottom), heatmap.contributions.shape)]
    blurred, photo = photo.filter(ImageFilter.GaussianBlur(max(of_cell) / 2)), photo.copy()
    for row, column in (divmod(int(cell), width) for cell in cells):
        box = [round(edge) for edge in (left + column * x, top + row * y, left + (column + 1) * x, top + (row + 1) * y)]
        box = [min(max(edge, 0), photo.size[i % 2]) for i, edge in enumerate(box)]
        if box[0] < box[2] and box[1] < box[3]:
            photo.paste(blurred.crop(box), box[:2])
    return photo


def log_odds(prediction: Prediction, label: str) -> float:
    """Return the logarithm of a label's odds."""
    probability = min(max(prediction.probabilities[label], 1e-9), 1 - 1e-9)
    return math.log(probability / (1 - probability))


def lost(classifier: Classifier, photo: Image.Image, rng: np.random.Generator) -> tuple[float, float]:
    """Return what the winning label's log-odds lose under the top fifth, and under random fifths in the mean."""
    explanation = classifier.explain(photo)
    heatmap, n = explanation.heatmap, explanation.heatmap.shown.size
    k = max(1, round(OUTLINED * n))

    def loss(cells: np.ndarray) -> float:
        after = classifier.predict(blurred_under(photo, heatmap, cells))
        return log_odds(explanation.prediction, heatmap.label) - log_odds(after, heatmap.label)

    top = np.argsort(heatmap.shown.ravel())[-k:]
    return loss(top), float(np.mean([loss(random_fifth(heatmap, rng)) for _ in range(N_RANDOM)]))


def random_fifth(heatmap: Heatmap, rng: np.random.Generator) -> np.ndarray:
    """Return a random fifth of the places, in pieces as large as the cells."""
    height, width = heatmap.contributions.shape
    chosen = np.zeros(height * width, bool)
    chosen[rng.choice(height * width, max(1, round(OUTLINED * height * width)), replace=False)] = True
    fold = heatmap.shown.shape[0] // height
    return np.flatnonzero(chosen.reshape(height, width).repeat(fold, 0).repeat(fold, 1))


def lost_by_all(classifier: Classifier, photos: Sequence[Path], seed: int = 0) -> np.ndarray:
    """Return (N, 2) of `lost` for photos that can be opened, MOST_PHOTOS or fewer, with a progress bar."""
    rng, rows = np.random.default_rng(seed), []
    drawn = [photos[i] for i in sorted(rng.permutation(len(photos))[:MOST_PHOTOS])]
    for file in progress_bar(drawn, leave=False):
        try:
            rows.append(lost(classifier, open_photo(file), rng))
        except PhotoError as error:
            print(f"left out: {file}: {error}")
    if not rows:
        raise CliError("None of the photos could be opened.")
    return np.array(rows)


def told(losses: np.ndarray) -> dict:
    """Return the comparison's figures: in which share of n photos the top fifth counts more, and the medians."""
    top, at_random = losses.T
    return {
        "share": float(np.mean(top > at_random)),
        "n": len(losses),
        "top": float(np.median(top)),
        "at_random": float(np.median(at_random)),
    }


def summary(losses: np.ndarray) -> str:
    """Return the comparison as a line."""
    return (
        "heatmap: blurring its top fifth lowers the answer's log-odds more than a random fifth in {share:.1%} of {n} "
        "photos (by {top:.2f} against {at_random:.2f} in the median)"
    ).format(**told(losses))


def square(photo: Image.Image) -> Image.Image:
    """Return the middle of a photo, SIDE by SIDE."""
    side = min(photo.size)
    left, top = ((length - side) // 2 for length in photo.size)
    return photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), reducing_gap=3)


def curves(classifier: Classifier, photo: Image.Image) -> dict[str, tuple[float, float]]:
    """Return the means of the deletion and of the insertion curve of a photo, by each way."""
    photo = square(photo)
    explanation = classifier.explain(photo)
    heatmap, blurred = explanation.heatmap, photo.filter(ImageFilter.GaussianBlur(SIDE / 14))
    found = {}
    for way, of in WAYS.items():
        values = of(heatmap).interpolated(photo.size, photo.size)
        values = np.where(np.isnan(values), -np.inf, values)
        bounds = [np.quantile(values, 1 - step) for step in STEPS]
        masks = [Image.fromarray(np.uint8(values >= bound) * 255) for bound in bounds]
        found[way] = tuple(
            float(np.mean([
                classifier.predict(Image.composite(first, second, mask)).probabilities[heatmap.label] for mask in masks
            ]))
            for first, second in ((blurred, photo), (photo, blurred))
        )  # fmt: skip
    return found


def pointing(
    classifier: Classifier, own: Image.Image, label: str, beside: Image.Image, left: bool
) -> dict[str, tuple[float, float]]:
    """Return whether the highest point for a label lies in its half, and its share of what speaks for it, by each way.

    left: whether the label's own photo is the left half.
    """
    both, middle = Image.new("RGB", (SIDE, SIDE)), SIDE // 2
    for photo, x in ((own, 0 if left else middle), (beside, middle if left else 0)):
        both.paste(square(photo).crop((SIDE // 4, 0, SIDE // 4 + middle, SIDE)), (x, 0))
    heatmap, found = classifier.explain(both, label).heatmap, {}
    for way, of in WAYS.items():
        values = np.nan_to_num(of(heatmap).interpolated(both.size, both.size), nan=-np.inf)
        mine, other = (values[:, :middle], values[:, middle:]) if left else (values[:, middle:], values[:, :middle])
        speaks = [half.clip(0).sum() for half in (mine, other)]
        found[way] = (float(mine.max() > other.max()), float(speaks[0] / max(sum(speaks), 1e-9)))
    return found


def table(figures: dict[str, dict[str, list[float]]]) -> str:
    """Return the figures of each way, as a table."""
    names = list(next(iter(figures.values())))
    lines = [f"{'':12}" + "".join(f"{name:>12}" for name in names)]
    return "\n".join(
        lines + [f"{way:12}" + "".join(f"{np.mean(of[name]):12.3f}" for name in names) for way, of in figures.items()]
    )


def compare(classifier: Classifier, photos: Sequence[Path], others: Sequence[Path], n: int, seed: int = 0) -> str:
    """Return the table of n photos and twice as many pairs; photos that cannot be opened are left out."""
    rng, figures = random.Random(seed), {way: defaultdict(list) for way in WAYS}
    by_label = defaultdict(list)
    for file in photos:
        if file.parent.name in classifier.labels:
            by_label[file.parent.name].append(file)
    for k in progress_bar(range(3 * n), leave=False):
        try:
            if k < n:
                found, names = curves(classifier, open_photo(rng.choice(photos))), ("deletion", "insertion")
            else:
                label, second = rng.sample(sorted(by_label), 2)
                beside = rng.choice(others) if others and k % 2 else rng.choice(by_label[second])
                own, beside = (open_photo(file) for file in (rng.choice(by_label[label]), beside))
                found = pointing(classifier, own, label, beside, rng.random() < 0.5)
                names = ("pointing", "own half")
        except PhotoError:
            continue
        for way, values in found.items():
            for name, value in zip(names, values):
                figures[way][name].append(value)
    return table(figures)


@call_parse
def main(
    export: str,  # export.pkl to measure
    data: str,  # folder of photos, one folder a label
    other: str = "",  # folder of photos of other things, to stand beside those of the labels
    photos: int = 50,  # whose curves are drawn; twice as many pairs
):
    "Print how much more an answer rests on what EXPORT's heatmap shows than on the rest, and where it points."
    classifier = load_classifier(export)
    if not classifier.explains:
        raise CliError(f"{export} gives no heatmaps: it has another head than pooling and linear layers.")
    files = get_photos(data)
    print(summary(lost_by_all(classifier, files)))
    if len({file.parent.name for file in files} & set(classifier.labels)) > 1:
        print(compare(classifier, files, get_photos(other, labelled=False) if other else [], photos))
