"""A whole training: from photos to export.pkl and its figures, and what is printed of it.

Reads  DATA, and options that `checks` let through
Writes export.pkl, export.onnx, metrics.json; DATA/.features; runs/
"""

import time
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier.inference.neighbours import Neighbours
from classifier.photo import PhotoError
from training.data.photos import imbalance_ratio, labels_with_few_photos, print_left_out, readable_photos
from training.data.splits import Photos, n_photos
from training.evaluation.predict import load_classifier, predict_labelled
from training.export.stock_fastai import StockFastai
from training.metrics import validated_before, write_metrics
from training.options import TrainingOptions
from training.run_folder import keep_run
from training.statistics import wilson

from .accelerator import photo_writer
from .interrupt import remember_interrupts
from .learner import train
from .neighbours import fit_neighbours
from .network.features import FOLDER
from .probes.linear import MAX_IMBALANCE
from .processes.helpers import dismiss
from .record import metrics_of, save
from .tracking import tracked
from .trained import Trained


def train_and_export(
    data: Path,
    export: Path,
    options: TrainingOptions,
    resplit: bool,
    keep: bool,
    neighbours: bool,
    thumbnails: bool,
    track: str,
) -> None:
    """Train on photos, write an export with its figures, and print what becomes of it; see the command's options."""
    started = time.monotonic()
    try:
        with (
            tracked(track, options.recorded(), data, export) as recording,
            remember_interrupts(),
            StockFastai() as stock,
            photo_writer(options, data / FOLDER) as kept,
        ):
            photos = readable_photos(data, kept)
            print_counts(photos)
            validated = [] if resplit else validated_before(export)
            trained = train(photos, options, validated, data / FOLDER, recording=recording)
            dismiss()
            known = named_photos(trained, data, thumbnails) if neighbours else None
            print("writing the export and checking it in a fresh process ...", flush=True)
            metrics = save(trained, metrics_of(trained, photos, options), export, stock, known)
            if photos.test:
                write_metrics(metrics := test_error(metrics, photos, export), export)
            if keep:
                keep_run(export, photos, data)
            recording.finish(metrics)
    except PhotoError as error:  # all could be opened when the training began
        raise CliError(
            f"A photo changed while the training ran ({error}) Train again. {export} is as it was."
        ) from None
    print(summary(trained, metrics, export, time.monotonic() - started))


def print_counts(photos: Photos) -> None:
    """Print what is left out, and the labels that have too few photos or far fewer than others."""
    print_left_out(photos)
    labels = [label for file in photos.train for label in photos.labels(file)]
    if few := labels_with_few_photos(labels):
        print(f"few photos: {', '.join(few)}. What is measured of them says little; add photos.")
    if not photos.labels.multi_label and (ratio := imbalance_ratio(labels)) > MAX_IMBALANCE:
        print(f"one label has {ratio:.0f} times as many photos as another: the model expects each label equally often.")


def test_error(metrics: dict[str, Any], photos: Photos, out: Path) -> dict[str, Any]:
    """Return the metrics with the error of the written export on the given test set, which is printed too."""
    predictions, _ = predict_labelled(load_classifier(out), photos.test, labels=photos.labels)
    n, n_wrong = len(predictions.files), predictions.n_wrong
    low, high = wilson(n_wrong, n)
    print(f"test set: {n_wrong} of {n} {predictions.WRONG}, {n_wrong / n:.1%} (95% interval {low:.1%} to {high:.1%})")
    return {
        **metrics,
        "test": {
            "n": n,
            "n_wrong": n_wrong,
            "error_rate": n_wrong / n,
            "by_label": predictions.by_label(),
        },
    }


def summary(trained: Trained, metrics: dict[str, Any], out: Path, seconds: float) -> str:
    """Return the last lines of the output: what was made, how good it is, how long it took."""
    how = "held out for validation" if trained.validated else "held out in turn"
    unfamiliar = metrics["familiarity"]["unfamiliar"]
    other_labels = (
        ""
        if unfamiliar is None
        else (f"when a label was left out, {unfamiliar:.0%} of its photos were recognised as unfamiliar\n")
    )
    what = "fine-tuned network" if trained.fine_tuned else "frozen network with a linear probe"
    return (
        f"{other_labels}{out}: {metrics['n_train']} photos to train, {len(metrics['photos'])} labels, "
        f"{len(metrics['unreadable'])} unreadable; {what}; {error_text(metrics, how)}; "
        f"{metrics['export']['bytes'] / 1e6:.1f} MB, {seconds:.0f} s"
    )


def named_photos(trained: Trained, data: Path, thumbnails: bool) -> Neighbours | None:
    """Return what the export tells of the photos that it learned from, and print what that is."""
    known = fit_neighbours(trained, data, thumbnails)
    if known:
        n = known.pictures.n if known.pictures else 0
        shown = f" and shows {n} of them, to whoever has it" if n else ""
        print(f"the export names {n_photos(len(known.files))} that it learned from{shown}; --no-neighbours names none")
    return known


def error_text(metrics: dict[str, Any], how: str) -> str:
    """Return how often the model is wrong; how: how the photos were held out."""
    low, high = metrics["error_interval"]
    counts = f"{metrics['n_wrong']} of {metrics['n_valid']} photos {how}, 95% interval {low:.1%} to {high:.1%}"
    if several := metrics.get("several_labels"):
        return (
            f"mean average precision {several['mean_average_precision']:.3f}; a label too many or too few in "
            f"{metrics['error_rate']:.1%} ({counts})"
        )
    return f"error rate {metrics['error_rate']:.1%} ({counts})"
