"""Read an export file: what `learn.export()` wrote, ours or anybody's.

    learn = read_export("export.pkl")
"""
import os
import zipfile
from os import PathLike
from pathlib import Path

from .torch_file import BEFORE_ZIP, BrokenFile, read_before_zip, read_zip
from .transforms import input_class

LFS_POINTER = b"version https://git-lfs"
OLDER = ("If it is older than the libraries here, open it with those it was made with (for fastai before 2.8: "
         "`pip install 'fastai<2.8' 'timm<1'`) and write it again.")
TRUST = "Where you know who wrote it, TRUST_EXPORT=1 in the environment opens it as fastai does."


class ExportError(RuntimeError):
    """Why an export file cannot be served, in one sentence that says what to do."""


def read_export(path: str | PathLike):
    """Return the fastai `Learner` in an export file, on the CPU, in evaluation mode.

    Nothing that the file names is called unless it is on a list (see `classifier.allowed`), so a stranger's file
    can do no more than answer wrongly. What the list leaves out (label functions, metrics, callbacks that write
    files) raises when it is called; to predict, none is. TRUST_EXPORT=1 in the environment opens the file as
    fastai itself does: then it can run any code of its writer's.
    Raises ExportError where the file is missing, broken, refused, or no single-label image classifier.
    """
    path = Path(path)
    check_file(path)
    learn = _unpickle(path)
    try:
        _check_learner(learn, path.name)
        _check_present(learn, path.name)
        learn.dls.cpu()  # an export made on a GPU sends its batches there
        learn.model.cpu().eval()
    except ExportError:
        raise
    except Exception as error:  # parts of a Learner put together as no Learner is
        raise ExportError(f"{path.name} holds a Learner that does not work: {type(error).__name__}: {error}. "
                          f"{OLDER}") from error
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
    if not zipfile.is_zipfile(path) and head[:len(BEFORE_ZIP)] != BEFORE_ZIP:
        raise ExportError(f"{path.name} is not a fastai export, or only the first part of one. "
                          "Write it again with `learn.export()`, or copy the whole file.")


def _unpickle(path: Path):
    """Return the object that the export holds, with its tensors on the CPU."""
    from .torchvision_ops import declare_operators

    declare_operators()
    import fastai.vision.all  # noqa: F401  fastai patches Pillow's classes as it is imported

    from .stand_ins import Refused
    from .unpickle import load

    if os.environ.get("TRUST_EXPORT") == "1":
        return _trusted(path)
    read = read_zip if zipfile.is_zipfile(path) else read_before_zip
    try:
        return read(path, load)
    except BrokenFile as why:
        raise ExportError(f"{path.name} {why}. Write it again with `learn.export()`, or copy the whole file.") from why
    except Refused as why:
        raise ExportError(f"{path.name} {why}: not a fastai export, not opened. {TRUST}") from why
    except Exception as error:  # a broken pickle fails in any way that a list or a number can
        raise ExportError(f"{path.name} could not be opened: its pickle is broken "
                          f"({type(error).__name__}: {str(error)[:200]}). {OLDER}") from error


def _trusted(path: Path):
    """Return what the file holds as `load_learner` opens it: its writer's code runs."""
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except (ImportError, AttributeError) as error:
        raise ExportError(
            f"{path.name} needs code that is not here ({error}). Export it again with label functions "
            "out of fastai or out of a module, not out of the notebook.") from error
    except Exception as error:  # a pickle can fail in any way that code can
        raise ExportError(f"{path.name} could not be opened: {type(error).__name__}: {error}") from error


def _check_present(learn, name: str) -> None:
    """Raise ExportError where a model or a transform is of a class that is not here; see `stand_ins.StandIn`.

    Training's own transforms (split_idx 0) may be: they are taken out.
    """
    from torch import nn

    from .allowed import Absent
    from .stand_ins import StandIn

    pending, seen = [learn.model], set()
    while pending:
        module = pending.pop()
        if not isinstance(module, nn.Module):
            raise _not_here(name, "model", module)
        if id(module) not in seen:
            seen.add(id(module))
            pending += [child for child in module._modules.values() if child is not None]
    for loader in learn.dls.loaders:
        for pipeline in (loader.after_item, loader.before_batch, loader.after_batch):
            pipeline.fs = type(pipeline.fs)([tfm for tfm in pipeline.fs if not isinstance(tfm, StandIn)
                                             or getattr(tfm, "split_idx", None) != 0])
    steps = [*learn.dls.valid.after_item.fs, *learn.dls.valid.before_batch.fs, *learn.dls.valid.after_batch.fs]
    opening = list(learn.dls.valid_ds.tls[0].tfms.fs)
    while opening and not str(getattr(opening[0], "name", "")).endswith(".create"):
        opening.pop(0)  # finds the file; to serve, the photo is there
    for tfm in [*opening, *steps]:
        function = vars(vars(tfm).get("encodes", tfm)).get("_f", tfm)
        if isinstance(function, (Absent, StandIn)):
            raise _not_here(name, "transforms", function)


def _not_here(name: str, part: str, thing) -> ExportError:
    from .allowed import PACKAGES
    from .stand_ins import name_of

    if name_of(thing).partition(".")[0] in PACKAGES:
        return ExportError(f"{name} needs {name_of(thing)} in its {part}, which is not in the version here. {OLDER}")
    return ExportError(f"{name} needs {name_of(thing)} in its {part}, which is not in the file and is not looked up. "
                       f"Use a network and transforms out of fastai, torchvision or timm. {TRUST}")


def _check_learner(learn, name: str) -> None:
    """Raise ExportError unless this is a Learner that gives one of its labels for one image."""
    from fastai.learner import Learner
    from fastai.vision.core import PILBase

    from .stand_ins import name_of

    if not isinstance(learn, Learner):
        raise ExportError(f"{name} holds {name_of(learn)}, not a fastai Learner. "
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
