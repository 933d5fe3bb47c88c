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
from training.data.splits import Photos
from training.options import TrainingOptions

from .network.features import Features
from .one_label import OneLabel
from .probes.cross_validation import assign_folds, cross_validate
from .probes.linear import Probe
from .several_labels import SeveralLabels
from .task import Task

# of each photo: more views make a probe of few photos better, and each costs a forward pass
VIEWS = ("plain", "thumbnail", "mirrored", "cropped")
MAX_VIEWS = 20_000  # of all photos together: many photos have fewer views


@dataclass(frozen=True)
class OutOfFold:
    """Features of N photos, and their scores by probes that did not learn from them."""

    task: Task
    files: list[Path]
    targets: np.ndarray  # (N,) indices of the labels, or (N, C) marks of each
    features: np.ndarray  # (N, V, D), V views of each photo, the plain one first
    views: list[str]  # (V,) keys of `features.VIEWS`
    folds: np.ndarray  # (N,)
    scores: np.ndarray  # (N, V, C), out of fold
    strength: float  # C of the probe, with the lowest out-of-fold loss

    @property
    def error(self) -> tuple[float, str]:
        """The out-of-fold error of the photos as they are, 0 to 1, and the same in words."""
        return self.task.error(self.scores[:, 0], self.targets)

    def fit(self, indices: Sequence[int] | None = None) -> Probe:
        """Return the probe that learned from all photos, or from those with these indices."""
        which = slice(None) if indices is None else np.asarray(indices)
        return self.task.path(self.features[which], self.targets[which]).at(self.strength)


def task_of(learn: Learner, photos: Photos, options: TrainingOptions) -> Task:
    """Return what to train for: one label a photo, or several or none."""
    if photos.labels.multi_label:
        return SeveralLabels(learn.dls.vocab, photos.labels, options.precision)
    return OneLabel(learn.dls.vocab, photos.labels)


def score_out_of_fold(learn: Learner, features: Features, photos: Photos, options: TrainingOptions) -> OutOfFold:
    """Return the frozen features of `photos.train` and their out-of-fold scores.

    Raises CliError for a label with too few different photos.
    """
    task, files = task_of(learn, photos, options), sorted(photos.train)
    targets = task.targets(files)
    views = list(VIEWS[: max(1, min(len(VIEWS), MAX_VIEWS // len(files)))])
    rows = features.of_views(files, views)
    features.save([*photos.train, *photos.valid])
    folds = assign_folds(list(map(photos.labels, files)), copy_groups(files, features), options.folds, options.seed)
    if folds is None:
        raise CliError("A label has too few different photos: copies of one photo are as good as one. Add photos.")
    strength, scores = cross_validate(rows, targets, folds, task)
    return OutOfFold(task, files, targets, rows, views, folds, scores, strength)


def copy_groups(files: Sequence[Path], features: Features) -> list[str]:
    """Return a name for each photo, which it shares with its copies and near copies, so that they stay in one fold."""
    names = list(map(features.hash_of, files))
    for group in groups_of_copies(files, max(5, len(files) // 10)):
        for i in group:
            names[i] = names[group[0]]
    return names
