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
from fastcore.script import CliError, call_parse
from PIL import Image, ImageFilter
from sklearn.metrics import roc_auc_score

from classifier import Classifier, Prediction
from classifier.cpu_count import cores
from classifier.inference.confidence import probabilities
from classifier.photo import PhotoError
from training.data.photos import get_photos, print_unreadable
from training.metrics import metrics_path, read_metrics
from training.output import staged
from training.predictions import Answers, answer_all, as_it_is, load_classifier, predict_all
from training.train.calibration import calibration_error, reliability
from training.unseen import answer_unseen

from .heatmap import lost_by_all, summary, told

RESAMPLED = 2000  # times, for the 95% interval of the calibration error


def in_grey(photo: Image.Image) -> Image.Image:
    """Return the photo without its colours."""
    return photo.convert("L").convert("RGB")


def as_sketch(photo: Image.Image) -> Image.Image:
    """Return the photo as a pencil sketch: grey, divided by its own blur, so that edges are left on white."""
    grey = photo.convert("L")
    blurred = grey.filter(ImageFilter.GaussianBlur(max(photo.size) / 60))
    shaded = 255 * (np.asarray(grey, np.float32) + 1) / (np.asarray(blurred, np.float32) + 1)
    return Image.fromarray(shaded.clip(0, 255).astype(np.uint8)).convert("RGB")


def uncalibrated(by_label: np.ndarray, temperature: float) -> np.ndarray:
    """Return (N, C) plain softmax: the temperature taken back out of calibrated probabilities."""
    return probabilities(np.log(by_label.clip(1e-300)), 1 / temperature)


def error_of(by_label: np.ndarray, targets: np.ndarray) -> float:
    """Return the expected calibration error of (N, C) probabilities, 15 bins."""
    return calibration_error(reliability(by_label.max(1), by_label.argmax(1) == targets))


