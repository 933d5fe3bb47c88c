"""Read any file of `learn.export()` as data.

    export = read_as_data("export.pkl")
    export.labels, export.preprocess, export.model

The file is a pickle, which could run any program. Here it is read into inert nodes (`classifier.export.unpickler`);
labels (`.dataloaders`), transforms (`.transforms`) and the loss (`.loss`) are read from these, and the network is built
anew (`.network`).
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from classifier.preprocess import Preprocess

from .nodes import Call, InvalidExport, Node, attributes, described, name_of, pairs_of
from .storages import BrokenFile
from .torch_zip import LEGACY_MAGIC, BinaryFile, read_legacy, read_zip

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

LFS_POINTER = b"version https://git-lfs"
LEARNER = "fastai.learner.Learner"
OLDER = (
    "If it is older than the libraries here, open it with those it was made with (for fastai before 2.8: "
    "`pip install 'fastai<2.8' 'timm<1'`) and write it again."
)
TRUST = "Where you know who wrote it, TRUST_EXPORT=1 in the environment opens it as fastai does."
PACKAGES = {"PIL", "fastai", "fastcore", "fasttransform", "numpy", "timm", "torch", "torchvision"}


class ExportError(RuntimeError):
    """Raised for an export file that cannot be served, with a sentence that says what to do."""


@dataclass
class Export:
    """The part of a fastai export that is served."""

    labels: list[str]
    """in the order of the network's scores"""
    model: torch.nn.Module
    """on the CPU, in evaluation mode"""
    preprocess: Preprocess | Callable[[Image.Image], np.ndarray]
    """makes (C, H, W) float32 of a photo"""
    has_activation: bool = True
    """whether the loss has an activation of its own, so that the network gives scores and not probabilities"""
    multi_label: bool = False
    """whether a photo may have several labels, or none"""
    threshold: float = 0.5
    """of the loss, 0 to 1, exclusive: a photo gets each label with a probability above it, where it may have several"""
    facts: dict[str, Any] = field(default_factory=dict)
    """data about the model that `training.export` adds; {} for any other export"""
    trusted: bool = False
    """whether the file was opened as fastai does (TRUST_EXPORT=1)"""


def read_as_data(path: str | PathLike[str]) -> Export:
    """Return the `Export` in a file. Nothing that the file names is imported, called or given attributes."""
    from classifier.torchvision_compat import declare_operators

    declare_operators()
    path = Path(path)
    with path.open("rb") as file:
        return as_export_errors(path.name, lambda: _export_of(_read_learner(file, path.name)))


def read_bytes(data: bytes) -> Export:
    """Return what `read_as_data` does, for the bytes of an export that was never a file."""
    from classifier.torchvision_compat import declare_operators

    declare_operators()
    return as_export_errors("this export", lambda: _export_of(_read_learner(io.BytesIO(data), "this export")))


def check_file(path: str | PathLike[str]) -> None:
    """Raise ExportError for a file that is missing or no export, as far as its first bytes and its format show."""
    path = Path(path)
    if not path.is_file():
        raise ExportError(f"There is no export at {path}. Train one: `python -m training.train DATA`.")
    try:
        with path.open("rb") as file:
            head = file.read(len(LFS_POINTER))
    except OSError as error:
        raise ExportError(f"{path} could not be read: {error.strerror}.") from error
    if head == LFS_POINTER:
        raise ExportError(f"{path.name} is a Git LFS pointer, not the file itself. Run `git lfs pull`.")
    if not zipfile.is_zipfile(path) and head[: len(LEGACY_MAGIC)] != LEGACY_MAGIC:
        raise ExportError(
            f"{path.name} is not a fastai export, or only the first part of one. "
            "Write it again with `learn.export()`, or copy the whole file."
        )


def as_export_errors(name: str, read: Callable[[], Export]) -> Export:
    """Return what `read` does; whatever it raises becomes an ExportError for the file of that name."""
    from .dataloaders import UnsupportedTask
    from .network import UnknownNetworkClass
    from .transforms import UnknownTransform

    try:
        return read()
    except ExportError:
        raise
    except BrokenFile as error:
        raise ExportError(f"{name} {error}. Write it again with `learn.export()`, or copy the whole file.") from error
    except UnknownNetworkClass as error:
        raise _unknown_part(name, "model", error.name) from error
    except UnknownTransform as error:
        raise _unknown_part(name, "transforms", str(error)) from error
    except UnsupportedTask as error:
        raise ExportError(f"{name} {error}") from error
    except InvalidExport as error:
        raise ExportError(f"{name} {error}: not a fastai export, not opened. {TRUST}") from error
    except Exception as error:  # a broken pickle fails in any way that a list or a number can
        raise ExportError(
            f"{name} could not be opened: its pickle is broken ({type(error).__name__}: {str(error)[:200]}). {OLDER}"
        ) from error


def _unknown_part(name: str, part: str, thing: str) -> ExportError:
    if thing.partition(".")[0] in PACKAGES:
        return ExportError(
            f"{name} needs {thing} in its {part}, which is not known here, or not in the version here. {OLDER} {TRUST}"
        )
    return ExportError(
        f"{name} needs {thing or 'something'} in its {part}, which is not in the file and is not looked "
        f"up. Use a network and transforms out of fastai, torchvision or timm. {TRUST}"
    )


def _read_learner(file: BinaryFile, name: str) -> Call:
    """Return the node of the Learner in an export."""
    from .unpickler import load

    root = (read_zip if zipfile.is_zipfile(file) else read_legacy)(file, load)
    if not isinstance(root, Call) or name_of(root) != LEARNER:
        raise ExportError(f"{name} holds {described(root)}, not a fastai Learner. Write it with `learn.export()`.")
    return root


def _export_of(learner: Call) -> Export:
    """Return the `Export` in a Learner's node."""
    from .dataloaders import read_labels
    from .loss import read_loss
    from .network import NetworkBuilder
    from .transforms import read_preprocess

    parts = attributes(learner)
    labels, multi_label = read_labels(parts.get("dls"))
    loss = read_loss(parts.get("loss_func"), multi_label)
    return Export(
        labels,
        NetworkBuilder().build(parts.get("model")).eval(),
        read_preprocess(parts.get("dls")),
        loss.has_activation,
        multi_label,
        loss.threshold,
        read_facts(parts.get("fieldguide")),
    )


def read_transforms(path: Path) -> Preprocess:
    """Return the transforms of an export's validation, read as data; UnknownTransform or InvalidExport for others."""
    from .transforms import read_preprocess

    with path.open("rb") as file:
        return read_preprocess(attributes(_read_learner(file, path.name)).get("dls"))


def read_facts(node: Node) -> dict[str, Any]:
    """Return the data about the model that `training.export` has added; what is no plain data is left out."""
    from .tensors import DataReader, NotData

    facts, read = {}, DataReader()
    for key, value in pairs_of(node) or ():
        if type(key) is str:
            try:
                facts[key] = read(value)
            except NotData as error:
                log.warning("The export's %r is left out: it %s.", key[:40], error)
    return facts
