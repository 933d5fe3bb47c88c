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
import time
from pathlib import Path

from fastcore.script import CliError

from classifier.command_line import run
from training.data.files import parent_label
from training.data.photos import imbalance, print_left_out, readable_photos, thin
from training.data.splits import Photos
from training.export.stock_fastai import StockFastai
from training.held_out import by_label
from training.metrics import validated_before
from training.predictions import answer_all, load_classifier
from training.statistics import wilson

from .features import FOLDER
from .interrupt import heeding_interrupts
from .learner import Trained, train
from .options import TrainingOptions, check_options, check_out
from .probe import MOST_UNEVEN
from .record import metrics_of, save, write_metrics


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


if __name__ == "__main__":
    run(main)
