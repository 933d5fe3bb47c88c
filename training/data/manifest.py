"""The list of the photos that a model was made from, by content: it tells whether two models had the same photos.

Gives  lines such as "9f86d081…  train/teddy", sorted, and "9f86d081…  train/dress|hat" for a photo with several labels;
       and the SHA-256 of the list, which export, /health and card carry
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from .contents import sha256_of
from .splits import Photos


def manifest(photos: Photos) -> list[str]:
    """Return a line for each photo: its SHA-256, its set as folders or labels.csv give it, and its labels; sorted.

    Names of files do not count, nor which photos a training drew to validate on.
    """

    def lines(split: str, files: list[Path]) -> Iterator[str]:
        return (f"{sha256_of(file)}  {split}/{photos.labels.text(file)}" for file in files)

    return sorted(
        [*lines("train", photos.train), *lines("valid", photos.valid), *lines("test", photos.test)],
    )


def manifest_sha256(photos: Photos) -> str:
    """Return the SHA-256 of the manifest's lines in UTF-8, each with its line feed: 64 hexadecimal digits."""
    return sha256_of_lines(manifest(photos))


def sha256_of_lines(lines: Iterable[str]) -> str:
    """Return the SHA-256 of lines that `manifest` gave, or that were kept of it."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode(errors="replace")).hexdigest()
