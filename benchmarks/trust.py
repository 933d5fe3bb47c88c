"""Whether an export knows what it does not know: its familiarity beside the tutorial's softmax.

    python -m benchmarks.trust export.pkl --known DATA --other DIR

DATA holds photos of the labels, in one folder a label, from another source than the training; DIR holds
photos of anything else. The export's own threshold is used as it is; nothing is fitted here.
"""
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastai.data.transforms import get_image_files
from fastcore.script import CliError, call_parse
from fastprogress import progress_bar
from sklearn.metrics import roc_auc_score

from classifier import Classifier, Prediction
from classifier.photo import PhotoError
from training.answers import load_classifier
from training.data import get_photos


def predict_all(classifier: Classifier, photos: Sequence[Path]) -> list[Prediction]:
    """Return the prediction of each photo that can be opened; the others are named."""
    predictions = []
    for photo in progress_bar(photos, leave=False):
        try:
            predictions.append(classifier.predict(photo))
        except PhotoError as error:
            print(f"left out: {photo}: {error}")
    return predictions


def auroc(known: np.ndarray, other: np.ndarray) -> float:
    """Return how well a score tells two groups apart: 0.5 is chance, 1 is always."""
    return float(roc_auc_score([1] * len(known) + [0] * len(other), np.concatenate([known, other])))


def rates(name: str, known: np.ndarray, other: np.ndarray, threshold: float) -> str:
    """Return a line of the table: what passes a threshold, and how well the score tells the groups apart."""
    return (f"{name:<34} {threshold:>9.3f} {np.mean(known >= threshold):>9.1%} {np.mean(other >= threshold):>9.1%} "
            f"{auroc(known, other):>7.3f}")


@call_parse
def main(
    export:str, # export.pkl to measure
    known:str="", # photos of its labels from another source, one folder a label
    other:str="", # photos of anything else
):
    "Print how many photos of EXPORT's labels, and of anything else, count as familiar."
    classifier = load_classifier(export)
    if not classifier.knows_strangers:
        raise CliError(f"{export} holds no familiarity data. Train it again: `python -m training.train`.")
    of_labels = predict_all(classifier, get_photos(known))
    of_others = predict_all(classifier, sorted(get_image_files(other)))
    if not of_labels or not of_others:
        raise CliError("Two folders with photos are needed: --known DATA --other DIR.")
    familiarity, softmax = ([np.array([score(p) for p in group]) for group in (of_labels, of_others)] for score in
                            (lambda p: p.familiarity, lambda p: p.probabilities[p.label]))
    accepted = np.mean([p.familiar for p in of_labels])
    print(f"{'score':<34} {'threshold':>9} {'known':>9} {'other':>9} {'AUROC':>7}")
    print(rates("familiarity, the export's threshold", *familiarity, classifier.facts["familiarity"]["threshold"]))
    print(rates("softmax, where as many known pass", *softmax, float(np.quantile(softmax[0], 1 - accepted))))
    print(f"{len(of_labels)} photos of its labels, {len(of_others)} of anything else")
