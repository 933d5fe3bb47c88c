"""Score photos out of fold: by probes of the frozen backbone's features that did not learn from the photo.

Reads  photos, and an untrained Learner with its frozen features
Gives  `OutOfFold`
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fastai.learner import Learner
from fastcore.script import CliError

from training.data.duplicates import groups_of_copies
from training.data.files import parent_label
from training.data.splits import Photos
from training.options import TrainingOptions

from .cross_validation import assign_folds
from .features import Features
from .probe import Probe, cross_validate, fit_probe

# of each photo: more views make a probe of few photos better, and each costs a forward pass
VIEWS = ("plain", "thumbnail", "mirrored", "cropped")
MAX_VIEWS = 20_000  # of all photos together: many photos have fewer views


@dataclass(frozen=True)
class OutOfFold:
    """Features of N photos, and their scores by probes that did not learn from them."""

    files: list[Path]
    targets: np.ndarray  # (N,) indices of the labels
    features: np.ndarray  # (N, V, D), V views of each photo, the plain one first
    views: list[str]  # (V,) keys of `features.VIEWS`
    folds: np.ndarray  # (N,)
    scores: np.ndarray  # (N, V, C), out of fold
    strength: float  # C of the probe, with the lowest out-of-fold loss

    @property
    def error(self) -> float:
        """The out-of-fold error of the photos as they are, 0 to 1."""
        return float(np.mean(self.scores[:, 0].argmax(1) != self.targets))

    def fit(self, indices: Sequence[int] | None = None) -> Probe:
        """Return the probe that learned from all photos, or from those with these indices."""
        which = np.arange(len(self.files)) if indices is None else np.asarray(indices)
        return fit_probe(self.features[which], self.targets[which], self.scores.shape[2], self.strength)


def score_out_of_fold(learn: Learner, features: Features, photos: Photos, options: TrainingOptions) -> OutOfFold:
    """Return the frozen features of `photos.train` and their out-of-fold scores.

    Raises CliError for a label with too few different photos.
    """
    files, vocab = sorted(photos.train), list(learn.dls.vocab)
    targets = np.array([vocab.index(parent_label(file)) for file in files])
    views = list(VIEWS[: max(1, min(len(VIEWS), MAX_VIEWS // len(files)))])
    rows = np.stack([features.of(files, view) for view in views], axis=1)
    features.save([*photos.train, *photos.valid])
    folds = assign_folds([vocab[i] for i in targets], copy_groups(files, features), options.folds, options.seed)
    if folds is None:
        raise CliError("A label has too few different photos: copies of one photo are as good as one. Add photos.")
    strength, scores = cross_validate(rows, targets, folds, len(vocab))
    return OutOfFold(files, targets, rows, views, folds, scores, strength)


def copy_groups(files: Sequence[Path], features: Features) -> list[str]:
    """Return a name for each photo, which it shares with its copies and near copies, so that they stay in one fold."""
    names = list(map(features.hash_of, files))
    for group in groups_of_copies(files, max(5, len(files) // 10)):
        for i in group:
            names[i] = names[group[0]]
    return names
