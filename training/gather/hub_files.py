"""Make the files of a data set on the Hub, as its library reads them: photos in folders, with a row for each.

Reads  the photos of DATA by split and label, or as its labels.csv lists them, and DATA/sources.csv
Gives  train/<label>/<photo>, validation/... and test/..., a metadata.jsonl for each of the three, and README.md; photos
       with several labels lie in folders of the first two digits of their SHA-256: train/3f/<photo>

metadata.jsonl, and not metadata.csv: the library takes an empty column of a csv for numbers, and then refuses the data
set, since the columns of its splits differ; it takes a label such as None or NA for no label; and a csv has no lists.
"""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier.files import sha256
from training.append_log import Row
from training.data.labels import read_labels
from training.data.photos import get_photos
from training.data.splits import given_splits
from training.hub.repo import Content
from training.progress import progress_bar

from .dataset_card import Told, columns, dataset_card
from .gathered import read_sources

SPLITS = {"train": "train", "valid": "validation", "test": "test"}  # of a data set here, and their names on the Hub
MOST_IN_FOLDER = 10_000  # files, by the Hub's rules
PLAIN = re.compile(r"[\w.-]+", re.ASCII)  # a name that is the same in a path, an address and a pattern


@dataclass(frozen=True)
class Photo:
    """A photo that is to be sent."""

    file: Path
    split: str  # as the Hub calls it
    labels: tuple[str, ...]
    sha256: str
    source: Row  # its row in sources.csv; empty where it has none
    several: bool = False  # whether photos of the data set may have several labels, or none

    @property
    def folder(self) -> str:
        """The folder where it goes, below that of its split."""
        return self.sha256[:2] if self.several else self.labels[0]

    @property
    def name(self) -> str:
        """Where it goes, below the folder of its split."""
        own = self.file.name if PLAIN.fullmatch(self.file.name) else self.name_by_content
        return f"{self.folder}/{own}"

    @property
    def name_by_content(self) -> str:
        """A name that no other photo has."""
        return f"{self.sha256[:20]}{self.file.suffix.lower()}"

    @property
    def row(self) -> dict[str, Any]:
        """What is told of it beside its image; what is not known is empty."""
        own = {"labels": list(self.labels)} if self.several else {"label": self.labels[0]}
        known = {**own, "sha256": self.sha256}
        return {name: known.get(name) or self.source.get(name, "") for name in columns(self.several)} | known


def photos_to_send(data: Path) -> list[Photo]:
    """Return the photos of a folder, sorted, each with its row in sources.csv; CliError where there are none."""
    files = get_photos(data)
    if not files:
        raise CliError(f"No photos under {data}, so that there is nothing to send. Gather some first.")
    labels = read_labels(data)
    given = given_splits(data, files, labels)
    by_label: dict[tuple[str, str], Row] = {}
    by_hash: dict[str, Row] = {}
    for row in read_sources(data / "sources.csv"):
        by_label[row["label"], row["sha256"]] = by_hash[row["sha256"]] = row
    splits = {"train": given.train, "valid": given.valid, "test": given.test}
    places = [(split, file) for split, own in splits.items() for file in own]
    found = []
    for split, file in progress_bar(places, leave=False):
        try:
            digest = sha256(file)
        except OSError as error:
            raise CliError(f"{file} cannot be read ({error.strerror}). Nothing was sent.") from error
        # a photo may have got another label since
        source = by_label.get((labels.text(file), digest)) or by_hash.get(digest) or {}
        found.append(Photo(file, SPLITS[split], labels(file), digest, source, labels.multi_label))
    return found


def files_to_send(photos: list[Photo], name: str) -> dict[str, Content]:
    """Return the content of each file of the data set `name`, by its path there; CliError for what the Hub refuses."""
    files: dict[str, Content] = {}
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    told: list[Told] = []
    for photo in photos:
        path = f"{photo.split}/{photo.name}"
        if path in files:
            path = f"{photo.split}/{photo.folder}/{photo.name_by_content}"
        if path in files:
            continue  # the same photo again, in a folder that is another for us alone
        files[path] = photo.file
        rows[photo.split].append({"file_name": path.partition("/")[2], **photo.row})
        told.append((photo.split, photo.labels, photo.source))
    for folder, n in Counter(path.rpartition("/")[0] for path in files).items():
        if n > MOST_IN_FOLDER:
            raise CliError(f"{folder} has {n:,} photos; a folder on the Hub takes {MOST_IN_FOLDER:,}. Take some away.")
    for split, own in rows.items():
        lines = (json.dumps(row, ensure_ascii=False) for row in sorted(own, key=lambda row: row["file_name"]))
        files[f"{split}/metadata.jsonl"] = "".join(f"{line}\n" for line in lines).encode(errors="replace")
    card = dataset_card(name, told, several=any(photo.several for photo in photos))
    return {**files, "README.md": card.encode(errors="replace")}
