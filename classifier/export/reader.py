"""Read an export file, what `learn.export()` wrote, ours or anybody's, as data.

    export = read_export("export.pkl")
    export.labels, export.preprocess, export.model

The file is a pickle, which could run any program. Here it is read into inert nodes (`classifier.export.unpickler`); the labels
and transforms are read out of these (`classifier.export.dataloaders`), and the network is built anew (`classifier.export.network`).
"""
import io
import logging
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from classifier.preprocess import Preprocess

from .nodes import Made, Refused, attributes, described, name_of, pairs_of
from .torch_zip import BEFORE_ZIP, BrokenFile, read_before_zip, read_zip

log = logging.getLogger(__name__)

LFS_POINTER = b"version https://git-lfs"
LEARNER = "fastai.learner.Learner"
OLDER = ("If it is older than the libraries here, open it with those it was made with (for fastai before 2.8: "
         "`pip install 'fastai<2.8' 'timm<1'`) and write it again.")
TRUST = "Where you know who wrote it, TRUST_EXPORT=1 in the environment opens it as fastai does."
PACKAGES = {"PIL", "fastai", "fastcore", "fasttransform", "numpy", "timm", "torch", "torchvision"}


class ExportError(RuntimeError):
    """Why an export file cannot be served, in one sentence that says what to do."""


@dataclass
class Export:
    """What is served of a fastai export."""

    labels: list[str]
    """in the order of the network's scores"""
    model: Any
    """the torch module, on the CPU, in evaluation mode"""
    preprocess: Preprocess | Callable[[Image.Image], np.ndarray]
    """makes (C, H, W) float32 of a photo"""
    has_activation: bool = True
    """whether the loss has an activation of its own, so that the network gives scores and not probabilities"""
    facts: dict = field(default_factory=dict)
    """what our training wrote into the export about itself; {} for any other export"""
    trusted: bool = False
    """whether the file was opened as fastai does, since its writer is known (TRUST_EXPORT=1)"""


def read_export(path: str | PathLike) -> Export:
    """Return what is served of an export file.

    Nothing that the file names is imported, called or given attributes, so a stranger's file can do no more than
    answer wrongly. TRUST_EXPORT=1 in the environment opens the file as fastai itself does: then it can run any code
    of its writer's. Raises ExportError where the file is missing, broken, refused, or no single-label image classifier.
    """
    path = Path(path)
    check_file(path)
    from classifier.torchvision_compat import declare_operators

    declare_operators()
    if os.environ.get("TRUST_EXPORT") == "1":
        from .trusted import read_trusted

        return read_trusted(path)
    with path.open("rb") as file:
        return in_sentences(path.name, lambda: _built(_root(file, path.name)))


def read_bytes(data: bytes) -> Export:
    """Return what `read_export` does, for the bytes of an export that was never a file."""
    from classifier.torchvision_compat import declare_operators

    declare_operators()
    return in_sentences("this export", lambda: _built(_root(io.BytesIO(data), "this export")))


def check_file(path: str | PathLike) -> None:
    """Raise ExportError for what can be told without opening the pickle."""
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
    if not zipfile.is_zipfile(path) and head[:len(BEFORE_ZIP)] != BEFORE_ZIP:
        raise ExportError(f"{path.name} is not a fastai export, or only the first part of one. "
                          "Write it again with `learn.export()`, or copy the whole file.")


def in_sentences(name: str, read: Callable[[], Export]) -> Export:
    """Return what `read` does; what it raises becomes an ExportError for the file of that name."""
    from .dataloaders import OtherTask, Untranslatable
    from .network import NotBuilt

    try:
        return read()
    except ExportError:
        raise
    except BrokenFile as why:
        raise ExportError(f"{name} {why}. Write it again with `learn.export()`, or copy the whole file.") from why
    except NotBuilt as part:
        raise _not_here(name, "model", part.name) from part
    except Untranslatable as part:
        raise _not_here(name, "transforms", str(part)) from part
    except OtherTask as why:
        raise ExportError(f"{name} is not an image classifier with one label a photo "
                          "(ImageBlock in, CategoryBlock out): no other kind is served.") from why
    except Refused as why:
        raise ExportError(f"{name} {why}: not a fastai export, not opened. {TRUST}") from why
    except Exception as error:  # a broken pickle fails in any way that a list or a number can
        raise ExportError(f"{name} could not be opened: its pickle is broken "
                          f"({type(error).__name__}: {str(error)[:200]}). {OLDER}") from error


def _not_here(name: str, part: str, thing: str) -> ExportError:
    if thing.partition(".")[0] in PACKAGES:
        return ExportError(f"{name} needs {thing} in its {part}, which is not known here, or not in the version here. "
                           f"{OLDER} {TRUST}")
    return ExportError(f"{name} needs {thing or 'something'} in its {part}, which is not in the file and is not looked "
                       f"up. Use a network and transforms out of fastai, torchvision or timm. {TRUST}")


def _root(file: BinaryIO, name: str) -> Made:
    """Return the node of the Learner in an export."""
    from .unpickler import load

    root = (read_zip if zipfile.is_zipfile(file) else read_before_zip)(file, load)
    if name_of(root) != LEARNER:
        raise ExportError(f"{name} holds {described(root)}, not a fastai Learner. Write it with `learn.export()`.")
    return root


def _built(learner: Made) -> Export:
    """Return what is served of a Learner's node."""
    from .dataloaders import OtherTask, read_labels, translate
    from .network import Network

    parts = attributes(learner)
    loss = name_of(parts.get("loss_func"))
    if loss.rpartition(".")[2].startswith("BCE"):
        raise OtherTask
    labels = read_labels(parts.get("dls"))
    return Export(labels, Network().build(parts.get("model")).eval(), translate(parts.get("dls")),
                  loss.startswith("fastai.losses."), read_facts(parts.get("fieldguide")))


def read_transforms(path: Path) -> Preprocess:
    """Return the transforms of an export's validation, read as data; Untranslatable or Refused where they cannot be."""
    from .dataloaders import translate

    with path.open("rb") as file:
        return translate(attributes(_root(file, path.name)).get("dls"))


def read_facts(node: Any) -> dict:
    """Return what our training wrote into the export about itself; what is no plain data is left out."""
    from .tensors import NoData, Plain

    facts, plain = {}, Plain()
    for key, value in pairs_of(node) or ():
        if type(key) is str:
            try:
                facts[key] = plain(value)
            except NoData as why:
                log.warning("The export's %r is left out: it %s.", key[:40], why)
    return facts
