"""Read an export file: what `learn.export()` wrote, ours or anybody's.

    learn = read_export("export.pkl")
"""
import zipfile
from os import PathLike
from pathlib import Path

from .transforms import input_class

LFS_POINTER = b"version https://git-lfs"


class ExportError(RuntimeError):
    """Why an export file cannot be served, in one sentence that says what to do."""


def read_export(path: str | PathLike):
    """Return the fastai `Learner` in an export file, on the CPU, in evaluation mode.

    Like any pickle the file can run code of its writer's while it opens: open files you trust.
    Raises ExportError where the file is missing, broken, or no single-label image classifier.
    """
    path = Path(path)
    check_file(path)
    learn = _unpickle(path)
    _check_learner(learn, path.name)
    learn.dls.cpu()  # an export made on a GPU sends its batches there
    learn.model.cpu().eval()
    return learn


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
    if not zipfile.is_zipfile(path):
        raise ExportError(f"{path.name} is not a fastai export, or only the first part of one. "
                          "Write it again with `learn.export()`, or copy the whole file.")


def _unpickle(path: Path):
    """Return the object that the export holds, with its tensors on the CPU."""
    import torch

    from .torchvision_ops import declare_operators

    declare_operators()
    import fastai.vision.all  # noqa: F401  fastai patches Pillow's classes as it is imported

    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except (ImportError, AttributeError) as error:
        raise ExportError(
            f"{path.name} needs code that is not here ({error}). Export it again with label functions "
            "out of fastai or out of a module, not out of the notebook.") from error
    except Exception as error:  # a pickle can fail in any way that code can
        raise ExportError(f"{path.name} could not be opened: {type(error).__name__}: {error}") from error


def _check_learner(learn, name: str) -> None:
    """Raise ExportError unless this is a Learner that gives one of its labels for one image."""
    from fastai.learner import Learner
    from fastai.vision.core import PILBase

    if not isinstance(learn, Learner):
        raise ExportError(f"{name} holds a {type(learn).__name__}, not a fastai Learner. "
                          "Write it with `learn.export()`.")
    try:
        takes_photos = learn.dls.n_inp == 1 and issubclass(input_class(learn.dls), PILBase)
        vocab = [label for label in learn.dls.vocab]
    except (AttributeError, TypeError, IndexError):
        takes_photos, vocab = False, []
    several = vocab and not isinstance(vocab[0], str) and hasattr(vocab[0], "__len__")
    if not takes_photos or not vocab or several or type(learn.loss_func).__name__.startswith("BCE"):
        raise ExportError(f"{name} is not an image classifier with one label a photo "
                          "(ImageBlock in, CategoryBlock out): no other kind is served.")


def read_facts(learn) -> dict:
    """Return what our training wrote into the export about itself; {} for any other export."""
    facts = getattr(learn, "fieldguide", None)
    return facts if isinstance(facts, dict) else {}
