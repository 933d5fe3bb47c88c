"""Evaluate an export on labelled photos, by predictions of models that were not trained on them where there are any.

Reads  photos in one folder a label, an export's `Classifier`, and its metrics.json
Gives  `Evaluation`: predictions, and how their photos were held out

An export of `training.train` has usually learned from all of its photos. Its error is therefore measured on the
predictions that metrics.json keeps: those of models that were trained without the photo.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier import Classifier
from training.data.labels import BY_FOLDER, Labels
from training.data.photos import select_by_hash
from training.data.splits import n_photos

from .held_out import HeldOutPredictions
from .multi_label_predictions import MultiLabelPredictions
from .predict import predict_labelled
from .predictions import Predictions

OUT_OF_FOLD, VALIDATION, HELD_OUT, ALL = "out of fold", "validation", "held out", "all"
NOT_TRAINED_ON = "photos, each answered by a model that had not seen it"
DESCRIPTIONS = {
    OUT_OF_FOLD: NOT_TRAINED_ON,
    HELD_OUT: NOT_TRAINED_ON,
    VALIDATION: "validation photos",
    ALL: "photos (not the ones that it was validated on)",
}


@dataclass(frozen=True)
class Evaluation:
    """Predictions for labelled photos, and how these photos were held out."""

    predictions: Predictions
    part: str  # OUT_OF_FOLD, VALIDATION, HELD_OUT for some of both, or ALL
    unreadable: dict[Path, str] = field(default_factory=dict)  # why the others could not be opened
    notes: tuple[str, ...] = ()  # sentences on labels that only the export or only the data set has

    @property
    def description(self) -> str:
        """The number of photos, and which ones they are."""
        return f"{len(self.predictions.files)} {DESCRIPTIONS[self.part]}"


def evaluate_held_out(
    classifier: Classifier, photos: Sequence[Path], metrics: dict[str, Any], labels: Labels = BY_FOLDER
) -> Evaluation | None:
    """Return the predictions for those of the photos that were held out; None where none was, or none is recorded.

    labels: of the photos.
    """
    readable = [photo for photo in photos if os.access(photo, os.R_OK)]
    held_out, hashes = HeldOutPredictions.from_metrics(metrics), metrics.get("valid_sha256", [])
    if held_out is None:  # of a training that kept no predictions: the export predicts again
        validated = select_by_hash(readable, hashes)
        return _predict(classifier, validated, VALIDATION, labels) if validated else None
    predictions = held_out.predictions_for(readable, labels)
    if predictions is None:
        return None
    n_validated = len(select_by_hash(predictions.files, hashes))
    part = {0: OUT_OF_FOLD, len(predictions.files): VALIDATION}.get(n_validated, HELD_OUT)
    strange = [photo for photo in readable if not set(labels(photo)) <= set(predictions.vocab)]
    unknown = sorted(set(labels.vocab(strange)) - set(predictions.vocab))
    note = f"{n_photos(len(strange))} left out: the export knows no label {', '.join(unknown)}."
    return _measured(Evaluation(predictions, part, notes=(note,) if strange else ()), labels)


def evaluate(
    classifier: Classifier, photos: Sequence[Path], metrics: dict[str, Any], labels: Labels = BY_FOLDER
) -> Evaluation:
    """Return the predictions for those of the photos that were held out; where none was, the export's own for all."""
    return evaluate_held_out(classifier, photos, metrics, labels) or evaluate_all(classifier, photos, labels)


def evaluate_all(classifier: Classifier, photos: Sequence[Path], labels: Labels = BY_FOLDER) -> Evaluation:
    """Return the export's own predictions for all of the photos; CliError for a label that it does not know."""
    return _predict(classifier, photos, ALL, labels)


def _predict(classifier: Classifier, photos: Sequence[Path], part: str, labels: Labels) -> Evaluation:
    predictions, unreadable = predict_labelled(classifier, photos, labels=labels)
    return _measured(Evaluation(predictions, part, unreadable), labels)


def _measured(evaluation: Evaluation, labels: Labels) -> Evaluation:
    """Return the evaluation without labels that the data set does not have: which photos show them is not known.

    With one label a photo, all stay: a photo does not show the others. Raises CliError where no label is left.
    """
    predictions = evaluation.predictions
    if not isinstance(predictions, MultiLabelPredictions):
        return evaluation
    if labels.listed is None:
        note = "the data set has no labels.csv: each photo counts as showing the label of its folder and no other."
        evaluation = replace(evaluation, notes=(*evaluation.notes, note))
    there = labels.vocab(predictions.files if labels.listed is None else labels.listed)
    absent = [label for label in predictions.vocab if label not in there]
    if len(absent) == len(predictions.vocab):
        raise CliError(f"The data set has none of the export's labels: {', '.join(absent)}.")
    if not absent:
        return evaluation
    note = f"not measured, since no photo of the data set has such a label: {', '.join(absent)}."
    return replace(evaluation, predictions=predictions.of_labels(there), notes=(*evaluation.notes, note))
