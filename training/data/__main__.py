"""Show what there is to train on: photos by label and split, and what is left out and why.

Usage:

    python -m training.data DATA
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from classifier.command_line import run

from .manifest import manifest_sha256
from .photos import print_left_out, readable_photos
from .splits import Photos


def table(photos: Photos) -> list[str]:
    """Return a line a label: its photos in all, or in each set under a line of names where folders give the sets."""
    sets = {
        name: Counter(label for file in own for label in photos.labels(file))
        for name, own in (("train", photos.train), ("valid", photos.valid), ("test", photos.test))
        if own
    }
    names = ["".join(f"{name:>6} " for name in sets) + "label"] if len(sets) > 1 else []
    return names + [
        "".join(f"{counts[label]:6} " for counts in sets.values()) + label for label in sorted(sets["train"])
    ]


def several_and_none(photos: Photos, files: Sequence[Path]) -> str:
    """Return how many of the files have several labels and how many none: ", 12 with several labels, 3 with none"."""
    if not photos.labels.multi_label:
        return ""
    n_labels = [len(photos.labels(file)) for file in files]
    return f", {sum(n > 1 for n in n_labels)} with several labels, {n_labels.count(0)} with none"


def main(
    data: str,  # folder of photos: one folder a label, or these in train, valid and test; or with a labels.csv
) -> None:
    "Show what there is to train on: photos by label and split, and what is left out."
    photos = readable_photos(data)
    print_left_out(photos)
    print("\n".join(table(photos)))
    print(f"SHA-256 of their list: {manifest_sha256(photos)}")
    files = [*photos.train, *photos.valid, *photos.test]
    print(
        f"{len(files)} photos, {len(photos.labels.vocab(photos.train))} labels"
        f"{several_and_none(photos, files)}, {len(photos.unreadable)} unreadable"
    )


if __name__ == "__main__":
    run(main)
