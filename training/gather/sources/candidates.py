"""What a source of photos was understood as: its photos with their labels and splits, and what is left out.

Readers of folders, tables and other sources give a `DataSet`; `training.gather` shows it before it copies anything.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from training.data.files import INBOX, folder_name
from training.data.labels import SEPARATOR
from training.data.splits import n_photos

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
    member: str = ""  # its name in an archive, whose unpacked files are removed at the end

    @property
    def label(self) -> str:
        """The one label of the photo; several joined, "" for none."""
        return SEPARATOR.join(self.labels)

    @property
    def place(self) -> str:
        """Where a person finds the photo: its path, the archive with its name there, or its address."""
        return self.member or self.url or str(self.file or self.title)


@dataclass
class DataSet:
    """The photos of a source."""

    kind: str
    """what the source was taken for, to be shown: "folders, each a label" """
    candidates: Iterable[Candidate]
    notes: list[str] = field(default_factory=list)
    """sentences: what was left out and why"""
    by_labels: Counter[tuple[str, tuple[str, ...]]] | None = None
    """photos by (split, labels), where `candidates` are not all there yet"""
    several: bool = False
    """whether a photo may have several labels, or none"""

    def counted(self) -> Counter[tuple[str, tuple[str, ...]]]:
        """Return how many photos there are of each (split, labels); its total is that of the photos."""
        if self.by_labels is None:
            self.by_labels = Counter((candidate.split, candidate.labels) for candidate in self.candidates)
        return self.by_labels

    def count(self) -> Counter[tuple[str, str]]:
        """Return how many photos there are of each (split, label)."""
        counts: Counter[tuple[str, str]] = Counter()
        for (split, labels), n in self.counted().items():
            counts.update({(split, label): n for label in labels})
        return counts

    def table(self) -> list[str]:
        """Return a line for each label: its photos, in each of the splits where there are several.

        Where photos may have several labels, a last line says how many have, and how many have none.
        """
        counts = self.count()
        splits = [split for split in reversed(SPLIT_ORDER) if any(split == found for found, _ in self.counted())]
        head = ["".join(f"{split:>8}" for split in splits) + "  label"] if splits not in ([], ["train"]) else []
        labels = sorted({label for _, label in counts})
        lines = ["".join(f"{counts[split, label]:8}" for split in splits) + f"  {label}" for label in labels]
        return [*head, *lines, *([several_and_none(self.counted())] if self.several else [])]


def several_and_none(counts: Counter[tuple[str, tuple[str, ...]]]) -> str:
    """Return a sentence on how many photos have several labels, and how many have none."""
    n_several = sum(n for (_, labels), n in counts.items() if len(labels) > 1)
    n_none = sum(n for (_, labels), n in counts.items() if not labels)
    return f"Several labels a photo: {n_several} of {n_photos(counts.total())} have several, {n_none} none of these."


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
    name = "".join(letter for letter in name if letter.isprintable()) or "_"
    return folder_name(name.lstrip("_") if name.casefold() == INBOX else name)


def some(names: Iterable[object]) -> str:
    """Return a few of the names, and how many there are beside these."""
    first = list(map(str, names))
    more = f" and {len(first) - MOST_NAMED} more" if len(first) > MOST_NAMED else ""
    return ", ".join(first[:MOST_NAMED]) + more
