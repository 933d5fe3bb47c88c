"""The photos of a set as `benchmarks.active` has them: features by the frozen network, and labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.measuring.data_sets import DataSet
from training.data.labels import Labels
from training.data.photos import get_photos, readable_photos
from training.options import TrainingOptions
from training.train.learner import prepare
from training.train.one_label import OneLabel
from training.train.out_of_fold import VIEWS

HELD_OUT = 0.3  # share of the training photos


@dataclass(frozen=True)
class Photos:
    """The photos of a set: features of V views, and labels; -1 for photos of other sets."""

    name: str
    task: OneLabel
    rows: np.ndarray  # (N, V, D)
    targets: np.ndarray  # (N,)
    test_rows: np.ndarray  # (T, D)
    test_targets: np.ndarray  # (T,)


def load(found: DataSet, others: Sequence[Path], options: TrainingOptions, n_views: int, cache: Path) -> Photos:
    """Return the features of a set's photos, and of photos of other sets."""
    photos = readable_photos(found.train)
    cache.mkdir(parents=True, exist_ok=True)
    learn, features = prepare(photos, options, cache=cache)
    task, files, tested = OneLabel(learn.dls.vocab, Labels()), sorted(photos.train), get_photos(found.test)
    every = [*files, *others]
    rows = features.of_views(every, VIEWS[:n_views])
    test_rows = features.of(tested)
    features.save([*every, *tested])
    targets = np.concatenate([task.targets(files), np.full(len(others), -1)])
    return Photos(found.name, task, rows, targets, test_rows, task.targets(tested))


def with_held_out(photos: Photos, seed: int) -> Photos:
    """Return the photos with a part of those to learn from in place of the test photos."""
    rng, own = np.random.default_rng(seed), np.flatnonzero(photos.targets >= 0)
    held = rng.permutation(own)[: round(HELD_OUT * len(own))]
    rest = np.setdiff1d(np.arange(len(photos.targets)), held)
    return replace(
        photos,
        rows=photos.rows[rest],
        targets=photos.targets[rest],
        test_rows=photos.rows[held, 0],
        test_targets=photos.targets[held],
    )
