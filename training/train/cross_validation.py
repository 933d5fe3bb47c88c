"""Divide photos into folds that are held out in turn, with each label spread evenly and copies of a photo together."""

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold


def assign_folds(labels: Sequence[str], hashes: Sequence[str], n_folds: int, seed: int = 0) -> np.ndarray | None:
    """Return (N,) fold numbers, each label spread evenly and copies of a photo together.

    hashes: (N,) a name for each photo, which its copies share. There are fewer folds where a label has fewer different
    photos than `n_folds`; None where a fold would leave no photos of a label to learn from.
    """
    different = {label: {h for own, h in zip(labels, hashes) if own == label} for label in set(labels)}
    n_folds = min(n_folds, *map(len, different.values()))
    if n_folds < 2:
        return None
    for fewer in range(n_folds, 1, -1):  # many copies of a few photos can leave a fold's others without a label
        folds = np.zeros(len(labels), dtype=int)
        spread = StratifiedGroupKFold(fewer, shuffle=True, random_state=seed).split(labels, labels, hashes)
        complete = True
        for i, (kept, held_out) in enumerate(spread):
            folds[held_out] = i
            complete = complete and {labels[j] for j in kept} == set(labels)
        if complete:
            return folds
    return None
