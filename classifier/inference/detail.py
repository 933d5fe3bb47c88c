"""A second look, at twice the size, for the picture of where a network looked.

Reads  the cells of a photo, those of its four quarters, each enlarged to the size of the model's input, and the head
Gives  `detail_of` all labels, at twice the cells' resolution, and `shown_for` one label, as it is drawn

The exact contributions of 7 by 7 cells (`linear_head`) say what was added up, and little of where: half of a head's
features are maxima, each of which is the cell that has it and no other, and what speaks for all labels alike is in
every sum. So the picture shows the mean of two scales, maxima shared out over the cells that are nearly as high, less
what speaks for the other labels too, and smoothed a little. `python -m benchmarks.heatmap` compares both by what an
answer loses without the places shown, and by whether they point at the right half of two photos side by side.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from classifier.resize import Box

from .linear_head import LinearHead

MAX_NUMBERS = 30_000_000  # in an array that a detail is computed from
SHARPNESS = 2  # a maximum is shared out by this power of the cells
SIGMA = 1.2  # of the smoothing, in the detail's cells


def quarters(photo: Image.Image, seen: Box) -> list[Image.Image]:
    """Return the four quarters of what the model sees of a photo, in rows; black beyond the photo."""
    left, top, right, bottom = seen
    x, y = ([first, (first + last) / 2, last] for first, last in ((left, right), (top, bottom)))
    boxes = [(x[j], y[i], x[j + 1], y[i + 1]) for i in (0, 1) for j in (0, 1)]
    whole = [tuple(round(edge) for edge in box) for box in boxes]
    return [photo.crop((a, b, max(a + 1, c), max(b + 1, d))) for a, b, c, d in whole]


def detail_of(head: LinearHead, cells: np.ndarray, of_quarters: np.ndarray) -> np.ndarray | None:
    """Return (C, 2H, 2W) what each place says for each label; None where that would be too large, or no numbers.

    cells: (D, H, W); of_quarters: (4, D, H, W), of the quarters in rows.
    """
    d, height, width = cells.shape
    slopes = head.slopes(cells).astype(np.float32)
    if 4 * height * width * max(len(slopes), 2 * d) > MAX_NUMBERS:
        return None
    fine = of_quarters.reshape(2, 2, d, height, width).transpose(2, 0, 3, 1, 4).reshape(d, 2 * height, 2 * width)
    near, far = (slopes @ head.shares(part, SHARPNESS).astype(np.float32) for part in (fine, cells))
    wide = far.reshape(-1, height, width).repeat(2, axis=1).repeat(2, axis=2)
    detail = np.asarray((near.reshape(wide.shape) + wide / 4) / 2)
    return detail if np.isfinite(detail).all() else None


def shown_for(detail: np.ndarray, i: int, others: Sequence[float] | np.ndarray | None) -> np.ndarray:
    """Return (2H, 2W) the detail of label i less that of the other labels, smoothed.

    others: (C,) probabilities, which the other labels count by; None where a photo may have several labels.
    """
    shown = np.asarray(detail[i], dtype=np.float64)
    if others is not None and len(detail) > 1:
        weights = np.array(others, dtype=np.float64)
        weights[i] = 0
        total = weights.sum()
        weights = weights / total if total > 0 else (np.arange(len(weights)) != i) / (len(weights) - 1)
        shown = shown - np.tensordot(weights, detail, 1)
    rows, columns = (_smoothing(side) for side in shown.shape)
    return np.asarray(rows @ shown @ columns.T)


def _smoothing(n: int) -> np.ndarray:
    """Return (n, n) weights of a Gaussian, each row's sum 1."""
    distance = np.arange(n)[:, None] - np.arange(n)
    weights = np.exp(-(distance**2) / (2 * SIGMA**2))
    return np.asarray(weights / weights.sum(1, keepdims=True))
