"""Compute what an export says of each photo: probabilities, features and perceptual hashes, cached on disk.

Reads  photos, and an export's `Classifier`
Writes DATA/.clean/views.npz, so that the next start of the cleaner takes seconds
Gives  a `PhotoAnalysis` of each photo
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from fastcore.script import CliError

from classifier import Classifier
from classifier.files import sha256
from classifier.photo import PhotoError, open_photo
from training.append_log import folder_errors
from training.data.contents import INSPECTED_SIDE, perceptual_hashes
from training.output import staged
from training.progress import progress_bar

CACHE = "views.npz"  # in DATA/.clean
SAVED_EVERY = 2000  # photos: what a killed run loses at most


class PhotoAnalysis(NamedTuple):
    """What an export says of one photo; the names of the fields are those of the arrays on disk."""

    sha256: str
    probabilities: np.ndarray  # (C,), in the order of the export's labels
    features: np.ndarray  # (D,); the probabilities again where the model has none
    hashes: tuple[int, ...]  # see `training.data.contents.MAX_HASH_DISTANCES`


def analyse_all(
    classifier: Classifier,
    digest: str,
    files: Sequence[Path],
    cache: Path,
) -> tuple[dict[Path, PhotoAnalysis], dict[Path, str]]:
    """Return the analysis of each file that can be opened, with a progress bar, and why the others cannot.

    digest: the export's SHA-256; cache: the file on disk, which is used if it is of this export.
    """
    known, analyses, unreadable = read_cache(cache, digest), {}, {}
    n_written = len(known)

    def analyse(file: Path) -> PhotoAnalysis | str:
        try:
            name = sha256(file)
            return known[name] if name in known else _analyse(classifier, file, name)
        except (PhotoError, OSError) as error:
            return getattr(error, "strerror", None) or str(error)

    with ThreadPoolExecutor(os.cpu_count(), initializer=_use_one_thread) as pool:
        # the bar is the first argument of zip, so that it runs to its end and disappears
        results = progress_bar(pool.map(analyse, files), total=len(files), leave=False)
        for n, (result, file) in enumerate(zip(results, files), start=1):
            if isinstance(result, str):
                unreadable[file] = result
                continue
            analyses[file] = known[result.sha256] = result
            if n == len(files) or n % SAVED_EVERY == 0:
                n_written = _write(cache, digest, known, n_written)
    _write(cache, digest, known, n_written)
    return analyses, unreadable


def _use_one_thread() -> None:
    """Have torch, if it answers, compute in this thread alone: faster than sharing one photo's arithmetic."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def _analyse(classifier: Classifier, file: Path, digest: str) -> PhotoAnalysis:
    photo = open_photo(file)
    prediction, features = classifier.predict_with_features(photo)
    probabilities = np.array([prediction.probabilities[label] for label in classifier.labels], dtype=np.float32)
    photo.thumbnail((INSPECTED_SIDE, INSPECTED_SIDE))  # as `training.verify` does, so that the hashes are the same
    return PhotoAnalysis(
        digest, probabilities, probabilities if features is None else features, perceptual_hashes(photo)
    )


def read_cache(cache: Path, digest: str) -> dict[str, PhotoAnalysis]:
    """Return the cached analyses, by the photos' SHA-256; none where they are of another export or damaged."""
    try:
        with cache.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["export"]) != digest:
                return {}
            return {
                str(name): PhotoAnalysis(str(name), probabilities, features, tuple(map(int, hashes)))
                for name, probabilities, features, hashes in zip(*(kept[field] for field in PhotoAnalysis._fields))
            }
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}


def _write(cache: Path, digest: str, analyses: dict[str, PhotoAnalysis], n_written: int) -> int:
    """Write the cache, if there are more analyses than last time; return how many are written.

    Where the disk is full, the next start takes its time again; this run goes on.
    """
    if len(analyses) == n_written:
        return n_written
    try:
        with folder_errors(cache.parent.parent):
            cache.parent.mkdir(exist_ok=True)
        with staged(cache) as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = dict(zip(PhotoAnalysis._fields, map(np.array, zip(*analyses.values()))))
            np.savez(file, export=digest, **arrays)
    except CliError as error:
        print(f"{error} The next start will look at all photos again.")
    return len(analyses)
