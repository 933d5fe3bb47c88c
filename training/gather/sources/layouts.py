"""Label the photos of a folder by the folders that they lie in, or by a pattern of their names."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from fastcore.script import CliError

from training.data.splits import base_of, n_photos, split_of

from .candidates import Candidate, DataSet, some

# words in names of folders that hold photos of any label
STRUCTURE = {
    *("images", "image", "imgs", "img", "jpegimages", "photos", "pictures", "annotations", "masks", "mask", "labels"),
    *("segmentationclass", "set", "seg", "pred"),
}


def by_folders(folder: Path, photos: Sequence[Path], notes: Sequence[str]) -> DataSet:
    """Return the photos with their first folder below the base, or below a split, as their label."""
    base = base_of(folder, photos)
    paths = [photo.relative_to(base).parts for photo in photos]
    first = {parts[0] for parts in paths if len(parts) > 1}
    with_splits = bool(first) and all(split_of(name) for name in first) and any(len(parts) > 2 for parts in paths)
    # beside ordinary labels, a folder named as a split is one where all its photos lie in folders of their own
    given = {
        name
        for name in first
        if split_of(name) and (with_splits or all(len(parts) > 2 for parts in paths if parts[0] == name))
    }
    candidates, told = [], list(notes)
    deeper: dict[str, set[str]] = defaultdict(set)
    flat: Counter[str] = Counter()
    for photo, parts in zip(photos, paths):
        split = split_of(parts[0]) if parts[0] in given else None
        folders = parts[1:-1] if split else parts[:-1]
        if not folders and (split or first):
            flat[parts[0] if split else base.name] += 1
            continue
        label = folders[0] if folders else base.resolve().name
        deeper[label].update(folders[1:2])
        candidates.append(Candidate((label,), file=photo, split=split or "train", title=photo.name))
    told += [f"{n_photos(n)} left out: directly in {name}, in no label's folder." for name, n in sorted(flat.items())]
    if below := {label: names for label, names in deeper.items() if names}:
        label, names = min(below.items())
        told.append(f"Folders in a label's folder belong to it: {some(sorted(names))} in {label}.")
    if not first:
        told.append(f"No folders of labels: all photos get the label {base.resolve().name}. {_pattern_hint(photos)}")
    kind = "folders, each a label" + (", in splits" if given else "")
    return DataSet(kind, candidates, told)


def only_structure(folder: Path, photos: Sequence[Path]) -> bool:
    """Return whether all folders that would be labels have names of how a data set is built, not of what it shows."""
    base = base_of(folder, photos)
    paths = [photo.relative_to(base).parts[:-1] for photo in photos]
    splits_only = all(split_of(parts[0]) for parts in paths if parts)
    labels = {parts[1] if splits_only and len(parts) > 1 else parts[0] for parts in paths if parts}
    return bool(labels) and all(is_structure(label) for label in labels)


def is_structure(name: str) -> bool:
    """Return whether a folder's name is made of the words in STRUCTURE and of splits alone."""
    words = [word for word in re.split(r"[^a-z]+", name.casefold()) if word]
    return bool(words) and all(word in STRUCTURE or split_of(word) for word in words)


def no_labels(folder: Path, photos: Sequence[Path]) -> str:
    """Return a sentence on folders whose names are no labels."""
    base = base_of(folder, photos)
    names = sorted({photo.relative_to(base).parts[0] for photo in photos if photo.parent != base})
    hint = _pattern_hint(photos)
    return (
        f"{some(names)} in {base.name}: folders of such names are no labels, and no table names these photos. "
        f"{hint or '--pattern takes labels from their names, and a table may name them.'}"
    )


def has_labels(folder: Path, photos: Sequence[Path]) -> bool:
    """Return whether photos lie in folders below the data set, which may be their labels."""
    base = base_of(folder, photos)
    return any(photo.parent != base for photo in photos)


def _pattern_hint(photos: Sequence[Path]) -> str:
    """Return a sentence on how to label by the names of files, where these begin with one of a few words."""
    words = Counter(found[1] for photo in photos if (found := re.match(r"(.*?[^\W\d])[\W_]*\d+$", photo.stem)))
    if not 1 < len(words) <= len(photos) / 2:
        return ""
    return rf"Their names begin with {some(sorted(words))}: --pattern '(.+?)[\W_]*\d+\.' makes these the labels."


def by_pattern(folder: Path, photos: Sequence[Path], pattern: str, notes: Sequence[str]) -> DataSet:
    """Return the photos with the pattern's first group in their name as their label, as fastai's `from_name_re`.

    A pattern with a "/" is searched for in the path below `folder`, with "/" between folders.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise CliError(f"--pattern {pattern!r} is no regular expression: {error}.") from error
    if not compiled.groups:
        raise CliError(f"--pattern {pattern!r} has no group that is the label, such as in '(.+)_\\d+.jpg'.")
    candidates, rest = [], []
    for photo in photos:
        path = photo.relative_to(folder)
        found = compiled.search(path.as_posix() if "/" in pattern else path.name)
        if not found or not found[1]:
            rest.append(path)
            continue
        split = next((split for part in path.parts[:-1] if (split := split_of(part))), "train")
        candidates.append(Candidate((found[1],), file=photo, split=split, title=photo.name))
    told = [f"{n_photos(len(rest))} left out: the pattern is not in their names, such as {rest[0]}."] if rest else []
    return DataSet("names of files, by the pattern", candidates, [*notes, *told])
