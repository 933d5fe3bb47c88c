"""Predict photos with an export, by the code that serves it.

Reads  photos and their labels, and an export
Gives  `Predictions`; `MultiLabelPredictions` for an export that tells several labels of a photo
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from fastcore.script import CliError
from PIL import Image

from classifier import Classifier, Prediction
from classifier.export import ExportError
from classifier.photo import PhotoError, open_photo
from training.data.labels import BY_FOLDER, Labels
from training.progress import progress_bar

from .multi_label_predictions import MultiLabelPredictions
from .predictions import Predictions


def load_classifier(export: str | Path) -> Classifier:
    """Return the classifier in an export; CliError where it cannot be served."""
    try:
        return Classifier.load(export)
    except ExportError as error:
        raise CliError(str(error)) from error


def unchanged(photo: Image.Image) -> Image.Image:
    """Return the photo."""
    return photo


def predict_labelled(
    classifier: Classifier,
    photos: Sequence[Path],
    change: Callable[[Image.Image], Image.Image] = unchanged,
    labels: Labels = BY_FOLDER,
) -> tuple[Predictions, dict[Path, str]]:
    """Return the predictions for labelled photos, with a progress bar, and why unreadable ones have none.

    change: what to do with an opened photo first. labels: of the photos. Raises CliError for a label that the export
    does not know, where photos have several labels and the export tells one, and where no photo can be opened.
    """
    _check_labels(classifier, photos, labels)
    by_photo, unreadable = predict_photos(classifier, photos, change)
    if not by_photo:
        raise CliError("None of the photos could be opened.")
    vocab, files = classifier.labels, list(by_photo)
    probabilities = np.array([[one.probabilities[label] for label in vocab] for one in by_photo.values()])
    familiarity = (
        np.array([prediction.familiarity for prediction in by_photo.values()])
        if classifier.reports_familiarity
        else None
    )
    if classifier.multi_label:
        marks = np.array([[label in labels(file) for label in vocab] for file in files])
        above = probabilities > np.array([classifier.thresholds[label] for label in vocab])
        predictions = MultiLabelPredictions(files, vocab, marks, probabilities, familiarity, predicted_labels=above)
        return predictions, unreadable
    targets = np.array([vocab.index(labels(file)[0]) for file in files])
    return Predictions(files, vocab, targets, probabilities, familiarity), unreadable


def _check_labels(classifier: Classifier, photos: Sequence[Path], labels: Labels) -> None:
    """Raise CliError for labels that an export does not know, or more of a photo than it tells."""
    unknown = sorted({label for photo in photos for label in labels(photo)} - set(classifier.labels))
    if unknown:
        raise CliError(
            f"This export does not know {', '.join(unknown)}; it knows {', '.join(classifier.labels)}. "
            "Is it the folder that it was trained on?"
        )
    if not classifier.multi_label and any(len(labels(photo)) != 1 for photo in photos):
        raise CliError("These photos have several labels, or none, and this export tells one label of each photo.")


def predict_photos(
    classifier: Classifier,
    photos: Sequence[Path],
    change: Callable[[Image.Image], Image.Image] = unchanged,
) -> tuple[dict[Path, Prediction], dict[Path, str]]:
    """Return the prediction of each photo that can be opened, with a progress bar, and why the others cannot.

    change: what to do with an opened photo first.
    """
    predictions, unreadable = {}, {}
    for file in progress_bar(photos, leave=False):
        try:
            predictions[file] = classifier.predict(file if change is unchanged else change(open_photo(file)))
        except PhotoError as error:
            unreadable[file] = str(error)
    return predictions, unreadable


def familiarity_of_photos(classifier: Classifier, photos: Sequence[Path]) -> np.ndarray:
    """Return (N,) familiarity, 0 to 1, of the photos that can be opened; the others are left out."""
    return np.array([prediction.familiarity for prediction in predict_photos(classifier, photos)[0].values()])
