"""Predict labelled photos with an export, and find where it is wrong: losses, confusion matrix, top losses.

Reads  photos in one folder a label
Gives  `Predictions`, computed by the code that serves the export
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fastcore.script import CliError
from PIL import Image
from sklearn.metrics import confusion_matrix

from classifier import Classifier, Prediction
from classifier.export import ExportError
from classifier.photo import PhotoError, open_photo
from training.progress import progress_bar

N_TOP_LOSSES = 12


@dataclass(frozen=True)
class Predictions:
    """Predictions for N labelled photos."""

    files: list[Path]
    vocab: list[str]
    targets: np.ndarray  # (N,) indices into vocab: the folder a photo lies in
    probabilities: np.ndarray  # (N, C)
    familiarity: np.ndarray | None = None  # (N,); None where the export cannot tell

    @property
    def predicted(self) -> np.ndarray:
        """(N,) indices into vocab: the most probable label."""
        return self.probabilities.argmax(1)

    @property
    def losses(self) -> np.ndarray:
        """(N,) cross-entropy losses: -log of the probability of the photo's own label, 0 and up."""
        own = self.probabilities[np.arange(len(self.targets)), self.targets]
        return -np.log(own.clip(1e-12))

    @property
    def n_wrong(self) -> int:
        """How many photos have another most probable label than their own."""
        return int((self.predicted != self.targets).sum())

    def subset(self, files: Sequence[Path]) -> "Predictions":
        """Return the predictions for some of the files, in the order given."""
        index_of = {file: i for i, file in enumerate(self.files)}
        rows = np.array([index_of[file] for file in files], dtype=int)
        return Predictions(
            list(files),
            self.vocab,
            self.targets[rows],
            self.probabilities[rows],
            None if self.familiarity is None else self.familiarity[rows],
        )

    def top_losses(self, k: int = N_TOP_LOSSES) -> list[int]:
        """Return the indices of the k photos with the highest loss, highest first."""
        return [int(i) for i in self.losses.argsort()[::-1][:k]]

    def confusion(self) -> np.ndarray:
        """Return (C, C) counts: rows are the photos' own labels, columns the predictions."""
        return confusion_matrix(self.targets, self.predicted, labels=range(len(self.vocab)))

    def most_confused(self, min_val: int = 1) -> list[tuple[str, str, int]]:
        """Return (label, prediction, count) off the diagonal, most frequent first."""
        matrix = self.confusion()
        pairs = [(self.vocab[i], self.vocab[j], int(matrix[i, j])) for i, j in np.argwhere(matrix >= min_val) if i != j]
        return sorted(pairs, key=lambda pair: -pair[2])


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
    classifier: Classifier, photos: Sequence[Path], change: Callable[[Image.Image], Image.Image] = unchanged
) -> tuple[Predictions, dict[Path, str]]:
    """Return the predictions for labelled photos, with a progress bar, and why unreadable ones have none.

    change: what to do with an opened photo first. Raises CliError for a label that the export does not know, and where
    no photo can be opened.
    """
    unknown = sorted({photo.parent.name for photo in photos} - set(classifier.labels))
    if unknown:
        raise CliError(
            f"This export does not know {', '.join(unknown)}; it knows {', '.join(classifier.labels)}. "
            "Is it the folder that it was trained on?"
        )
    by_photo, unreadable = predict_photos(classifier, photos, change)
    if not by_photo:
        raise CliError("None of the photos could be opened.")
    targets = np.array([classifier.labels.index(file.parent.name) for file in by_photo])
    probabilities = np.array(
        [[prediction.probabilities[label] for label in classifier.labels] for prediction in by_photo.values()]
    )
    familiarity = (
        np.array([prediction.familiarity for prediction in by_photo.values()])
        if classifier.reports_familiarity
        else None
    )
    return Predictions(list(by_photo), classifier.labels, targets, probabilities, familiarity), unreadable


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
