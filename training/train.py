"""Train a photo classifier: a linear probe of a pretrained network, then fine-tuning where that proves better.

Reads  DATA/<label>/*.jpg or DATA/{train,valid,test}/<label>/*.jpg, and metrics.json of an earlier run beside the
       export, if there is one
Writes export.pkl, its compiled copy export.onnx, and metrics.json: figures, counts, versions, options, and what
       models that had not seen a photo say of it; DATA/.features, so that the next run computes new photos alone

    python -m training.train data/bears
    python -m training.train data/bears --quick                   # the probe alone: a minute for 400 photos
    python -m training.train data/bears --fine-tune --epochs 8    # the lesson's own way, kept if it proves better
    python -m training.train data/bears --arch mobilenet_v2 --weights mobilenet_v2.pth
"""
import hashlib
import json
import platform
import time
from collections import Counter
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from fastai.data.transforms import parent_label
from fastcore.script import CliError, call_parse

from classifier.photo import open_photo

from .answers import answer_all, load_classifier
from .chance import wilson
from .data import imbalance, print_left_out, readable_photos, thin
from .export import compile_export, export_learner, facts_of, portable, staged
from .features import FOLDER
from .held_out import by_label
from .interrupt import heeding_interrupts
from .learner import Trained, train
from .metrics import metrics_path, validated_before
from .options import TrainingOptions, check_options, check_out
from .probe import MOST_UNEVEN
from .splits import Photos
from .stock_fastai import StockFastai

