"""Where the model looked: each cell's share in a label's score, and a picture of it on the photo.

A network for photos ends in a map of cells (7 by 7 for 224 pixels), which are pooled and fed to a few
layers. Where those are linear, or are made so by holding the ReLU pattern of the photo at hand, a label's
logit is a sum over the cells plus a bias: the picture shows what was added up, not an estimate of it.
Source: Zhou et al. 2016, Learning Deep Features for Discriminative Localization; maximum pooling, batch
norm and ReLU are ours.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from classifier.preprocess import Box

FOR, AGAINST = (255, 140, 0), (0, 110, 255)  # orange and blue are apart for every kind of colour vision
GREYS = (45, 215)  # the range that the photo itself keeps, so that both show on dark and on light ones
STRONGEST, UNSEEN = 0.85, 0.35  # how much of a pixel the colours take at most; what is left outside the cells
LINE = (30, 255)  # dark and light: an outline for any ground
COUNTS_MOST = 0.2  # the share of the cells that is outlined
MOST_LAYERS, MOST_WEIGHTS = 30, 20_000_000  # of a head: each number is copied twice as large
SIDE = 640  # pixels of the picture's longer side


@dataclass(frozen=True)
class Heatmap:
    """Where the model looked for one label in one photo."""

    label: str
    contributions: np.ndarray
    """(H, W): each cell's share in the label's logit, positive for, negative against"""
    bias: float
    """the rest of the logit, which belongs to no cell: `contributions.sum() + bias` is the logit"""
    seen: Box
    """where the cells lie, in pixels of the photo; beyond the photo where the model's input is padded"""
    strongest: float
    """the largest share, as a magnitude, of a cell in any label: what the colours are scaled by"""

    def drawn_on(self, photo: Image.Image, side: int = SIDE) -> Image.Image:
        """Return the photo, upright as it is and its longer side at most `side`, in grey under colours.

        Orange speaks for the label, blue against it; the fifth of the cells that counts most is outlined;
        what the model did not look at is dark.
        """
        small = photo.convert("L")
        small.thumbnail((side, side), reducing_gap=3)
        grey = GREYS[0] + np.asarray(small, dtype=np.float32) * ((GREYS[1] - GREYS[0]) / 255)
        shares = self.spread(photo.size, small.size)
        seen = ~np.isnan(shares)
        shares = np.where(seen, shares, 0)[..., None]
        strength = STRONGEST * (np.abs(shares) / (self.strongest or 1)).clip(0, 1)
        picture = grey[..., None] * (1 - strength) + np.where(shares > 0, FOR, AGAINST) * strength
        picture[~seen] *= UNSEEN
        counted = seen & (shares[..., 0] > max(0, np.quantile(shares[seen], 1 - COUNTS_MOST) if seen.any() else 0))
        for width, shade in zip((3, 1), LINE):
            picture[_edge(counted, width)] = shade
        return Image.fromarray(picture.round().clip(0, 255).astype(np.uint8))

    def spread(self, photo_size: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
        """Return the shares over a picture of `size` (width, height), smooth from cell to cell.

        Returns (H, W) float32; NaN where the model did not look.
        """
        left, top, right, bottom = self.seen
        rows = _interpolation(size[1], top / photo_size[1], bottom / photo_size[1], len(self.contributions))
        columns = _interpolation(size[0], left / photo_size[0], right / photo_size[0], len(self.contributions[0]))
        return rows @ self.contributions.astype(np.float32) @ columns.T


def _interpolation(n_pixels: int, start: float, end: float, n_cells: int) -> np.ndarray:
    """Return (n_pixels, n_cells) weights that spread cells between `start` and `end`, 0 to 1 of a side.

    NaN in the rows of pixels outside.
    """
    at = ((np.arange(n_pixels) + 0.5) / n_pixels - start) / max(end - start, 1e-9)
    # a cell's own value is that of its middle; linear from middle to middle, flat at the rim
    distance = np.abs((at * n_cells - 0.5).clip(0, n_cells - 1)[:, None] - np.arange(n_cells))
    weights = (1 - distance).clip(0, 1).astype(np.float32)
    weights[(at < 0) | (at > 1)] = np.nan
    return weights


def _edge(mask: np.ndarray, width: int) -> np.ndarray:
    """Return the pixels of a mask that lie within `width` of its edge, picture's rim left out."""
    inner = np.pad(mask, width, mode="edge")
    height, length = mask.shape
    shifted = [inner[width + y:width + y + height, width + x:width + x + length]
               for y, x in ((-width, 0), (width, 0), (0, -width), (0, width))]
    return mask & ~np.logical_and.reduce(shifted)


class LinearHead:
    """What fastai puts on a backbone: pooling, then layers that are linear once their ReLUs are held."""

    def __init__(self, means: bool, maxima: bool, layers: Sequence[dict]):
        """means, maxima: what the cells are pooled to; of both, maxima come first.

        layers: in order, {"weight": (O, I), "bias": (O,)} or {"scale": (I,), "shift": (I,)} or {} for a ReLU.
        """
        self._means, self._maxima = means, maxima
        self._layers = [{name: np.asarray(values, dtype=np.float64) for name, values in layer.items()}
                        for layer in layers]

    def check(self, n_features: int, n_labels: int) -> None:
        """Raise ValueError unless the layers fit one another: from so many channels of the cells to so many logits."""
        width = n_features * (self._means + self._maxima)
        for layer in self._layers:
            weight = layer.get("weight")
            if weight is not None:
                fits, width = weight.ndim == 2 and weight.shape[1] == width > 0, len(weight)
                fits = fits and layer["bias"].shape == (width,)
            else:
                fits = all(values.shape == (width,) for values in layer.values())
            if not fits or set(layer) not in ({"weight", "bias"}, {"scale", "shift"}, set()):
                raise ValueError("a head whose layers do not fit")
        if width != n_labels:
            raise ValueError("a head of other labels")

    @classmethod
    def of(cls, head) -> "LinearHead":
        """Return the head in a torch module; raises TypeError, naming the layer, where cells cannot be told apart."""
        pool, *leaves = _leaves(head)
        if len(leaves) > MOST_LAYERS or sum(part.numel() for one in leaves for part in one.parameters()) > MOST_WEIGHTS:
            raise TypeError("a head that is too large")
        name = type(pool).__name__
        if name not in ("AdaptiveConcatPool2d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d"):
            raise TypeError(f"a head that begins with {name}")
        layers = [layer for leaf in leaves if (layer := _layer(leaf)) is not None]
        return cls("Max" not in name, "Avg" not in name, layers)

    def to_data(self) -> dict:
        """Return the arguments that make this head again, numbers in float32 as they were trained."""
        return {"means": self._means, "maxima": self._maxima,
                "layers": [{name: values.astype(np.float32) for name, values in layer.items()}
                           for layer in self._layers]}

    def contributions(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (C, H, W) shares of each cell in each label's logit, and (C,) biases, in float64.

        cells: (D, H, W), what the backbone gives for one photo. A maximum belongs to the cell that won it,
        in equal parts where several did.
        """
        flat = cells.reshape(len(cells), -1).astype(np.float64)
        # by pooled feature: how the cells make it up, (maxima and means, cells)
        made_of = []
        if self._maxima:
            highest = flat.max(1, keepdims=True)
            won = flat == highest
            made_of.append(highest * won / won.sum(1, keepdims=True))
        if self._means:
            made_of.append(flat / flat.shape[1])
        made_of = np.concatenate(made_of)
        pooled = made_of.sum(1)
        slopes, logits = self._slopes(pooled)
        return (slopes @ made_of).reshape(-1, *cells.shape[1:]), logits - slopes @ pooled

    def _slopes(self, pooled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (C, D) derivatives of the logits by the pooled features, and the (C,) logits."""
        values, passed = pooled, []
        for layer in self._layers:
            if "weight" in layer:
                passed.append(lambda slopes, layer=layer: slopes @ layer["weight"])
                values = layer["weight"] @ values + layer["bias"]
            elif "scale" in layer:
                passed.append(lambda slopes, layer=layer: slopes * layer["scale"])
                values = values * layer["scale"] + layer["shift"]
            else:
                passed.append(lambda slopes, on=values > 0: slopes * on)
                values = values.clip(0)
        if passed and "weight" in self._layers[-1]:  # as a rule: no square of labels by labels
            slopes, passed = self._layers[-1]["weight"], passed[:-1]
        else:
            slopes = np.eye(len(values))
        for by in reversed(passed):
            slopes = by(slopes)
        return slopes, values


def _layer(leaf) -> dict | None:
    """Return a torch layer as `LinearHead` takes it; None for one that does nothing; TypeError for another."""
    name = type(leaf).__name__
    if name in ("Flatten", "Identity", "Dropout"):
        return None
    if name == "ReLU":
        return {}
    if name == "Linear":
        weight = _numbers(leaf.weight)
        return {"weight": weight, "bias": np.zeros(len(weight)) if leaf.bias is None else _numbers(leaf.bias)}
    if name == "BatchNorm1d":
        scale = 1 / np.sqrt(_numbers(leaf.running_var) + leaf.eps)
        scale = scale if leaf.weight is None else scale * _numbers(leaf.weight)
        return {"scale": scale,
                "shift": (0 if leaf.bias is None else _numbers(leaf.bias)) - _numbers(leaf.running_mean) * scale}
    raise TypeError(f"a head with {name}")


def _numbers(tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


def _leaves(module) -> list:
    """Return the layers of a module in order, those inside its sequences too."""
    from torch import nn

    if not isinstance(module, nn.Sequential):
        return [module]
    return [leaf for child in module for leaf in _leaves(child)]
