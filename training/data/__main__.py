"""Show what there is to train on: photos by label and split, and what is left out and why.

Usage:

    python -m training.data DATA
"""

from collections import Counter

from classifier.command_line import run

from .files import parent_label
from .manifest import manifest_sha256
from .photos import print_left_out, readable_photos
from .splits import Photos


def table(photos: Photos) -> list[str]:
    """Return a line a label: its photos in all, or in each set under a line of names where folders give the sets."""
    sets = {
        name: Counter(map(parent_label, own))
        for name, own in (("train", photos.train), ("valid", photos.valid), ("test", photos.test))
        if own
    }
    names = ["".join(f"{name:>6} " for name in sets) + "label"] if len(sets) > 1 else []
    return names + [
        "".join(f"{counts[label]:6} " for counts in sets.values()) + label for label in sorted(sets["train"])
    ]


def main(
    data: str,  # folder of photos, one folder a label, or these in train, valid and test
) -> None:
    "Show what there is to train on: photos by label and split, and what is left out."
    photos = readable_photos(data)
    print_left_out(photos)
    print("\n".join(table(photos)))
    print(f"SHA-256 of their list: {manifest_sha256(photos)}")
    print(
        f"{len(photos.train) + len(photos.valid) + len(photos.test)} photos, "
        f"{len(set(map(parent_label, photos.train)))} labels, {len(photos.unreadable)} unreadable"
    )


if __name__ == "__main__":
    run(main)