PACKAGES = ("fastai", "fastcore", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn")
N_SAMPLES = 8  # photos that the export is checked on


def metrics_of(trained: Trained, photos: Photos, options: TrainingOptions) -> dict:
    """Return what metrics.json records of a run, without the export's own figures."""
    validated = trained.held_out.answers(trained.validated or trained.files)
    low, high = wilson(validated.n_wrong, len(validated.files))
    learned = Counter(map(parent_label, trained.files))
    held_out = Counter(map(parent_label, trained.validated))
    of_familiarity = trained.on_familiarity
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "error_rate": validated.n_wrong / len(validated.files),
        "error_interval": [round(low, 4), round(high, 4)],
        "n_wrong": validated.n_wrong,
        "valid_loss": float(validated.losses.mean()),
        "n_train": len(trained.files),
        "n_valid": len(validated.files),
        "measured": "validation" if trained.validated else "out of fold",
        "photos": {label: {"train": learned[label], "valid": held_out[label]} for label in validated.vocab},
        "by_label": by_label(validated.vocab, validated.targets, validated.predictions),
        "unreadable": [f"{parent_label(file)}/{Path(file).name}" for file in photos.unreadable],
        "fine_tuning": trained.verdict and {
            "kept": trained.fine_tuned, "loss_before": trained.verdict.loss_before,
            "loss_after": trained.verdict.loss_after, "p": trained.verdict.p, "n": trained.verdict.n},
        "epochs": trained.table,
        "calibration": trained.calibration,
        "familiarity": {
            "accepted": of_familiarity.accepted, "unfamiliar": of_familiarity.unfamiliar,
            "auroc": of_familiarity.auroc,
            "left_out": {validated.vocab[i]: row for i, row in of_familiarity.left_out.items()}},
        "options": options.recorded(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "valid_sha256": sorted(trained.held_out.hashes_of(trained.validated)),
        "held_out": trained.held_out.to_data(),
    }


def save(trained: Trained, metrics: dict, out: str | Path, stock: StockFastai | None = None) -> dict:
    """Write the export and, once that has passed its check, metrics.json; return the metrics written."""
    plain, known = portable(trained.learn), trained.familiarity
    # kept on the learner as plain data: all that the app knows of a model is inside its export
    plain.fieldguide = {**facts_of(metrics),
                        "familiarity": known and known.to_facts(),
                        "calibration": trained.calibration and {"temperature": trained.calibration["temperature"]}}
    samples = (trained.validated or trained.files)[:N_SAMPLES]
    export = export_learner(plain, out, [open_photo(file) for file in samples], stock)
    metrics = {**metrics, "export": {"bytes": len(export), "sha256": hashlib.sha256(export).hexdigest()}}
    write_metrics(metrics, out)
    compile_export(out)
    return metrics


def write_metrics(metrics: dict, out: str | Path) -> None:
    """Write metrics.json beside an export."""
    with staged(metrics_path(out)) as aside:
        aside.write_text(json.dumps(metrics, indent=1) + "\n")


def print_counts(photos: Photos) -> None:
    """Name what is left out, and labels of which there are too few photos to tell much."""
    print_left_out(photos)
    labels = list(map(parent_label, photos.train))
    if few := thin(labels):
        print(f"few photos: {', '.join(few)}. What is measured of them says little; add photos.")
    if imbalance(labels) > MOST_UNEVEN:
        print(f"one label has {imbalance(labels):.0f} times as many photos as another: the photos of the rarer ones "
              "count for more.")


def test_error(metrics: dict, photos: Photos, out: Path) -> dict:
    """Return the metrics with the error on a given test set, asked of the export as it is served; print it."""
    answers, _ = answer_all(load_classifier(out), photos.test)
    low, high = wilson(answers.n_wrong, len(answers.files))
    print(f"test set: {answers.n_wrong} of {len(answers.files)} wrong, {answers.n_wrong / len(answers.files):.1%} "
          f"(95% interval {low:.1%} to {high:.1%})")
    return {**metrics, "test": {
        "n": len(answers.files), "n_wrong": answers.n_wrong, "error_rate": answers.n_wrong / len(answers.files),
        "by_label": by_label(answers.vocab, answers.targets, answers.predictions)}}


def summary(trained: Trained, metrics: dict, out: Path, seconds: float) -> str:
    """Return the run's last lines: what it made, how good it is, how long it took."""
    how = "held out for validation" if trained.validated else "held out in turn"
    low, high = metrics["error_interval"]
    unfamiliar = metrics["familiarity"]["unfamiliar"]
    told = "" if unfamiliar is None else (
        f"of a label that it was never shown, {unfamiliar:.0%} were told as unfamiliar\n")
    what = "fine-tuned network" if trained.fine_tuned else "frozen network with a linear probe"
    return (f"{told}{out}: {metrics['n_train']} photos to train, {len(metrics['photos'])} labels, "
            f"{len(metrics['unreadable'])} unreadable; {what}; error rate {metrics['error_rate']:.1%} "
            f"({metrics['n_wrong']} of {metrics['n_valid']} photos {how}, 95% interval {low:.1%} to {high:.1%}); "
            f"{metrics['export']['bytes'] / 1e6:.1f} MB, {seconds:.0f} s")


@call_parse
def main(
    data:str, # folder of photos, one folder a label; folders train, valid and test above those are kept apart
    arch:str="resnet18", # any torchvision or timm architecture
    weights:str="", # local state dict of that architecture, instead of a download
    epochs:int=4, # passes over the photos when fine-tuning
    image_size:int=224, # side of the square that the model sees, in pixels
    resize:str="random_crop", # how photos come to that size: random_crop, crop, pad or squish
    valid_pct:float=0.2, # share of the photos held out when fine-tuning
    seed:int=42, # of the split and the training: the same seed gives the same model
    batch_size:int=16, # photos a step when fine-tuning
    base_lr:float=1e-3, # learning rate of the head when fine-tuning; the backbone's first layers have a tenth
    grey:float=0.0, # share of the photos that fine-tuning shows in grey, so that shape counts beside colour
    pretrained:bool=True, # start from random weights, for trying things out
    folds:int=5, # parts that are held out in turn, to measure the probe and calibrate its probabilities
    quick:bool=False, # no fine-tuning, whatever the error
    fine_tune:bool=False, # fine-tune, whatever the error and however long it takes; kept only if it proves better
    resplit:bool=False, # draw a new validation set, also of photos that the run before validated on
    out:str="export.pkl", # where the export goes; its figures are written beside it
):
    "Train a classifier on DATA and write export.pkl and metrics.json."
    started, out = time.monotonic(), Path(out)
    options = TrainingOptions(arch, weights, epochs, image_size, resize, valid_pct, seed, batch_size, base_lr, grey,
                              pretrained, folds, quick, fine_tune)
    check_options(options)
    check_out(out)
    try:
        with heeding_interrupts(), StockFastai() as stock:
            photos = readable_photos(data)
            print_counts(photos)
            trained = train(photos, options, [] if resplit else validated_before(out), Path(data) / FOLDER)
            print("writing the export and checking it in a fresh process ...", flush=True)
            metrics = save(trained, metrics_of(trained, photos, options), out, stock)
            if photos.test:
                write_metrics(metrics := test_error(metrics, photos, out), out)
    except KeyboardInterrupt:
        raise CliError(f"Stopped. {out} is as it was.") from None
    print(summary(trained, metrics, out, time.monotonic() - started))
