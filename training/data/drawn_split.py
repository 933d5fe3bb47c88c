"""Draw a validation set at random: a share of each label, with copies on one side."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from .contents import sha256_of
from .duplicates import groups_of_copies
from .labels import BY_FOLDER, Labels

ENOUGH_TO_VALIDATE = 5  # photos: of a label that has so many, at least one is validated


def n_to_validate(labels: Sequence[str], valid_pct: float) -> Counter[str]:
    """Return how many photos of each label to validate: its share, at least 1 of ENOUGH_TO_VALIDATE, never all."""
    return Counter(
        {
            label: min(n - 1, max(round(valid_pct * n), int(n >= ENOUGH_TO_VALIDATE and valid_pct > 0)))
            for label, n in Counter(labels).items()
        }
    )


def strata(labels: Sequence[Sequence[str]]) -> list[str]:
    """Return what to spread evenly: of each photo its only label, of several labels the rarest, "" of none."""
    counts = Counter(label for own in labels for label in own)
    return [min(own, key=lambda label: (counts[label], label), default="") for own in labels]


def splitter(
    valid_pct: float = 0.2,
    seed: int = 42,
    keep: Sequence[str] = (),
    labels: Labels = BY_FOLDER,
) -> Callable[[Sequence[Path]], tuple[list[int], list[int]]]:
    """Return a fastai splitter that validates `valid_pct` of each label's photos, at least 1 of 5 or more.

    labels: of the photos; where one has several, its share is that of its rarest label.
    keep: SHA-256 of photos that an earlier run validated. They stay in validation, so that its figure and the new
    one can be compared; the rest of a label's share is drawn from its other photos.
    Copies of a photo go where it goes, unless they are all that a label has: a photo that was trained on
    tells nothing about new ones. The same photos and seed give the same split.
    """
    kept_hashes = set(keep)

    def split(files: Sequence[Path]) -> tuple[list[int], list[int]]:
        kinds = strata([labels(file) for file in files])
        kept = {i for i, file in enumerate(files) if kept_hashes and sha256_of(Path(file)) in kept_hashes}
        wanted = n_to_validate(kinds, valid_pct)
        groups = groups_of_copies(files, max(len(kept), wanted.total()))
        valid = _draw(kinds, kept, wanted, {i: group for group in groups for i in group}, random.Random(seed))
        return sorted(set(range(len(files))) - valid), sorted(valid)

    return split


def _draw(
    labels: Sequence[str], kept: set[int], wanted: Counter[str], copies: dict[int, list[int]], rng: random.Random
) -> set[int]:
    """Return the indices to validate: those kept and their copies, then groups of copies up to `wanted` of a label."""
    valid = set(kept)
    n_valid, n_train = Counter(labels[i] for i in kept), Counter(labels[i] for i in set(range(len(labels))) - kept)

    def new_in(i: int) -> Counter[str]:
        return Counter(labels[j] for j in copies.get(i, [i]) if j not in valid)

    def hold_out(i: int) -> None:
        new = new_in(i)
        if all(n_train[label] > n for label, n in new.items()):
            valid.update(copies.get(i, [i]))
            n_valid.update(new)
            n_train.subtract(new)

    for i in sorted(kept):
        hold_out(i)
    order = list(range(len(labels)))
    rng.shuffle(order)
    for i in order:
        if all(n_valid[label] + n <= wanted[label] for label, n in new_in(i).items()):
            hold_out(i)
    # a label whose copies are all more than its share: the fewest of them
    for i in sorted(order, key=lambda i: len(copies.get(i, [i]))):
        if wanted[labels[i]] and not n_valid[labels[i]]:
            hold_out(i)
    return valid
