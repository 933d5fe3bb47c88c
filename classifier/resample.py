"""fastai's resizing on the batch (presizing), without torch: what `aug_transforms(size=)` does in validation.

There the affine matrix is the identity, so that torch's `grid_sample` comes down to one matrix for the rows and one
for the columns. Where the photo shrinks to less than half, fastai takes means over areas first; so does this.
"""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

MODES = ("bilinear",)  # what rounding makes of "nearest" differs from library to library
EDGES = ("zeros", "border", "reflection")


@dataclass(frozen=True)
class Resample:
    """Bring (C, H, W) samples to `size`; `crop` says what part of them is kept first."""

    size: tuple[int, int]  # width, height
    pad_mode: str
    align_corners: bool
    crop: tuple[float, float, float] | None = None
    """narrowest and widest proportions that are kept, and the share of a side: of `RandomResizedCropGPU`"""

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return (C, h, w) float32."""
        left, top, right, bottom = self._kept((samples.shape[2], samples.shape[1]))
        samples = samples[:, top:bottom, left:right]
        height, width = samples.shape[1:]
        rows, columns = _matrices((height, width), (self.size[1], self.size[0]), self.pad_mode, self.align_corners)
        return np.ascontiguousarray(rows @ samples @ columns.T)

    def region(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return which part of a photo of `size` becomes this step's output: left, top, right, bottom."""
        return self._kept(size)

    def shrinks(self, size: tuple[int, int]) -> float:
        """Return 1: this step needs every pixel."""
        return 1

    def _kept(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        width, height = size
        if self.crop is None:
            return 0, 0, width, height
        narrow, wide, share = self.crop
        kept = height, width  # as fastai computes them, its slip for narrow photos included
        if width / height < narrow:
            kept = int(width / narrow), width
        elif width / height > wide:
            kept = height, int(height * wide)
        kept = int(kept[0] * share), int(kept[1] * share)
        top, left = (height - kept[0]) // 2, (width - kept[1]) // 2
        return max(left, 0), max(top, 0), min(left + kept[1], width), min(top + kept[0], height)


@lru_cache(16)
def _matrices(size: tuple[int, int], to: tuple[int, int], pad_mode: str, align_corners: bool,
              ) -> tuple[np.ndarray, np.ndarray]:
    """Return (h, H) and (w, W) float32: what each row and column of the output is made of. size, to: height, width."""
    by = min(size[0] / to[1], size[1] / 2) / 2  # so fastai has it: it takes the grid's last two sides for a photo's
    zoom = 1 if align_corners else max(to) / max(max(to) - 1, 1e-9)
    first = [np.eye(side) for side in size]
    if by > 1 and by > zoom:
        first = [_means(side, int(side * (1 / by))) for side in size]
    found = [_sampled(len(means), wanted, pad_mode, align_corners) @ means for means, wanted in zip(first, to)]
    return found[0].astype(np.float32), found[1].astype(np.float32)


def _means(side: int, to: int) -> np.ndarray:
    """Return (to, side): means over areas, as torch's `interpolate(mode="area")` takes them."""
    found = np.zeros((to, side))
    for i in range(to):
        start, end = i * side // to, -(-(i + 1) * side // to)
        found[i, start:end] = 1 / (end - start)
    return found


def _sampled(side: int, to: int, pad_mode: str, align_corners: bool) -> np.ndarray:
    """Return (to, side): the two samples between which `grid_sample` takes each output, and how much of each."""
    grid = np.linspace(-1, 1, to) if to > 1 else np.zeros(1)
    at = (grid + 1) / 2 * (side - 1) if align_corners else ((grid * (to - 1) / to + 1) * side - 1) / 2
    if pad_mode != "zeros":
        at = at.clip(0, side - 1)  # the identity never leads further out than half a sample
    found = np.zeros((to, side))
    low = np.floor(at)
    for step, share in ((0, 1 - (at - low)), (1, at - low)):
        index = (low + step).astype(int)
        inside = (index >= 0) & (index < side)
        np.add.at(found, (np.arange(to)[inside], index[inside]), share[inside])
    return found
