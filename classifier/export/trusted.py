"""Open an export as fastai itself does (TRUST_EXPORT=1). Its writer's code runs: only for writers whom you know."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from classifier.preprocess import Preprocess
from classifier.torchvision_compat import declare_operators

from .dataloaders import UnsupportedTask, label_text
from .loss import BASE_LOSS, Loss, loss_of
from .nodes import InvalidExport
from .reader import Export, ExportError, as_export_errors, read_transforms
from .transforms import UnknownTransform

if TYPE_CHECKING:
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner

log = logging.getLogger(__name__)


def read_trusted(path: Path) -> Export:
    """Return the `Export` in a file whose writer is trusted: it may have networks and transforms of its own."""
    declare_operators()  # before torchvision is imported
    import fastai.vision.all  # noqa: F401  fastai patches Pillow's classes as it is imported
    import torch

    log.warning("TRUST_EXPORT=1: %s is opened as fastai does, and can run any code of its writer's.", path.name)
    try:
        learn = torch.load(path, map_location="cpu", weights_only=False)
    except (ImportError, AttributeError) as error:
        raise ExportError(
            f"{path.name} needs code that is not here ({error}). Export it again with label functions "
            "out of fastai or out of a module, not out of the notebook."
        ) from error
    except Exception as error:  # a pickle can fail in any way that code can
        raise ExportError(f"{path.name} could not be opened: {type(error).__name__}: {error}") from error
    return as_export_errors(path.name, lambda: _export_of(learn, path))


def _export_of(learn: Any, path: Path) -> Export:
    """Return the `Export` in what the file holds; ExportError unless that is a Learner."""
    from fastai.learner import Learner

    if not isinstance(learn, Learner):
        raise ExportError(
            f"{path.name} holds {type(learn).__module__}.{type(learn).__qualname__}, not a fastai "
            "Learner. Write it with `learn.export()`."
        )
    _check_task(learn)
    multi_label = _multi_label(learn)
    loss = _loss_of(learn.loss_func, multi_label)
    preprocess: Preprocess | FastaiTransforms
    try:
        preprocess = read_transforms(path)
    except (UnknownTransform, InvalidExport) as error:
        log.warning("This export uses %s, which only fastai itself can run: answers are right, but slower.", error)
        preprocess = FastaiTransforms(learn.dls)
    facts = getattr(learn, "fieldguide", None)
    return Export(
        [label_text(label) for label in learn.dls.vocab],
        learn.model.cpu().eval(),
        preprocess,
        loss.has_activation,
        multi_label,
        loss.threshold,
        facts if isinstance(facts, dict) else {},
        trusted=True,
    )


def _check_task(learn: Learner) -> None:
    """Raise UnsupportedTask unless this is a Learner that gives labels for one image."""
    from fastai.vision.core import PILBase

    try:
        takes_photos = learn.dls.n_inp == 1 and issubclass(input_class(learn.dls), PILBase)
        vocab = list(learn.dls.vocab)
    except (AttributeError, TypeError, IndexError):
        takes_photos, vocab = False, []
    several = vocab and not isinstance(vocab[0], str) and hasattr(vocab[0], "__len__")
    if not takes_photos or not vocab or several:
        raise UnsupportedTask


def _multi_label(learn: Learner) -> bool:
    """Return whether a Learner gives a photo several of its labels, or none."""
    from fastai.data.transforms import EncodedMultiCategorize, MultiCategorize

    return any(isinstance(tfm, (MultiCategorize, EncodedMultiCategorize)) for tfm in learn.dls.valid_ds.tls[-1].tfms.fs)


def _loss_of(loss: Any, multi_label: bool) -> Loss:
    """Return the `Loss` of a Learner's loss, a class, a function or an object."""
    name, inner = _full_name(loss), _full_name(getattr(loss, "func", None))
    found = loss_of(name, inner, getattr(loss, "thresh", None), multi_label)
    own_activation = hasattr(loss, "activation") and not (multi_label and name == BASE_LOSS)  # its is fastai's `noops`
    return Loss(own_activation, found.threshold)


def _full_name(thing: Any) -> str:
    """Return the module and name of an object's class."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def input_class(dls: DataLoaders) -> Any:
    """Return the class that a Learner's first pipeline makes of a file: `PILImage` as a rule."""
    return dls.valid_ds.tls[0].types[-1]


class FastaiTransforms:
    """The export's own transforms, run by fastai: slow, and one photo at a time."""

    def __init__(self, dls: DataLoaders) -> None:
        self._dls = dls.cpu()  # an export made on a GPU sends its batches there
        self._lock = threading.Lock()  # fastai's transforms keep state on themselves

    def __call__(self, photo: Image.Image) -> np.ndarray:
        """Return what the transforms make of a photo, (C, H, W) float32."""
        cls = input_class(self._dls)
        item = cls.create(photo.convert(cls._open_args.get("mode", "RGB")))
        with self._lock:
            photos = self._dls.test_dl([item], num_workers=0).one_batch()[0]
            samples: np.ndarray = photos[0].cpu().numpy()
        return samples
