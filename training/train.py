"""Fine-tune a pretrained network on a folder of photos and export it: the lesson in one command.

Reads  DATA/<label>/*.jpg, and metrics.json of an earlier run beside the export, if there is one
Writes export.pkl, its compiled copy export.onnx, and metrics.json: figures, counts, versions, options, the
       validation set

    python -m training.train data/bears
    python -m training.train data/bears --arch mobilenet_v2 --weights mobilenet_v2.pth --epochs 4
    python -m training.train data/bears --epochs 1 --image-size 64 --no-pretrained     # to try it out
"""
import ctypes
import hashlib
import json
import os
import platform
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timezone
from importlib.metadata import version
from math import ceil
from pathlib import Path

from fastai.callback import progress, schedule  # noqa: F401  they give Learner its bar and fine_tune
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.core import Callback, CancelValidException
from fastai.data.core import DataLoaders
from fastai.data.transforms import parent_label
from fastai.learner import Learner, Recorder
from fastai.metrics import error_rate
from fastai.torch_core import set_seed
from fastai.vision.learner import create_head, default_split
from fastcore.script import CliError, call_parse
from torch import nn

from classifier.compiled import faster
from classifier.photo import open_photo
from classifier.trust import Familiarity

from .backbone import Backbone, load_backbone
from .calibration import learn_calibration
from .data import RESIZES, get_dls, print_unreadable, readable_photos, sha256, validation_size
from .export import compile_export, engine_of, export_learner, facts_of, portable, staged
from .interrupt import HeedInterrupt, heeding_interrupts
from .metrics import metrics_path, validated_before
from .opened import OPENED
from .trust import fit_familiarity

PACKAGES = ("fastai", "fastcore", "torch", "torchvision", "timm", "numpy", "pillow")
N_SAMPLES = 8  # validation photos that the export is checked on
EPOCHS, STEPS = 4, 80  # of the shipped bears; fewer steps leave a model of few photos half taught
ROOM_NEEDED = 200_000_000  # bytes free where the export goes: asked before the training, not after


class EpochTable(Callback):
    """Keep each epoch's row of the table that fastai prints, over all the fits of a `fine_tune`."""

    order = Recorder.order + 1

    def __init__(self):
        self.rows = []

    def after_epoch(self):
        """Add the epoch that has just been logged."""
        names, values = self.recorder.metric_names, self.recorder.log
        self.rows.append({name: value if isinstance(value, (int, str)) else round(float(value), 6)
                          for name, value in zip(names, values)})


class NoValidation(Callback):
    """Leave out the look at the validation photos after each epoch, where nobody reads what it says."""

    def before_validate(self):
        """Go on to the next epoch."""
        raise CancelValidException


def get_learner(dls: DataLoaders, backbone: Backbone) -> Learner:
    """Return a Learner: the backbone, then average and max pooling, batch norm, dropout, one linear layer.

    One linear layer does as well as the lesson's 512 units on photos from elsewhere, keeps the export
    small, and lets each cell's share in a label's score be told exactly.
    """
    head = create_head(backbone.n_features, len(dls.vocab), lin_ftrs=[], pool=backbone.cells)
    for layer in head.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)  # as vision_learner does
    return Learner(dls, nn.Sequential(backbone.body, head), splitter=default_split, metrics=error_rate)


