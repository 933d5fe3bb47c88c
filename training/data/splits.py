"""Split photos into training, validation and test sets: as their folders say, or labels.csv.

Reads  DATA/{train,valid,test}/<label>/photo.jpg, or DATA/<label>/photo.jpg, or the column `set` of DATA/labels.csv
Gives  `Photos` with the sets that these give (`drawn_split` draws one for other data sets)
"""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .contents import sha256_of
from .duplicates import groups_of_copies
from .labels import Labels
from .photo_store import PhotoStore

# names of folders, in any case, and the set that lies in them
SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Photos:
    """The photos of a data set: what to train on, and the validation and test sets that its folders give."""

    train: list[Path]
    valid: list[Path] = field(default_factory=list)  # empty: no validation set is given, draw one from `train`
    test: list[Path] = field(default_factory=list)  # never trained on
    unreadable: dict[Path, str] = field(default_factory=dict)  # and why each cannot be opened
    notes: list[str] = field(default_factory=list)  # sentences to print: what was left out, and why
    store: PhotoStore | None = None  # of those to train on, at working size, where there are many
    labels: Labels = field(default_factory=Labels)  # labels(file): of a photo; one, or several where labels.csv is

    def filtered(self, kept: Callable[[Path], bool]) -> "Photos":
        """Return the same with only the photos for which `kept` returns true."""
        return replace(
            self,
            train=list(filter(kept, self.train)),
            valid=list(filter(kept, self.valid)),
            test=list(filter(kept, self.test)),
        )

    def with_notes(self, *notes: str) -> "Photos":
        """Return the same with more notes; empty ones are left out."""
        return replace(self, notes=[*self.notes, *filter(None, notes)])


def n_photos(n: int) -> str:
    """Return a number of photos in words: "1 photo", "2 photos"."""
    return f"{n} photo{'' if n == 1 else 's'}"


def split_of(folder: str) -> str | None:
    """Return the set that a folder's name means: train, valid or test; None for any other name."""
    return SPLITS.get(folder.casefold())


def base_of(path: Path, files: Sequence[Path]) -> Path:
    """Return the folder whose sub-folders are splits or labels: `path`, or the one folder below it that holds all."""
    for name in Path(os.path.commonpath([file.parent for file in files])).relative_to(path).parts:
        if split_of(name):
            break
        path /= name
    return path


def given_splits(path: Path, files: Sequence[Path], labels: Labels) -> Photos:
    """Return the photos in the sets that labels.csv or else their folders give; all to train on where those give none.

    labels: of the data set; where it has no labels.csv, these rules hold for its folders.
    Folders give splits where one named train holds label folders, and all others that hold photos are named as
    splits too: then photos outside of label folders are left out. Beside ordinary labels, a folder named valid or
    test is a split where all its photos lie in folders of their own.
    """
    if labels.listed is not None:
        train, valid, test = (
            sorted(file for file in files if labels.listed[file].set == name) for name in ("train", "valid", "test")
        )
        return Photos(train, valid, test, labels=labels)
    base = base_of(path, files)
    by_folder: dict[str, list[Path]] = defaultdict(list)  # the first folder below `base`, "" for base itself
    for file in files:
        folder = file.relative_to(base).parts[:-1]
        by_folder[folder[0] if folder else ""].append(file)
    flat = {name: [file for file in own if file.parent in (base, base / name)] for name, own in by_folder.items()}
    splits = {name: split_of(name) for name in by_folder}
    given = all(splits.values()) and any(
        split == "train" and len(flat[name]) < len(by_folder[name]) for name, split in splits.items()
    )
    sets: dict[str, list[Path]] = {"train": [], "valid": [], "test": []}
    notes = []
    for name, own in by_folder.items():
        split = splits[name] or "train"
        if not given:
            sets["train" if flat[name] else split] += own
            continue
        sets[split] += sorted(set(own) - set(flat[name]))
        if flat[name]:
            notes.append(
                f"{n_photos(len(flat[name]))} left out: directly in {base / name}, in no label's folder. "
                f"To use them, move them to {base / name}/<label>/."
            )
    return Photos(sorted(sets["train"]), sorted(sets["valid"]), sorted(sets["test"]), notes=notes)


def with_known_labels(photos: Photos) -> Photos:
    """Return the photos without those of the validation and test sets with a label that has no photo to train on."""
    known, sentences = set(photos.labels.vocab(photos.train)), []
    left_out: set[Path] = set()
    for name, own in (("validation", photos.valid), ("test", photos.test)):
        strange = {file for file in own if not known.issuperset(photos.labels(file))}
        if strange:
            sentences.append(
                f"{n_photos(len(strange))} of the {name} set left out: the training set has no photos "
                f"of {', '.join(sorted(set(photos.labels.vocab(strange)) - known))}. Add some to it."
            )
        left_out |= strange
    return photos.filtered(lambda file: file not in left_out).with_notes(*sentences)


def without_copies(photos: Photos) -> Photos:
    """Return the photos without those to train on that are also in the given validation or test set, byte for byte.

    A photo that was trained on tells nothing about new ones. Near copies are only reported: photos of one kind, such
    as X-rays or digits, look like copies of each other.
    """
    held = [*photos.valid, *photos.test]
    if not held:
        return photos
    hashes = set(map(sha256_of, held))
    same = {file for file in photos.train if sha256_of(file) in hashes}
    rest, sentences = [file for file in photos.train if file not in same], []
    if same:
        sentences.append(
            f"{n_photos(len(same))} to train on left out: also in the validation or test set. A photo "
            "that was trained on tells nothing about new ones."
        )
    near = {
        i
        for group in groups_of_copies([*rest, *held], len(held))
        if group[-1] >= len(rest)
        for i in group
        if i < len(rest)
    }
    if near:
        sentences.append(
            f"Near copies of a photo in the validation or test set, trained on all the same: "
            f"{n_photos(len(near))}. If they are copies, the error there is too low."
        )
    return photos.filtered(lambda file: file not in same).with_notes(*sentences)
