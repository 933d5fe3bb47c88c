"""The head of a network whose scores are sums over the cells of its last feature map.

    head = LinearHead.of(model[1])
    contributions, biases = head.contributions(cells)

A network for photos ends in a feature map of cells (7 by 7 for 224 pixels), which are pooled and fed to a few layers.
Where these are linear, or become linear when the ReLU pattern of the photo at hand is held, a label's logit is a sum
over the cells plus a bias: the contributions are the terms of that sum, not an estimate of them.
Source: Zhou et al. 2016, Learning Deep Features for Discriminative Localization, for average pooling and one layer;
maximum pooling, batch norm and ReLU are added here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

Layer = dict[str, np.ndarray]
MAX_LAYERS, MAX_WEIGHTS = 30, 20_000_000  # of a head: each number is copied twice as large


class LinearHead:
    """fastai's head of a backbone: pooling, then layers that are linear when their ReLUs are held."""

    def __init__(self, means: bool, maxima: bool, layers: Sequence[Mapping[str, Any]]) -> None:
        """means, maxima: whether the cells are pooled to each; maxima come first.

        layers: in order, {"weight": (O, I), "bias": (O,)} or {"scale": (I,), "shift": (I,)} or {} for a ReLU.
        """
        self._means, self._maxima = means, maxima
        self._layers: list[Layer] = [
            {name: np.asarray(values, dtype=np.float64) for name, values in layer.items()} for layer in layers
        ]

    def check(self, n_features: int, n_labels: int) -> None:
        """Raise ValueError unless the layers fit one another, from `n_features` channels to `n_labels` logits."""
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
    def of(cls, head: torch.nn.Module) -> LinearHead:
        """Return the head in a torch module; TypeError, naming the layer, for one that is no sum over cells."""
        pool, *leaves = _leaves(head)
        if len(leaves) > MAX_LAYERS or sum(part.numel() for one in leaves for part in one.parameters()) > MAX_WEIGHTS:
            raise TypeError("a head that is too large")
        name = type(pool).__name__
        if name not in ("AdaptiveConcatPool2d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d"):
            raise TypeError(f"a head that begins with {name}")
        layers = [layer for leaf in leaves if (layer := _layer(leaf)) is not None]
        return cls("Max" not in name, "Avg" not in name, layers)

    def to_data(self) -> dict[str, Any]:
        """Return the arguments of the constructor that make this head, numbers in float32 as they were trained."""
        return {
            "means": self._means,
            "maxima": self._maxima,
            "layers": [{name: values.astype(np.float32) for name, values in layer.items()} for layer in self._layers],
        }

    def contributions(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the (C, H, W) share of each cell in each label's logit, and (C,) biases, in float64.

        cells: (D, H, W), the backbone's feature map of one photo. A maximum belongs to the cell that has it, in
        equal parts where several have it.
        """
        by_feature = self.shares(cells)
        pooled = by_feature.sum(1)
        slopes, logits = self._slopes(pooled)
        return (slopes @ by_feature).reshape(-1, *cells.shape[1:]), logits - slopes @ pooled

    def shares(self, cells: np.ndarray, sharpness: float | None = None) -> np.ndarray:
        """Return the (D, H * W) part of each cell in each pooled feature: maxima, then means, in float64.

        sharpness: a maximum is shared out by this power of the cells; None: the cell that has it has it all.
        """
        flat, parts = cells.reshape(len(cells), -1).astype(np.float64), []
        if self._maxima:
            highest = flat.max(1, keepdims=True)
            weights = flat == highest if sharpness is None else flat.clip(0) ** sharpness
            parts.append(highest * weights / weights.sum(1, keepdims=True).clip(1e-12))
        if self._means:
            parts.append(flat / flat.shape[1])
        return np.concatenate(parts)

    def slopes(self, cells: np.ndarray) -> np.ndarray:
        """Return (C, D) derivatives of the logits by the pooled features of a photo's (D, H, W) cells."""
        return self._slopes(self.shares(cells).sum(1))[0]

    def _slopes(self, pooled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (C, D) derivatives of the logits by the pooled features, and the (C,) logits."""
        values = pooled
        factors: list[tuple[Callable[[Any, Any], Any], np.ndarray]] = []  # of the slopes: operation and operand
        for layer in self._layers:
            if "weight" in layer:
                factors.append((np.matmul, layer["weight"]))
                values = layer["weight"] @ values + layer["bias"]
            elif "scale" in layer:
                factors.append((np.multiply, layer["scale"]))
                values = values * layer["scale"] + layer["shift"]
            else:
                factors.append((np.multiply, values > 0))
                values = values.clip(0)
        # the last layer as a rule is linear: then no matrix of labels by labels is needed
        slopes = factors.pop()[1] if factors and "weight" in self._layers[-1] else np.eye(len(values))
        for operation, operand in reversed(factors):
            slopes = operation(slopes, operand)
        return slopes, values


def _layer(leaf: Any) -> Layer | None:
    """Return a torch layer as `LinearHead` takes it; None for one that does nothing, TypeError for any other."""
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
        return {
            "scale": scale,
            "shift": (0 if leaf.bias is None else _numbers(leaf.bias)) - _numbers(leaf.running_mean) * scale,
        }
    raise TypeError(f"a head with {name}")


def _numbers(tensor: torch.Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().double().numpy())


def _leaves(module: torch.nn.Module) -> list[torch.nn.Module]:
    """Return the layers of a module in order, also those inside its sequences."""
    from torch import nn

    if not isinstance(module, nn.Sequential):
        return [module]
    return [leaf for child in module for leaf in _leaves(child)]