def enough_epochs(n_train: int, batch_size: int) -> int:
    """Return how many epochs to train for so many photos: EPOCHS, or as many as make STEPS steps of a batch each.

    Of 20 photos a label of the bears, 150 others were 1.3% wrong after 80 steps, 5 to 7% after the 12 of 4 epochs.
    """
    return max(EPOCHS, ceil(STEPS / max(1, n_train // batch_size)))


def train(photos: Sequence[Path], arch: str = "resnet18", weights: str = "", epochs: int = 4,
          image_size: int = 224, resize: str = "random_crop", valid_pct: float = 0.2, seed: int = 42,
          batch_size: int = 16, base_lr: float = 2e-3, grey: float = 0.3, pretrained: bool = True,
          keep: Sequence[str] = (), quiet: bool = False, validate: bool = True) -> tuple[Learner, list[dict]]:
    """Return a fine-tuned Learner and its table: a dict an epoch (epoch, train_loss, valid_loss, ...).

    The first row is the head's own epoch, with the backbone frozen. grey, keep: see `data.get_dls`.
    quiet: the table is not printed. validate: whether each epoch ends with a look at the validation photos.
    """
    keep_freed_memory()
    set_seed(seed, reproducible=True)  # before the DataLoaders, which draw their own generators from it
    backbone = load_backbone(arch, pretrained, weights, image_size)
    dls = get_dls(photos, resize, image_size, valid_pct, seed, batch_size, backbone.stats, grey, keep,
                  larger=backbone.takes(validation_size(image_size)))
    learn = get_learner(dls, backbone)
    OPENED.keep_only(photos)
    table = EpochTable()
    callbacks = [table, HeedInterrupt(), ChannelsLast(), *([] if validate else [NoValidation()])]
    with learn.added_cbs(callbacks), learn.no_logging() if quiet else nullcontext():
        learn.fine_tune(epochs, base_lr)
    return learn, table.rows


def train_without(photos: Sequence[Path], held_out: list[str], recipe: dict) -> Learner:
    """Return a Learner fine-tuned on all photos but those with the SHA-256 of `held_out`."""
    return train(photos, **{**recipe, "valid_pct": 0}, keep=held_out, quiet=True, validate=False)[0]


def validation_error(learn: Learner) -> tuple[float, int]:
    """Return the share of validation photos that the final model gets wrong, and their number."""
    with learn.no_bar():
        predictions, targets = learn.get_preds(dl=learn.dls.valid)
    wrong = int((predictions.argmax(1) != targets).sum())
    return wrong / len(targets), wrong


def metrics_of(learn: Learner, table: list[dict], options: dict, unreadable: Sequence[Path]) -> dict:
    """Return what metrics.json records of a run, without the export's own figures."""
    error, wrong = validation_error(learn)
    train_counts, valid_counts = (Counter(map(parent_label, ds.items))
                                  for ds in (learn.dls.train_ds, learn.dls.valid_ds))
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "error_rate": error,
        "n_wrong": wrong,
        "valid_loss": table[-1]["valid_loss"],
        "n_train": len(learn.dls.train_ds),
        "n_valid": len(learn.dls.valid_ds),
        "photos": {label: {"train": train_counts[label], "valid": valid_counts[label]}
                   for label in learn.dls.vocab},
        "unreadable": [f"{parent_label(file)}/{Path(file).name}" for file in unreadable],
        "epochs": table,
        "options": options,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "valid_sha256": sorted(sha256(Path(file)) for file in learn.dls.valid_ds.items),
    }


def learn_familiarity(learn: Learner) -> Familiarity | None:
    """Return what is familiar to a trained model; None where its features tell nothing."""
    train_files, held_out = ([Path(file) for file in ds.items] for ds in (learn.dls.train_ds, learn.dls.valid_ds))
    return fit_familiarity(faster(engine_of(learn)), train_files, held_out)


def save(learn: Learner, metrics: dict, out: str | Path) -> dict:
    """Write the export and, once that has passed its check, metrics.json; return the metrics written."""
    known = learn_familiarity(learn)
    plain = portable(learn)
    held_out = [Path(file) for file in learn.dls.valid_ds.items]
    # kept on the learner as plain data: all that the app knows of a model is inside its export
    calibration = metrics.get("calibration")
    plain.fieldguide = {**facts_of(learn.dls, metrics["options"]["arch"], metrics["error_rate"]),
                        "familiarity": known and known.to_facts(),
                        "calibration": calibration and {"temperature": calibration["temperature"]}}
    export = export_learner(plain, out, [open_photo(file) for file in held_out[:N_SAMPLES]])
    metrics = {**metrics, "export": {"bytes": len(export), "sha256": hashlib.sha256(export).hexdigest()}}
    with staged(metrics_path(out)) as aside:
        aside.write_text(json.dumps(metrics, indent=1) + "\n")
    compile_export(out)
    return metrics


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory: page faults are two thirds of a CPU training's time otherwise."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        m_trim_threshold, m_mmap_max = -1, -4
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)
    except (OSError, AttributeError):
        pass  # another C library: slower, not wrong


def check_options(epochs: int | None, image_size: int, resize: str, valid_pct: float, batch_size: int,
                  base_lr: float, grey: float, seed: int, folds: int, out: Path) -> None:
    """Raise CliError for an option that cannot work, before anything is read."""
    if epochs is not None and epochs < 1:
        raise CliError(f"--epochs {epochs}: at least 1 is needed.")
    if not 32 <= image_size <= 1024:
        raise CliError(f"--image-size {image_size}: from 32 to 1024 pixels.")
    if resize not in RESIZES:
        raise CliError(f"--resize {resize}: one of {', '.join(RESIZES)}.")
    if not 0 < valid_pct < 1:
        raise CliError(f"--valid-pct {valid_pct}: a share between 0 and 1, such as 0.2.")
    if batch_size < 2:
        raise CliError(f"--batch-size {batch_size}: at least 2, since batch norm needs company.")
    if not 0 <= seed < 2**32:
        raise CliError(f"--seed {seed}: from 0 to {2**32 - 1}.")
    if not 0 < base_lr < 1:
        raise CliError(f"--base-lr {base_lr}: between 0 and 1, such as 0.002.")
    if not 0 <= grey <= 1:
        raise CliError(f"--grey {grey}: a share from 0 to 1, such as 0.3.")
    if folds < 0 or folds == 1:
        raise CliError(f"--folds {folds}: 0, or at least 2, such as 5.")
    if out.is_dir() or not out.parent.is_dir():
        raise CliError(f"--out {out}: a file in a folder that exists, such as export.pkl.")
    if not os.access(out.parent, os.W_OK):
        raise CliError(f"--out {out}: nothing may be written in {out.parent.resolve()}.")
    free = shutil.disk_usage(out.parent).free
    if free < ROOM_NEEDED:
        raise CliError(f"Only {free / 1e6:.0f} MB are free in {out.parent.resolve()}: "
                       f"make room for {ROOM_NEEDED / 1e6:.0f} MB first.")


@call_parse
def main(
    data:str, # folder of photos, one folder a label
    arch:str="resnet18", # any torchvision or timm architecture
    weights:str="", # local state dict of that architecture, instead of a download
    epochs:int=None, # passes over the photos after the head is warm; default: 4, and more where photos are few
    image_size:int=224, # side of the square that the model sees, in pixels
    resize:str="random_crop", # how photos come to that size: random_crop, crop, pad or squish
    valid_pct:float=0.2, # share of the photos held out for validation
    seed:int=42, # of the split and the training: the same seed gives the same split
    batch_size:int=16, # photos a step
    base_lr:float=2e-3, # learning rate of the head's epoch; the rest follows from it
    grey:float=0.3, # share of the photos that a step shows in grey, so that shape counts beside colour
    pretrained:bool=True, # start from random weights, for trying things out
    folds:int=5, # parts that are held out in turn, to calibrate the probabilities; 0 leaves that out
    resplit:bool=False, # draw a new validation set, also of photos that the run before validated on
    out:str="export.pkl", # where the export goes; its figures are written beside it
):
    "Fine-tune a pretrained network on DATA and write export.pkl and metrics.json."
    started, out = time.monotonic(), Path(out)
    options = {"arch": arch, "weights": Path(weights).name if weights else None, "epochs": epochs,
               "image_size": image_size, "resize": resize, "valid_pct": valid_pct, "seed": seed,
               "batch_size": batch_size, "base_lr": base_lr, "grey": grey, "pretrained": pretrained}
    check_options(epochs, image_size, resize, valid_pct, batch_size, base_lr, grey, seed, folds, out)
    try:
        with heeding_interrupts():
            photos, unreadable = readable_photos(data)
            print_unreadable(unreadable)
            if epochs is None:
                options["epochs"] = enough_epochs(int(len(photos) * (1 - valid_pct)), batch_size)
                if options["epochs"] > EPOCHS:
                    print(f"{len(photos)} photos are few: {options['epochs']} epochs instead of {EPOCHS}, so that the "
                          "model sees enough of them", flush=True)
            recipe = {**options, "weights": weights}
            learn, table = train(photos, keep=[] if resplit else validated_before(out), **recipe)
            metrics = metrics_of(learn, table, options, list(unreadable))
            metrics["calibration"] = learn_calibration(learn, photos, lambda held_out: train_without(
                photos, held_out, recipe), folds)
            print("learning what is familiar, writing the export and checking it in a fresh process ...")
            metrics = save(learn, metrics, out)
    except KeyboardInterrupt:
        raise CliError(f"Stopped. {out} is as it was.") from None
    print(f"{out}: {len(photos)} photos ({metrics['n_train']} to train, {metrics['n_valid']} to validate), "
          f"{len(learn.dls.vocab)} labels, {len(unreadable)} unreadable, error rate "
          f"{metrics['error_rate']:.1%} ({metrics['n_wrong']} wrong), {metrics['export']['bytes'] / 1e6:.1f} MB, "
          f"{time.monotonic() - started:.0f} s")
