"""Find the photos of a data set, leave out what cannot be opened, and sort them by split.

Reads  DATA/<label>/*.jpg, or DATA/{train,valid,test}/<label>/*.jpg (any format that `classifier.photo.decode` opens); a
       photo's label is the name of the folder it lies in. Or the photos that DATA/labels.csv names, with its labels
Gives  `Photos`
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from fastcore.script import CliError

from .contents import read_photos, sha256_of
from .duplicates import groups_by
from .files import INBOX, PHOTO_EXTENSIONS, check_data, get_files
from .label_checks import labels_of_all, problem_with_labels, same_photos_note
from .labels import FILE_NAME, Labels, read_labels
from .listed import listed_notes, listed_photos
from .skipped import NO_LABELS, folders_left_out, names_left_out
from .splits import Photos, base_of, given_splits, n_photos, split_of, with_known_labels, without_copies
from .store_writer import StoreWriter

FEW_PHOTOS = 10  # of a label: the share of wrong answers among fewer says little


def get_photos(path: str | Path, labelled: bool = True) -> list[Path]:
    """Return the photo files under `path`, sorted; hidden files and folders, and NO_LABELS, are left out.

    labelled: the photos that labels.csv names, wherever they lie. Where there is none, photos that lie in `path`
    itself, in no label's folder, are left out too; CliError where a label's folder has photos in folders of its own.
    """
    path = Path(path)
    check_data(path)
    if (labels := read_labels(path)).multi_label and labelled:
        return listed_photos(path, labels)
    photos = _files_of_photos(path, in_folders=labelled)
    if labelled and photos:
        _check_depth(path, photos)
    return photos


def inbox_photos(data: str | Path) -> list[Path]:
    """Return the photos in DATA/_inbox and below, sorted, but for those to which labels.csv gives labels."""
    folder = Path(data) / INBOX
    if not folder.is_dir():
        return []
    listed = read_labels(data).listed or {}
    return [file for file in _files_of_photos(folder) if file not in listed]


def _files_of_photos(path: Path, in_folders: bool = False) -> list[Path]:
    """Return the photo files under `path`, sorted, each once; in_folders: none of those in `path` itself."""
    found = [
        file
        for file in get_files(path, extensions=PHOTO_EXTENSIONS)
        if not (in_folders and file.parent == path)
        and not file.name.startswith(".")
        and NO_LABELS.isdisjoint(file.relative_to(path).parts[:-1])
    ]
    # links may lead to a photo by several ways, or in a circle: the shortest way counts
    by_target: dict[str, Path] = {}
    for file in sorted(found, key=lambda file: (len(file.parts), file)):
        by_target.setdefault(os.path.realpath(file), file)
    return sorted(by_target.values())


def _check_depth(path: Path, photos: Sequence[Path]) -> None:
    """Raise CliError where photos lie deeper than in a label's folder: nobody can tell which folder is the label."""
    base = base_of(path, photos)
    for photo in photos:
        folders = photo.relative_to(base).parts[:-1]
        if len(folders) > (2 if folders and split_of(folders[0]) else 1):
            within = sorted({base / file.relative_to(base).parts[0] for file in photos})
            sets = " or ".join(map(str, within[:3])) + (" …" if len(within) > 3 else "")
            meant = f"Did you mean {sets}? Else " if all(len(f.relative_to(base).parts) > 2 for f in photos) else ""
            raise CliError(
                f"{photo.parent} is a folder in a label's folder: which of them is the label? {meant}"
                f"`python -m training.gather --source {path} --out NEW` takes the folders in {base.name}; "
                "--dry-run shows that, and --pattern takes another part of the path."
            )


def readable_photos(path: str | Path, writer: StoreWriter | None = None) -> Photos:
    """Return the photos under `path` by split, why some cannot be opened, and notes on what else is left out.

    writer: keeps those to train on at working size. Raises CliError unless there are two labels or more, each with at
    least MIN_PHOTOS photos to train on; one label is enough where photos may have none.
    """
    path = Path(path)
    labels, files = read_labels(path), get_photos(path)
    if not files:
        raise CliError(f"No photos under {path}. {where_photos_go(path, labels)}")
    given = given_splits(path, files, labels)
    if not given.train:
        to_do = f"Put some in {path}/train/<label>/."
        if labels.multi_label:
            to_do = f"Write train in the column set of {FILE_NAME} for some."
        raise CliError(f"No photos to train on under {path}, only a validation or test set. {to_do}")
    if writer:
        writer.begin(len(given.train))
    unreadable = read_photos(given.train, writer)
    if held := [*given.valid, *given.test]:
        unreadable |= read_photos(held)
    photos = given.filtered(lambda file: file not in unreadable)
    photos = replace(photos, unreadable=unreadable, store=writer.finish() if writer else None)
    photos = without_copies(with_known_labels(photos))
    photos = photos.with_notes(*_notes(path, files, photos))
    if problem := problem_with_labels(path, labels.vocab(given.train), photos):
        print_left_out(photos)
        raise CliError(problem)
    return photos


def where_photos_go(path: Path, labels: Labels) -> str:
    """Return a sentence on where photos are looked for."""
    if labels.listed:
        return f"{FILE_NAME} names {n_photos(len(labels.listed))} that are not there, such as {min(labels.listed)}."
    if labels.multi_label:
        return f"{FILE_NAME} names none: a row a photo is expected, or move it away, and folders are the labels."
    return f"Put them in one folder a label: {path}/<label>/photo.jpg."


def _notes(path: Path, files: Sequence[Path], photos: Photos) -> Iterator[str]:
    """Yield sentences on what is left out because of names, and on labels that may not be what is meant."""
    if photos.labels.multi_label:
        yield from listed_notes(path, photos.labels, files)
        if always := labels_of_all(photos):
            yield f"All photos to train on show {', '.join(always)}: a model learns nothing of it."
    else:
        yield from folders_left_out(path, files)
        yield from names_left_out(path)
    groups = groups_by(sha256_of, [*photos.train, *photos.valid, *photos.test], photos.labels)
    yield same_photos_note(path, groups, photos.labels)


def select_by_hash(photos: Sequence[Path], hashes: Sequence[str]) -> list[Path]:
    """Return the photos whose SHA-256 is one of `hashes`; a file that cannot be read is none of them."""
    known = set(hashes)
    return [photo for photo in photos if known and os.access(photo, os.R_OK) and sha256_of(photo) in known]


def labels_with_few_photos(labels: Sequence[str]) -> list[str]:
    """Return the labels, sorted, that have fewer than FEW_PHOTOS photos; labels: (N,) a label for each photo."""
    return sorted(label for label, n in Counter(labels).items() if n < FEW_PHOTOS)


def imbalance_ratio(labels: Sequence[str]) -> float:
    """Return the number of photos of the most frequent label divided by that of the rarest: 1 where all are equal.

    labels: (N,) a label for each photo, N at least 1.
    """
    counts = Counter(labels).values()
    return max(counts) / min(counts)


def print_unreadable(unreadable: dict[Path, str]) -> None:
    """Print the files that were left out, and why."""
    for file, why in unreadable.items():
        print(f"left out: {file}: {why}")


def print_left_out(photos: Photos) -> None:
    """Print the files that cannot be opened, and what else was left out, and why."""
    print_unreadable(photos.unreadable)
    for note in photos.notes:
        print(note)
