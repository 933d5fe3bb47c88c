"""Write a trained `Learner` as a plain, portable export.pkl, and check that it opens without this project.

Reads  a fastai `Learner` over `training.data`'s DataLoaders
Writes export.pkl: opened by stock `load_learner` on Python 3.10 to 3.13, without this project; it holds no function by
       value, no path of this machine, and nothing of `__main__`, `training` or `classifier`
       export.onnx beside it, its compiled copy (see `classifier.inference.onnx_export`)

    python -m training.export export.pkl     # export.onnx for an export that came without

`learn.export()` alone would use cloudpickle, which stores functions by value: such a file opens with one Python version
only, and contains paths of the machine that wrote it.
"""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from copy import deepcopy
from datetime import date
from pathlib import Path, PurePath
from typing import Any

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
import numpy as np
from fastai.data.transforms import MultiCategorize
from fastai.learner import Learner
from fastai.metrics import accuracy_multi, error_rate
from fastai.vision.core import PILImage
from fastai.vision.learner import default_split
from fastcore.script import CliError
from fasttransform import Pipeline
from PIL import Image
from scipy.special import expit

from classifier.export import ExportError, read_bytes, read_export
from classifier.inference.compiled_copy import CompileError, onnx_path
from classifier.inference.confidence import probabilities
from classifier.inference.onnx_export import write_compiled
from classifier.inference.torch_engine import TorchEngine
from training.output import staged

from .portable_pickle import to_bytes
from .stock_fastai import StockFastai

TOLERANCE = 1e-4  # of a probability: how far the trained learner and its export in a new process may differ


def portable(learn: Learner) -> Learner:
    """Return a new Learner with the model and transforms of `learn`, without paths and photos of this machine."""
    dls = learn.dls.new_empty().cpu()
    dls.path = Path(".")
    for dataset in (dls.train_ds, dls.valid_ds):
        photos = dataset.tls[0]
        opener = Pipeline([PILImage.create], split_idx=photos.tfms.split_idx)
        photos.tfms = opener
        photos.types = [Path, opener.fs[0].input_types, PILImage]
        labels = dataset.tls[1]
        steps = list(labels.tfms.fs)
        several = [i for i, step in enumerate(steps) if isinstance(step, MultiCategorize)]
        if several:  # what comes before looks labels up in a list of the photos of this machine
            labels.tfms = Pipeline(steps[several[0] :], split_idx=labels.tfms.split_idx)
        for pipeline in dataset.tls:  # PosixPath and WindowsPath do not exist everywhere, Path does
            pipeline.types = [
                Path if isinstance(kind, type) and issubclass(kind, PurePath) else kind for kind in pipeline.types
            ]
    for loader in dls.loaders:
        loader.num_workers = loader.fake_l.num_workers = 0
    return Learner(
        dls,
        deepcopy(learn.model).cpu().eval(),
        loss_func=learn.loss_func,
        metrics=accuracy_multi if several else error_rate,
        splitter=default_split,
        path=Path("."),
    )


def facts_of(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return what an export records of itself, as plain data for the page and the model card."""
    unfamiliar = metrics["familiarity"]["unfamiliar"]
    return {
        "format": 1,
        "date": date.today().isoformat(),
        "arch": metrics["options"]["arch"],
        "error_rate": round(metrics["error_rate"], 4),
        "data_sha256": metrics.get("data_sha256"),
        "n_train": metrics["n_train"],
        "n_valid": metrics["n_valid"],
        "measured": metrics["measured"],
        "unfamiliar": unfamiliar if unfamiliar is None else round(unfamiliar, 3),
    }


def engine_of(learn: Learner) -> TorchEngine:
    """Return the serving engine of a Learner, as it would be after an export: the bytes of one, read as any other.

    Raises CliError for a network that answers no photo, such as one with weights that are not finite.
    """
    try:
        return TorchEngine(read_bytes(to_bytes(portable(learn))))
    except ExportError as error:
        raise CliError(f"This network cannot be trained: {error}") from error


def check_export(export: Path, learn: Learner, photos: Sequence[Image.Image], stock: StockFastai) -> float:
    """Return the largest difference of a probability between a portable learner and its export.

    Compared are `learn` here, stock fastai in a new process, and the serving code before calibration.
    Raises CliError where two of them differ by more than TOLERANCE.
    """
    with learn.no_bar(), learn.no_logging():
        expected = np.array([learn.predict(PILImage.create(photo))[2].tolist() for photo in photos])
    engine = TorchEngine(read_export(export))
    of_scores = expit if engine.multi_label else probabilities
    served = np.array([of_scores(engine.answer(photo)[0]) for photo in photos])
    difference = max(np.abs(stock.predict(export, photos) - expected).max(), np.abs(served - expected).max())
    if not difference <= TOLERANCE:  # false for not-a-number too
        raise CliError(
            f"The export answers otherwise than the trained model: a probability differs by "
            f"{difference:.4f}. It was not put in place."
        )
    return float(difference)


def export_learner(
    plain: Learner, path: str | Path, photos: Sequence[Image.Image], stock: StockFastai | None = None
) -> bytes:
    """Write a portable learner to `path`, checked on `photos` before it takes its place; return the bytes.

    photos: upright RGB; stock: a process that was started earlier, so that nobody waits for its start. After a
    CliError, the file at `path` is as it was.
    """
    data = to_bytes(plain)
    with staged(path) as temporary, nullcontext(stock) if stock else StockFastai() as process:
        temporary.write_bytes(data)
        check_export(temporary, plain, photos, process)
    return data


def compile_export(out: str | Path) -> None:
    """Write the compiled copy beside an export; where that cannot be, print why and remove the old one."""
    try:
        write_compiled(out)
    except CompileError as why:
        print(f"{onnx_path(out)} was not written: {why} The app serves {Path(out).name} itself, which is slower.")
        with suppress(OSError):
            onnx_path(out).unlink(missing_ok=True)
