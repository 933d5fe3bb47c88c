"""What a source of photos was understood as: its photos with their labels and splits, and what is left out.

Readers of folders, tables and other sources give a `DataSet`; `training.gather` shows it before it copies anything.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fastcore.script import CliError

from training.data.files import alike_names, folder_name
from training.data.splits import n_photos, split_of

MOST_NAMED = 5  # files or labels that a sentence names

SPLIT_ORDER = ("test", "valid", "train")  # a photo of two of them is taken for the first
FORBIDDEN = str.maketrans(dict.fromkeys('/\\:*?"<>|\0', "_"))  # in names of folders


@dataclass(frozen=True)
class Candidate:
    """A photo that may be collected: an address on the web, a file, or its bytes."""

    labels: tuple[str, ...]
    url: str = ""
    file: Path | None = None
    data: bytes | None = None
    split: str = "train"  # or valid or test
    term: str = ""  # the search that found it
    page: str = ""
    title: str = ""
    licence: str = ""
    source: str = ""  # the archive, table, folder or address that had it

    @property
    def label(self) -> str:
        """The one label of the photo."""
        (label,) = self.labels
        return label


@dataclass
class DataSet:
    """The photos of a source."""

    kind: str
    """what the source was taken for, to be shown: "folders, each a label" """
    candidates: Iterable[Candidate]
    notes: list[str] = field(default_factory=list)
    """sentences: what was left out and why"""
    counts: Counter[tuple[str, str]] | None = None
    """photos by (split, label), where `candidates` are not all there yet"""

    def count(self) -> Counter[tuple[str, str]]:
        """Return how many photos there are of each (split, label)."""
        if self.counts is None:
            self.counts = Counter((candidate.split, candidate.label) for candidate in self.candidates)
        return self.counts

    def table(self) -> list[str]:
        """Return a line for each label: its photos, in each of the splits where there are several."""
        counts = self.count()
        splits = [split for split in reversed(SPLIT_ORDER) if any(split == found for found, _ in counts)]
        head = ["".join(f"{split:>8}" for split in splits) + "  label"] if splits not in ([], ["train"]) else []
        labels = sorted({label for _, label in counts})
        return head + ["".join(f"{counts[split, label]:8}" for split in splits) + f"  {label}" for label in labels]


def one_label_each(kind: str, candidates: Sequence[Candidate], notes: Sequence[str]) -> DataSet:
    """Return the data set of the candidates that have one label; the notes say how many have none or several.

    Labels become names of folders. Photos of the test set come first, then those to validate: a photo that is also to
    train on is not taken a second time.
    """
    kept, without, several, renamed = [], 0, 0, {}
    for candidate in united(candidates):
        labels = {label.strip() for label in candidate.labels} - {""}
        without, several = without + (not labels), several + (len(labels) > 1)
        if len(labels) == 1:
            (label,) = labels
            name = as_folder(label)
            if name != "_".join(label.split()):
                renamed[label] = name
            kept.append(replace(candidate, labels=(name,)))
    told = list(notes)
    if without:
        told.append(f"{n_photos(without)} left out: without a label.")
    if several:
        told.append(f"{n_photos(several)} left out: with several labels. A model tells one label for each photo.")
    if alike := alike_names({found.label for found in kept}):
        told.append(f"Labels that differ in capitals alone, each taken for its own: {some(alike)}.")
    if renamed:
        pairs = ", ".join(f"{label} as {name}" for label, name in sorted(renamed.items())[:MOST_NAMED])
        told.append(f"Labels that cannot be names of folders are written otherwise: {pairs}.")
    refuse_labels_named_as_splits({(found.split, found.label) for found in kept})
    if not kept:
        raise CliError(f"Taken for {kind}, no photo is left. {' '.join(told)}".strip())
    return DataSet(kind, sorted(kept, key=lambda candidate: SPLIT_ORDER.index(candidate.split)), told)


def refuse_labels_named_as_splits(found: Collection[tuple[str, str]]) -> None:
    """Raise CliError for a label such as test where photos are in several sets. found: (split, label) of photos."""
    labels = sorted({label for _, label in found if split_of(label)})
    if labels and any(split != "train" for split, _ in found):
        raise CliError(f"A label cannot be called {some(labels)} where there are sets of such names.")


def united(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return each photo once, with the labels of all its rows, in the first of its sets; see SPLIT_ORDER."""
    by_photo: dict[object, Candidate] = {}
    for candidate in candidates:
        key = candidate.url or (os.path.realpath(candidate.file) if candidate.file else id(candidate))
        if known := by_photo.get(key):
            labels = tuple(dict.fromkeys((*known.labels, *candidate.labels)))
            split = min(known.split, candidate.split, key=SPLIT_ORDER.index)
            candidate = replace(known, labels=labels, split=split)
        by_photo[key] = candidate
    return list(by_photo.values())


def as_folder(label: str) -> str:
    """Return the name of a label's folder, without what names of folders cannot have."""
    name = unicodedata.normalize("NFC", label).translate(FORBIDDEN).strip().lstrip(".")
    return folder_name("".join(letter for letter in name if letter.isprintable()) or "_")


def some(names: Iterable[object]) -> str:
    """Return a few of the names, and how many there are beside these."""
    first = list(map(str, names))
    more = f" and {len(first) - MOST_NAMED} more" if len(first) > MOST_NAMED else ""
    return ", ".join(first[:MOST_NAMED]) + more
