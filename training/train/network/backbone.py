"""Load a pretrained network of torchvision or timm by its name, without its classifier.

Usage:

    load_backbone("resnet18")                                     # pretrained, downloaded once
    load_backbone("mobilenet_v2", weights="mobilenet_v2.pth")     # from a local state dict
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
import timm
import torch
import torchvision
from fastai.vision.learner import TimmBody
from fastcore.script import CliError
from torch import nn

from .weights import load_weights

INCEPTION_STATS = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])  # these two networks undo ImageNet's inside themselves
IMAGENET_STATS = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@dataclass(frozen=True)
class Backbone:
    """A network without its classifier."""

    body: nn.Module
    n_features: int
    spatial: bool
    """whether `body` gives a map of features, (N, F, H, W), still to be pooled; else (N, F)"""
    stats: tuple[list[float], list[float]]
    """mean and standard deviation that its inputs are normalised with"""

    def accepts_size(self, size: int) -> bool:
        """Return whether it accepts photos of `size` pixels a side; most transformers accept only one size."""
        was_training = self.body.training
        try:
            with torch.no_grad():
                return self.body.eval()(torch.zeros(1, 3, size, size)).shape[1] == self.n_features
        except Exception:  # each network has its own way to refuse a size
            return False
        finally:
            self.body.train(was_training)


def load_backbone(
    name: str, pretrained: bool = True, weights: str | Path | None = None, image_size: int = 224
) -> Backbone:
    """Return a network by its torchvision or timm name, without its classifier.

    weights: a local state dict of the whole network (.pth or .safetensors), instead of a download.
    Raises CliError for an unknown name (the nearest ones are offered), for weights that do not fit,
    for a download that fails and for an image size that the network does not take.
    """
    if name in torchvision.models.list_models(module=torchvision.models):
        model = _build(
            lambda **kw: torchvision.models.get_model(name, **kw),
            name,
            {"weights": "DEFAULT" if pretrained and not weights else None},
        )
        stats = INCEPTION_STATS if name in ("googlenet", "inception_v3") else IMAGENET_STATS
    elif timm.is_model(name):
        model = _build(lambda **kw: timm.create_model(name, **kw), name, {"pretrained": pretrained and not weights})
        config = cast(dict[str, Any], model.default_cfg)
        stats = (list(config["mean"]), list(config["std"]))
    else:
        raise CliError(_unknown(name))
    if weights:
        load_weights(model, Path(weights), name)
    with torch.no_grad():
        body, shape = _cut(model, name, image_size)
    return Backbone(body, shape[1], len(shape) == 4, stats)


def _build(create: Callable[..., nn.Module], name: str, options: dict[str, Any]) -> nn.Module:
    """Return the whole network, downloading its weights where the options ask for them."""
    try:
        return create(**options).eval()
    except OSError as error:  # URLError, HTTPError and the Hub's errors are all OSErrors
        raise CliError(
            f"The pretrained weights of {name} could not be downloaded ({error}). "
            "Give a local file with --weights FILE, or train without: --no-pretrained."
        ) from error
    except RuntimeError as error:
        if "retrained" not in str(error):
            raise
        raise CliError(
            f"There are no pretrained weights for {name}: give --weights FILE or --no-pretrained."
        ) from error


def _unknown(name: str) -> str:
    """Return the error message for an unknown name, with the most similar names."""
    names = {*torchvision.models.list_models(module=torchvision.models), *timm.list_models()}
    near = get_close_matches(name, names, n=3) or ["resnet18", "mobilenet_v2", "convnext_tiny"]
    return f"Neither torchvision nor timm has an architecture {name!r}. Did you mean {', '.join(near)}?"


def _cut(model: nn.Module, name: str, image_size: int) -> tuple[nn.Module, torch.Size]:
    """Return the network without pooling and classifier, and the shape of its output for one photo.

    Where everything before the pooling is a plain sequence, it is cut there, as in fastai; a network of another
    structure (most transformers) keeps its own pooling and loses its last linear layer.
    """
    photo = torch.zeros(1, 3, image_size, image_size)
    try:
        return _timm_body(model, photo) if hasattr(model, "default_cfg") else _torchvision_body(model, photo)
    except Exception as error:  # each network has its own way to refuse a size
        size = getattr(model, "default_cfg", {}).get("input_size", (3, 224, 224))[-1]
        advice = f"Try --image-size {size}" if size != image_size else "Try another architecture"
        raise CliError(f"{name} takes no photos of {image_size} pixels ({error}). {advice}.") from error


def _timm_body(model: nn.Module, photo: torch.Tensor) -> tuple[nn.Module, torch.Size]:
    """Return a timm network as fastai wraps it, and the shape of its features."""
    cast(Any, model).reset_classifier(0)
    body = TimmBody(model)
    shape = body(photo).shape
    if len(shape) != 4 or shape[1] == shape[2] != shape[3]:  # tokens, or cells with channels last
        body.needs_pool = False  # fastai's word for "forward_features, then our pooling"
        shape = body(photo).shape
    return body, shape


def _torchvision_body(model: nn.Module, photo: torch.Tensor) -> tuple[nn.Module, torch.Size]:
    """Return a torchvision network up to its pooling, or all of it where it is no sequence."""
    for name in {"AuxLogits", "aux1", "aux2"} & dict(model.named_children()).keys():
        setattr(model, name, None)  # GoogLeNet's and Inception's extra outputs serve their own training only
    try:
        body: nn.Module = _before_pooling(model)
        shape = body(photo).shape
        if len(shape) == 4:
            return body, shape
    except (RuntimeError, AssertionError, TypeError, ValueError, NotImplementedError):
        pass
    body = _without_last_linear(model)
    return body, body(photo).shape


def _before_pooling(model: nn.Module) -> nn.Sequential:
    """Return the children up to the global pooling or the classifier, whichever comes first."""
    children = []
    for name, child in model.named_children():
        if isinstance(child, nn.AdaptiveAvgPool2d) or name in ("classifier", "fc", "head", "heads"):
            break
        children.append(child)
    return nn.Sequential(*children) if len(children) != 1 else nn.Sequential(*children[0].children())


def _without_last_linear(model: nn.Module) -> nn.Module:
    """Return the whole network with its last linear layer left out."""
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    parent, _, last = names[-1].rpartition(".")
    setattr(model.get_submodule(parent), last, nn.Identity())
    return model
