"""Out-of-fold answers: what the training's recipe says of every photo when that photo was held out.

Reads  photos, and a function that trains on them with some held out
Gives  `OutOfFold`: scores of each photo as it is, as a thumbnail, cropped and both

One validation split of a small data set tells little; k fits, each without one k-th of the photos, tell
of all of them how sure the recipe is and how often that is right.
"""
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fastai.data.transforms import parent_label
from fastai.learner import Learner
from fastprogress import progress_bar
from sklearn.model_selection import StratifiedGroupKFold

from classifier.compiled import faster
from classifier.photo import open_photo

from .data import sha256
from .export import engine_of
from .trust import sampled, views

N_VIEWS = 4  # of a photo: as it is, a thumbnail, a crop, a crop's thumbnail


@dataclass(frozen=True)
class OutOfFold:
    """What models that did not learn from N photos say of them."""

    files: list[Path]
    vocab: list[str]
    folds: np.ndarray  # (N,): which part a photo was held out with
    targets: np.ndarray  # (N,) indices into vocab
    scores: np.ndarray  # (N, N_VIEWS, C), whose softmax are probabilities

    def wrong(self) -> np.ndarray:
        """Return (N_VIEWS,) shares of the photos whose most probable label is not their own."""
        return (self.scores.argmax(2) != self.targets[:, None]).mean(0)


def assign_folds(labels: Sequence[str], hashes: Sequence[str], n_folds: int, seed: int = 0) -> np.ndarray | None:
    """Return (N,) fold numbers, each label spread evenly and copies of a photo together.

    Fewer folds where a label has fewer different photos than that; None where no photos of a label would
    be left to learn from.
    """
    different = {label: {h for own, h in zip(labels, hashes) if own == label} for label in set(labels)}
    n_folds = min(n_folds, *map(len, different.values()))
    if n_folds < 2:
        return None
    folds = np.zeros(len(labels), dtype=int)
    spread = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    for i, (kept, held_out) in enumerate(spread.split(labels, labels, hashes)):
        folds[held_out] = i
        if {labels[j] for j in kept} != set(labels):  # many copies of a few photos
            return None
    return folds


def scores_of(learn: Learner, files: Sequence[Path], seed: int = 0) -> np.ndarray:
    """Return (N, N_VIEWS, C) scores of the views of photos, through the serving code, with a progress bar."""
    engine, rng = faster(engine_of(learn)), random.Random(seed)
    return np.array([[engine.answer(view)[0] for view in views(open_photo(file), rng, draws=1)]
                     for file in progress_bar(files, leave=False)])


def out_of_fold(photos: Sequence[Path], fit: Callable[[list[str]], Learner], n_folds: int = 5,
                seed: int = 0) -> OutOfFold | None:
    """Return the out-of-fold answers for all photos; None where a label has too few different ones.

    fit: trains, given the SHA-256 of the photos to hold out, and returns the Learner.
    """
    files, hashes = sorted(photos), [sha256(file) for file in sorted(photos)]
    labels = [parent_label(file) for file in files]
    folds = assign_folds(labels, hashes, n_folds, seed)
    if folds is None:
        return None
    scores, vocab = [None] * len(files), []
    for fold in range(folds.max() + 1):
        held_out = np.flatnonzero(folds == fold)
        print(f"fold {fold + 1} of {folds.max() + 1}: learning without {len(held_out)} of the photos ...", flush=True)
        learn = fit([hashes[i] for i in held_out])
        vocab = list(learn.dls.vocab)
        for i, of_photo in zip(held_out, scores_of(learn, [files[i] for i in held_out], seed)):
            scores[i] = of_photo
    targets = np.array([vocab.index(label) for label in labels])
    return OutOfFold(files, vocab, folds, targets, np.array(scores))


def of_validation(learn: Learner, most: int, seed: int = 0) -> OutOfFold:
    """Return a trained model's answers for at most `most` of its validation photos, where those are enough.

    They count as two folds, so that what is fitted on one half can be measured on the other.
    """
    vocab = list(learn.dls.vocab)
    files = sampled([Path(file) for file in learn.dls.valid_ds.items], most, random.Random(seed))
    targets = np.array([vocab.index(parent_label(file)) for file in files])
    return OutOfFold(files, vocab, np.arange(len(files)) % 2, targets, scores_of(learn, files, seed))
