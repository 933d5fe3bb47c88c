"""fastai's resizing of a batch (presizing) without torch: what `aug_transforms(size=)` does in validation.

There the affine matrix is the identity, so that torch's `grid_sample` is one matrix for the rows and one for the
columns. Where the photo shrinks to less than half, fastai takes means over areas first; so does this.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

MODES = ("bilinear",)  # not "nearest", which libraries round differently
EDGES = ("zeros", "border", "reflection")


@dataclass(frozen=True)
class Resample:
    """Resize (C, H, W) samples to `size`, after a crop where `crop` is set."""

    size: tuple[int, int]  # width, height
    pad_mode: str
    align_corners: bool
    crop: tuple[float, float, float] | None = None
    """of `RandomResizedCropGPU`: the narrowest and widest proportions that are kept, and the share of a side"""

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return (C, h, w) float32."""
        left, top, right, bottom = self._cropped((samples.shape[2], samples.shape[1]))
        samples = samples[:, top:bottom, left:right]
        height, width = samples.shape[1:]
        rows, columns = _matrices((height, width), (self.size[1], self.size[0]), self.pad_mode, self.align_corners)
        return np.ascontiguousarray(rows @ samples @ columns.T)

    def region(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return which part of a photo of `size` becomes this step's output: left, top, right, bottom."""
        return self._cropped(size)

    def _cropped(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the part of a photo of `size` that is kept."""
        width, height = size
        if self.crop is None:
            return 0, 0, width, height
        narrow, wide, share = self.crop
        kept = height, width  # as fastai computes them, with its error for narrow photos
        if width / height < narrow:
            kept = int(width / narrow), width
        elif width / height > wide:
            kept = height, int(height * wide)
        kept = int(kept[0] * share), int(kept[1] * share)
        top, left = (height - kept[0]) // 2, (width - kept[1]) // 2
        return max(left, 0), max(top, 0), min(left + kept[1], width), min(top + kept[0], height)


@lru_cache(16)
def _matrices(
    size: tuple[int, int],
    to: tuple[int, int],
    pad_mode: str,
    align_corners: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (h, H) and (w, W) float32: the weights of the input's rows and columns in the output's. size, to: H, W."""
    by = min(size[0] / to[1], size[1] / 2) / 2  # of the grid's last two sides, as fastai computes it
    zoom = 1 if align_corners else max(to) / max(max(to) - 1, 1e-9)
    shrunk = [np.eye(side) for side in size]
    if by > 1 and by > zoom:
        shrunk = [_area_means(side, int(side * (1 / by))) for side in size]
    rows, columns = (_bilinear(len(means), side, pad_mode, align_corners) @ means for means, side in zip(shrunk, to))
    return rows.astype(np.float32), columns.astype(np.float32)


def _area_means(side: int, to: int) -> np.ndarray:
    """Return (to, side) weights: means over areas, as of torch's `interpolate(mode="area")`."""
    weights = np.zeros((to, side))
    for i in range(to):
        start, end = i * side // to, -(-(i + 1) * side // to)
        weights[i, start:end] = 1 / (end - start)
    return weights


def _bilinear(side: int, to: int, pad_mode: str, align_corners: bool) -> np.ndarray:
    """Return (to, side) weights: the two samples between which `grid_sample` interpolates each output."""
    grid = np.linspace(-1, 1, to) if to > 1 else np.zeros(1)
    at = (grid + 1) / 2 * (side - 1) if align_corners else ((grid * (to - 1) / to + 1) * side - 1) / 2
    if pad_mode != "zeros":
        at = at.clip(0, side - 1)  # the identity never leads further out than half a sample
    weights = np.zeros((to, side))
    low = np.floor(at)
    for step, share in ((0, 1 - (at - low)), (1, at - low)):
        index = (low + step).astype(int)
        inside = (index >= 0) & (index < side)
        np.add.at(weights, (np.arange(to)[inside], index[inside]), share[inside])
    return weights
