"""The heatmap of a prediction: each cell's contribution to a label's score, and a picture of it on the photo.

The cells are those of the network's last feature map (7 by 7 for 224 pixels), and `classifier.inference.linear_head`
gives their contributions, which with a bias add up to the score.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from classifier.resize import Box

FOR, AGAINST = (255, 140, 0), (0, 110, 255)  # orange and blue differ for every kind of colour vision
GREYS = (45, 215)  # the range of the photo's greys, so that colours show on dark and on light photos
MAX_COLOR = 0.85  # the largest share of a pixel that the colours take
UNSEEN = 0.3  # what is left of the contrast outside the cells, around PALE
PALE = 170  # grey
LINES = ((3, 30), (1, 255))  # width and grey of the outline: a light line on a dark one shows on any photo
OUTLINED = 0.2  # the share of the cells that is outlined
SIDE = 640  # pixels of the picture's longer side


@dataclass(frozen=True)
class Heatmap:
    """The contributions of one photo's cells to the score of one label."""

    label: str
    contributions: np.ndarray
    """(H, W): the share of each cell in the label's logit; positive for the label, negative against it"""
    bias: float
    """the rest of the logit, which belongs to no cell: `contributions.sum() + bias` is the logit"""
    seen: Box
    """where the cells lie, in pixels of the photo; beyond the photo where the model's input is padded"""
    largest: float
    """the largest magnitude in what is drawn for this label or the most probable one: it has the strongest colour"""
    detail: np.ndarray | None = None
    """(2H, 2W): what is drawn, see `classifier.inference.detail`; None: the contributions are"""

    @property
    def shown(self) -> np.ndarray:
        """What is drawn, (H, W) or (2H, 2W)."""
        return self.contributions if self.detail is None else self.detail

    def draw_on(self, photo: Image.Image, side: int = SIDE) -> Image.Image:
        """Return the photo in grey with the heatmap over it, its longer side at most `side` pixels.

        Orange is for the label, blue against it. The fifth of the cells with the largest shares is outlined.
        What lies outside the model's input is pale.
        """
        small = photo.convert("L")
        small.thumbnail((side, side), reducing_gap=3)
        grey = GREYS[0] + np.asarray(small, dtype=np.float32) * ((GREYS[1] - GREYS[0]) / 255)
        shares = self.interpolated(photo.size, small.size)
        seen = ~np.isnan(shares)
        shares = np.where(seen, shares, 0)[..., None]
        strength = MAX_COLOR * (np.abs(shares) / (self.largest or 1)).clip(0, 1)
        picture = grey[..., None] * (1 - strength) + np.where(shares > 0, FOR, AGAINST) * strength
        picture[~seen] = PALE + (picture[~seen] - PALE) * UNSEEN
        outlined = seen & (shares[..., 0] > max(0, np.quantile(shares[seen], 1 - OUTLINED) if seen.any() else 0))
        for width, line_grey in LINES:
            picture[_edge(outlined, width)] = line_grey
        return Image.fromarray(picture.round().clip(0, 255).astype(np.uint8))

    def interpolated(self, photo_size: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
        """Return the shares over a picture of `size` (width, height), interpolated linearly between cells.

        Returns (H, W) float32; NaN outside the model's input.
        """
        left, top, right, bottom = self.seen
        shown = self.shown
        rows = _interpolation(size[1], top / photo_size[1], bottom / photo_size[1], len(shown))
        columns = _interpolation(size[0], left / photo_size[0], right / photo_size[0], len(shown[0]))
        return np.asarray(rows @ shown.astype(np.float32) @ columns.T)


def _interpolation(n_pixels: int, start: float, end: float, n_cells: int) -> np.ndarray:
    """Return (n_pixels, n_cells) weights of cells that lie between `start` and `end`, 0 to 1 of a side.

    NaN in the rows of pixels outside.
    """
    at = ((np.arange(n_pixels) + 0.5) / n_pixels - start) / max(end - start, 1e-9)
    # a pixel at the middle of a cell has the cell's value; linear between middles, constant beyond the outer ones
    distance = np.abs((at * n_cells - 0.5).clip(0, n_cells - 1)[:, None] - np.arange(n_cells))
    weights = (1 - distance).clip(0, 1).astype(np.float32)
    weights[(at < 0) | (at > 1)] = np.nan
    return weights


def _edge(mask: np.ndarray, width: int) -> np.ndarray:
    """Return the pixels of a mask that lie within `width` of its edge; the picture's border is no edge."""
    inner = np.pad(mask, width, mode="edge")
    height, length = mask.shape
    shifted = [
        inner[width + y : width + y + height, width + x : width + x + length]
        for y, x in ((-width, 0), (width, 0), (0, -width), (0, width))
    ]
    return np.asarray(mask & ~np.logical_and.reduce(shifted))
