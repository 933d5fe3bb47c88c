"""Whether the cells that a heatmap shows are what the answer rests on.

    python -m benchmarks.heatmap export.pkl DATA

The photo is blurred under the fifth of the cells with the highest share in the winning label's logit, and,
for comparison, under random fifths, ten times. A heatmap that shows what counts takes more from the logit.
DATA may be what the export learned from: a heatmap is right or wrong about the answer, not about the label.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastcore.script import CliError, call_parse
from fastprogress import progress_bar
from PIL import Image, ImageFilter

from classifier import Classifier
from classifier.inference.heatmap import OUTLINED, Heatmap
from classifier.photo import PhotoError, open_photo
from training.data.photos import get_photos
from training.predict import load_classifier

N_RANDOM = 10
MOST_PHOTOS = 200  # drawn at random of many


def blurred_under(photo: Image.Image, heatmap: Heatmap, cells: Sequence[int]) -> Image.Image:
    """Return the photo blurred under some cells, given by their indices in the flattened map."""
    left, top, right, bottom = heatmap.seen
    height, width = heatmap.contributions.shape
    x, y = (right - left) / width, (bottom - top) / height
    blurred, photo = photo.filter(ImageFilter.GaussianBlur(max(x, y) / 2)), photo.copy()
    for row, column in (divmod(int(cell), width) for cell in cells):
        box = [round(edge) for edge in (left + column * x, top + row * y, left + (column + 1) * x, top + (row + 1) * y)]
        box = [min(max(edge, 0), photo.size[i % 2]) for i, edge in enumerate(box)]
        if box[0] < box[2] and box[1] < box[3]:
            photo.paste(blurred.crop(box), box[:2])
    return photo


def lost(classifier: Classifier, photo: Image.Image, rng: np.random.Generator) -> tuple[float, float]:
    """Return what the winning logit loses under the top fifth, and under random fifths in the mean."""
    heatmap = classifier.explain(photo).heatmap
    n = heatmap.contributions.size
    k = max(1, round(OUTLINED * n))

    def loss(cells) -> float:
        after = classifier.explain(blurred_under(photo, heatmap, cells), heatmap.label).heatmap
        return heatmap.contributions.sum() + heatmap.bias - after.contributions.sum() - after.bias

    top = np.argsort(heatmap.contributions.ravel())[-k:]
    return loss(top), float(np.mean([loss(rng.choice(n, k, replace=False)) for _ in range(N_RANDOM)]))


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
        "heatmap: blurring its top fifth lowers the winning logit more than a random fifth in {share:.1%} of {n} "
        "photos (by {top:.2f} against {at_random:.2f} in the median)"
    ).format(**told(losses))


@call_parse
def main(
    export: str,  # export.pkl to measure
    data: str,  # folder of photos, one folder a label
):
    "Print how much more an answer rests on the cells that EXPORT's heatmap shows than on others."
    classifier = load_classifier(export)
    if not classifier.explains:
        raise CliError(f"{export} gives no heatmaps: it has another head than pooling and linear layers.")
    print(summary(lost_by_all(classifier, get_photos(data))))