def interval(by_label: np.ndarray, targets: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the 95% bootstrap interval of the calibration error."""
    rng, n = np.random.default_rng(seed), len(targets)
    errors = [error_of(by_label[drawn], targets[drawn]) for drawn in rng.integers(0, n, (RESAMPLED, n))]
    return tuple(np.quantile(errors, [0.025, 0.975]))


COLUMNS = (f"{'photos':<30} {'n':>4} {'right':>7} {'softmax':>9} {'calibrated':>11} {'(95% interval)':<16} "
           f"{'familiar':>9}")


def measured(name: str, answers: Answers, classifier: Classifier) -> dict:
    """Return the figures of a group of labelled photos; None for what the export cannot tell."""
    low, high = interval(answers.probabilities, answers.targets)
    return {"name": name, "n": len(answers.files), "right": 1 - answers.n_wrong / len(answers.files),
            "by_label": {label: [int(counts[i]), int(counts.sum())] for i, (label, counts)
                         in enumerate(zip(answers.vocab, answers.confusion())) if counts.sum()},
            "softmax": error_of(uncalibrated(answers.probabilities, classifier.temperature), answers.targets),
            "calibrated": error_of(answers.probabilities, answers.targets) if classifier.calibrated else None,
            "low": float(low), "high": float(high),
            "familiar": float(np.mean(answers.familiarity >= classifier.familiarity.threshold))
            if classifier.knows_strangers else None}


def row(of: dict) -> str:
    """Return a line of the first table."""
    ours = "-" if of["calibrated"] is None else f"{of['calibrated']:.3f}"
    familiar = "-" if of["familiar"] is None else f"{of['familiar']:.1%}"
    return (f"{of['name']:<30} {of['n']:>4} {of['right']:>7.1%} {of['softmax']:>9.3f} "
            f"{ours:>11} {'({low:.3f} to {high:.3f})'.format(**of):<16} {familiar:>9}")


def auroc(known: np.ndarray, other: np.ndarray) -> float:
    """Return how well a score tells two groups apart: 0.5 is chance, 1 is always."""
    return float(roc_auc_score([1] * len(known) + [0] * len(other), np.concatenate([known, other])))


def rates(name: str, known: np.ndarray, other: np.ndarray, threshold: float) -> dict:
    """Return what passes a threshold, and how well the score tells the groups apart."""
    return {"name": name, "threshold": float(threshold), "known": float(np.mean(known >= threshold)),
            "other": float(np.mean(other >= threshold)), "auroc": auroc(known, other)}


def strangers(classifier: Classifier, known: Answers, others: Sequence[Prediction]) -> list[dict]:
    """Return the rates of the export's own score, where it has one, and of the softmax that lets as many pass."""
    softmax = [uncalibrated(rows, classifier.temperature).max(1) for rows in
               (known.probabilities, np.array([list(answer.probabilities.values()) for answer in others]))]
    accepted, scored = 0.95, []
    if classifier.knows_strangers:
        scores, threshold = (known.familiarity, np.array([answer.familiarity for answer in others])), (
            classifier.familiarity.threshold)
        accepted = np.mean(scores[0] >= threshold)
        scored = [rates("familiarity, the export's threshold", *scores, threshold)]
    return [*scored, rates(f"softmax, where {accepted:.1%} of known pass", *softmax,
                           np.quantile(softmax[0], 1 - accepted))]


def second_table(scored: Sequence[dict], n_known: int, n_other: int) -> str:
    """Return the second table: what of the known and of the others passes."""
    lines = [f"{of['name']:<37} {of['threshold']:>9.3f} {of['known']:>9.1%} {of['other']:>9.1%} {of['auroc']:>7.3f}"
             for of in scored]
    return "\n".join([f"{'score':<37} {'threshold':>9} {'known':>9} {'other':>9} {'AUROC':>7}", *lines,
                      f"{n_known} photos of its labels, {n_other} of anything else"])


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


def answered(classifier: Classifier, photos: Sequence[Path],
             change: Callable[[Image.Image], Image.Image] = as_it_is) -> Answers:
    """Return the answers for labelled photos; files that cannot be opened are named."""
    answers, unreadable = answer_all(classifier, photos, change)
    print_unreadable(unreadable)
    return answers


@call_parse
def main(
    export:str, # export.pkl to measure
    known:str="", # photos of its labels from another source, one folder a label
    other:str="", # photos of anything else
    data:str="", # the folder it was trained on: adds its photos that were held out
    save:bool=False, # add the figures to metrics.json, for the model card
):
    "Print how often EXPORT is right, how well its percentages are calibrated, and what counts as familiar."
    classifier = load_classifier(export)
    of_labels = get_photos(known) if known else []
    of_others = get_photos(other, labelled=False) if other else []
    if not of_labels or not of_others:
        raise CliError("Two folders with photos are needed: --known DATA --other DIR.")
    others = list(predict_all(classifier, of_others)[0].values())
    if not others:
        raise CliError(f"None of the photos in {other} could be opened.")
    metrics = read_metrics(export)
    own = answer_unseen(classifier, get_photos(data), metrics) if data else None
    name, groups = Path(known).name, {}
    if own:
        groups[f"{Path(data).name}, {own.part}"] = own.answers
    groups[name] = answered(classifier, of_labels)
    groups[f"{name}, in grey"] = answered(classifier, of_labels, in_grey)
    groups[f"{name}, as sketches"] = answered(classifier, of_labels, as_sketch)
    of_heatmap = list(groups)[:-2] if classifier.explains else []  # the photos as they are
    losses = {group: lost_by_all(classifier, groups[group].files) for group in of_heatmap}
    figures = {"date": date.today().isoformat(), "n_known": len(groups[name].files), "n_other": len(others),
               "groups": [measured(group, answers, classifier) for group, answers in groups.items()],
               "scores": strangers(classifier, groups[name], others), "ms": milliseconds(classifier, of_labels),
               "cores": cores(), "heatmaps": [{"photos": group, **told(of)} for group, of in losses.items()]}

    print(f"{'':<44} calibration error\n{COLUMNS}")
    print("\n".join(map(row, figures["groups"])))
    if metrics.get("calibration"):
        fit = metrics["calibration"]
        print(f"{'out of fold':<30} {fit['n_photos']:>4} {1 - fit['error_rate']:>7.1%} "
              f"{fit['before']['error']:>9.3f} {fit['after']['error']:>11.3f}")
    print("\n" + second_table(figures["scores"], figures["n_known"], figures["n_other"]))
    for group, of in losses.items():
        print(f"\n{summary(of)}: {group}")
    if save:
        save_figures(export, figures)
