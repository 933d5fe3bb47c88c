"""How far an export can be believed: right, calibrated, and aware of what it does not know.

    python -m benchmarks.trust export.pkl --known DATA --other DIR
    python -m benchmarks.trust export.pkl --known DATA --other DIR --data TRAINED_ON
    python -m benchmarks.trust export.pkl --known DATA --other DIR --data TRAINED_ON --save   # for the model card

DATA holds photos of the labels, in one folder a label, from another source than the training; DIR holds
photos of anything else. TRAINED_ON is the folder that the export learned from: its photos that were held out
are measured, by the answers that metrics.json keeps. The export's own temperature and threshold are used as they
are; nothing is fitted here.
"softmax" is what the tutorial's app has: the same model's uncalibrated probabilities. --save adds the figures to
metrics.json, from which `training.report --card` writes the model card.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import numpy as np
from fastcore.script import CliError
from PIL import Image, ImageFilter

from benchmarks.heatmap import lost_by_all, summary, told
from benchmarks.measuring.statistics import error_of, interval, rates, uncalibrated
from classifier import Classifier, Prediction
from classifier.command_line import run
from classifier.cpu_count import cores
from classifier.photo import PhotoError
from training.data.photos import get_photos, print_unreadable
from training.evaluation.evaluate import evaluate_held_out
from training.evaluation.predict import load_classifier, predict_labelled, predict_photos, unchanged
from training.evaluation.predictions import Predictions
from training.metrics import metrics_path, read_metrics
from training.output import staged

from .tables import first_table, second_table


def in_grey(photo: Image.Image) -> Image.Image:
    """Return the photo without its colours."""
    return photo.convert("L").convert("RGB")


def as_sketch(photo: Image.Image) -> Image.Image:
    """Return the photo as a pencil sketch: grey, divided by its own blur, so that edges are left on white."""
    grey = photo.convert("L")
    blurred = grey.filter(ImageFilter.GaussianBlur(max(photo.size) / 60))
    shaded = 255 * (np.asarray(grey, np.float32) + 1) / (np.asarray(blurred, np.float32) + 1)
    return Image.fromarray(shaded.clip(0, 255).astype(np.uint8)).convert("RGB")


def measured(name: str, predictions: Predictions, classifier: Classifier) -> dict:
    """Return the figures of a group of labelled photos; None for what the export cannot tell."""
    low, high = interval(predictions.probabilities, predictions.targets)
    return {
        "name": name,
        "n": len(predictions.files),
        "right": 1 - predictions.n_wrong / len(predictions.files),
        "by_label": {
            label: [int(counts[i]), int(counts.sum())]
            for i, (label, counts) in enumerate(zip(predictions.vocab, predictions.confusion()))
            if counts.sum()
        },
        "softmax": error_of(uncalibrated(predictions.probabilities, classifier.temperature), predictions.targets),
        "calibrated": error_of(predictions.probabilities, predictions.targets) if classifier.calibrated else None,
        "low": float(low),
        "high": float(high),
        "familiar": float(np.mean(predictions.familiarity >= classifier.familiarity.threshold))
        if classifier.reports_familiarity
        else None,
    }


def strangers(classifier: Classifier, known: Predictions, others: Sequence[Prediction]) -> list[dict]:
    """Return the rates of the export's own score, where it has one, and of the softmax that lets as many pass."""
    softmax = [
        uncalibrated(rows, classifier.temperature).max(1)
        for rows in (known.probabilities, np.array([list(answer.probabilities.values()) for answer in others]))
    ]
    accepted, scored = 0.95, []
    if classifier.reports_familiarity:
        scores = known.familiarity, np.array([answer.familiarity for answer in others])
        threshold = classifier.familiarity.threshold
        accepted = np.mean(scores[0] >= threshold)
        scored = [rates("familiarity, the export's threshold", *scores, threshold)]
    return [
        *scored,
        rates(f"softmax, where {accepted:.1%} of known pass", *softmax, np.quantile(softmax[0], 1 - accepted)),
    ]


def milliseconds(classifier: Classifier, photos: Sequence[Path]) -> float:
    """Return the median time from a file to its answer."""
    times = []
    for file in photos[:50]:
        began = time.perf_counter()
        with suppress(PhotoError):
            classifier.predict(file)
        times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times))


def save_figures(export: str, figures: dict) -> None:
    """Add the figures to the metrics.json of an export; CliError where there is none."""
    path, metrics = metrics_path(export), read_metrics(export)
    if not metrics:
        raise CliError(f"{path} is not there, or of another export: train again, or copy the one that belongs to it.")
    with staged(path) as aside:
        aside.write_text(json.dumps({**metrics, "trust": figures}, indent=1) + "\n")
    print(f"{path}: figures added; `python -m training.report {export} DATA --card README.md` writes the model card")


def answered(
    classifier: Classifier, photos: Sequence[Path], change: Callable[[Image.Image], Image.Image] = unchanged
) -> Predictions:
    """Return the answers for labelled photos; files that cannot be opened are named."""
    predictions, unreadable = predict_labelled(classifier, photos, change)
    print_unreadable(unreadable)
    return predictions


def photos_to_ask(classifier: Classifier, known: str, other: str) -> tuple[list[Path], list[Prediction]]:
    """Return the photos of the labels, and the answers to those of anything else; CliError where there are none."""
    of_labels = get_photos(known) if known else []
    of_others = get_photos(other, labelled=False) if other else []
    if not of_labels or not of_others:
        raise CliError("Two folders with photos are needed: --known DATA --other DIR.")
    others = list(predict_photos(classifier, of_others)[0].values())
    if not others:
        raise CliError(f"None of the photos in {other} could be opened.")
    return of_labels, others


def main(
    export: str,  # export.pkl to measure
    known: str = "",  # photos of its labels from another source, one folder a label
    other: str = "",  # photos of anything else
    data: str = "",  # the folder it was trained on: adds its photos that were held out
    heatmaps: int = 0,  # photos of each group whose heatmap is tried, the first ones; 0: all
    save: bool = False,  # add the figures to metrics.json, for the model card
):
    "Print how often EXPORT is right, how well its percentages are calibrated, and what counts as familiar."
    classifier, metrics = load_classifier(export), read_metrics(export)
    of_labels, others = photos_to_ask(classifier, known, other)
    own = evaluate_held_out(classifier, get_photos(data), metrics) if data else None
    name, groups = Path(known).name, {}
    if own:
        groups[f"{Path(data).name}, {own.part}"] = own.predictions
    groups[name] = answered(classifier, of_labels)
    groups[f"{name}, in grey"] = answered(classifier, of_labels, in_grey)
    groups[f"{name}, as sketches"] = answered(classifier, of_labels, as_sketch)
    of_heatmap = list(groups)[:-2] if classifier.explains else []  # the photos as they are
    losses = {group: lost_by_all(classifier, groups[group].files[: heatmaps or None]) for group in of_heatmap}
    figures = {
        "date": date.today().isoformat(),
        "n_known": len(groups[name].files),
        "n_other": len(others),
        "groups": [measured(group, predictions, classifier) for group, predictions in groups.items()],
        "scores": strangers(classifier, groups[name], others),
        "ms": milliseconds(classifier, of_labels),
        "cores": cores(),
        "heatmaps": [{"photos": group, **told(of)} for group, of in losses.items()],
    }
    print(first_table(figures["groups"], metrics.get("calibration")))
    print("\n" + second_table(figures["scores"], figures["n_known"], figures["n_other"]))
    for group, of in losses.items():
        print(f"\n{summary(of)}: {group}")
    if save:
        save_figures(export, figures)


if __name__ == "__main__":
    run(main)
