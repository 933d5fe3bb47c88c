"""What there is to know about labelled photos before a person looks at them, from any export.

Reads  photos in one folder a label, an export, metrics.json beside it where there is one
Writes DATA/.clean/views.npz: what the export says of each photo, so that the next start takes seconds
Gives  `Reviewed` photos, the most suspicious first
"""
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf, log
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from fastcore.script import CliError
from fastprogress import progress_bar

from classifier import Classifier
from classifier.files import sha256
from classifier.photo import PhotoError, open_photo
from training.data.duplicates import LOOKED_AT, hashes_of, near_pairs_of
from training.data.files import parent_label
from training.data.photos import get_photos
from training.feedback import SUGGESTED, suggested_photos
from training.metrics import read_metrics
from training.move_journal import writing
from training.output import staged
from training.predictions import load_classifier

from .decisions import FOLDER, Key
from .label_errors import suspects

SAVED_EVERY = 2000  # photos: what a killed run loses at most


class View(NamedTuple):
    """What is seen of one photo."""

    sha256: str
    probabilities: np.ndarray  # (C,), in the order of the export's labels
    features: np.ndarray  # (D,); the probabilities again where the model has none
    hashes: tuple[int, ...]  # see `verify.NEAR`


@dataclass
class Reviewed:
    """A photo, what the export says of it, and how suspicious it is under the label it had when it was judged."""

    file: Path  # where it lies now
    sha256: str
    split: str  # "train" or "valid"; "" where the export does not tell
    probabilities: dict[str, float]
    judged: str  # the label it had
    suspected: float
    why: str
    by_user: bool = False  # came as a user's suggestion

    @property
    def suggested(self) -> bool:
        """Whether it still is a suggestion, which nobody trains on."""
        return self.by_user and self.file.parent.parent.name == SUGGESTED

    @property
    def as_judged(self) -> bool:
        """Whether no person has given it a label since."""
        return self.label == self.judged and self.suggested == self.by_user

    @property
    def label(self) -> str:
        return parent_label(self.file)

    @property
    def key(self) -> Key:
        """What decisions about the photo are kept under."""
        return self.file, self.sha256

    @property
    def prediction(self) -> str:
        return max(self.probabilities, key=self.probabilities.get)

    @property
    def loss(self) -> float:
        """-log of the probability of the photo's own label, 0 and up; infinite where the export knows no such label."""
        return -log(max(self.probabilities[self.label], 1e-12)) if self.label in self.probabilities else inf

    @property
    def suspicion(self) -> float:
        """How suspicious the photo is, 0 to 1; 0 once a person gave it a label."""
        return self.suspected if self.as_judged else 0

    @property
    def reason(self) -> str:
        """A sentence that says what speaks against the label; "" where nothing does."""
        if self.as_judged:
            return self.why
        return f"it was moved here from {self.judged}" if self.label != self.judged else "kept; a user suggested it"


def view_all(classifier: Classifier, digest: str, files: Sequence[Path], cache: Path,
             ) -> tuple[dict[Path, View], dict[Path, str]]:
    """Return a view of each file that can be opened, with a progress bar, and why the others cannot.

    digest: the export's SHA-256; cache: where views are kept, and taken from if they are of this export.
    """
    known, views, unreadable = _read(cache, digest), {}, {}
    n_known = len(known)

    def view(file: Path) -> View | str:
        try:
            name = sha256(file)
            return known[name] if name in known else _view(classifier, file, name)
        except (PhotoError, OSError) as error:
            return getattr(error, "strerror", None) or str(error)

    # one thread a core, each with a photo of its own: faster than sharing one photo's arithmetic
    with ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        # the bar is zip's first, so that it comes to its end and goes
        seen_all = progress_bar(pool.map(view, files), total=len(files), leave=False)
        for n, (seen, file) in enumerate(zip(seen_all, files), start=1):
            if isinstance(seen, str):
                unreadable[file] = seen
                continue
            views[file] = known[seen.sha256] = seen
            if n == len(files) or n % SAVED_EVERY == 0:
                n_known = _write(cache, digest, known, n_known)
    _write(cache, digest, known, n_known)
    return views, unreadable


def _view(classifier: Classifier, file: Path, name: str) -> View:
    photo = open_photo(file)
    answer, features = classifier.predict_with_features(photo)
    probabilities = np.array([answer.probabilities[label] for label in classifier.labels], dtype=np.float32)
    photo.thumbnail((LOOKED_AT, LOOKED_AT))  # as `verify` does: so the hashes are the same
    return View(name, probabilities, probabilities if features is None else features, hashes_of(photo))


def _read(cache: Path, digest: str) -> dict[str, View]:
    """Return the views in a cache, by the photos' SHA-256; none where it is of another export or broken."""
    try:
        with cache.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["export"]) != digest:
                return {}
            return {str(name): View(str(name), probabilities, features, tuple(map(int, hashes)))
                    for name, probabilities, features, hashes in zip(*(kept[field] for field in View._fields))}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}


def _write(cache: Path, digest: str, views: dict[str, View], n_written: int) -> int:
    """Keep views for the next start, if there are more than last time; return how many are kept.

    A disk that is full costs the next start its time, not this one its work.
    """
    if len(views) == n_written:
        return n_written
    try:
        with writing(cache.parent.parent):
            cache.parent.mkdir(exist_ok=True)
        with staged(cache) as aside, aside.open("wb") as file:
            columns = map(np.array, zip(*views.values()))
            np.savez(file, export=digest, **dict(zip(View._fields, columns)))
    except CliError as error:
        print(f"{error} The next start will look at all photos again.")
    return len(views)


def review(export: str | Path, data: str | Path) -> tuple[list[Reviewed], list[str], dict[Path, str]]:
    """Return the photos under `data`, the most suspicious first, the labels there are, and what cannot be opened.

    What users suggested comes before all else, and has no say in what the others are. Labels are the export's and
    those of the folders, sorted. Raises CliError where there is nothing to review.
    """
    files, classifier = get_photos(data), load_classifier(export)
    if not files:
        raise CliError(f"No photos under {data}. Photos lie in one folder a label: {data}/<label>/.")
    labels = {parent_label(file) for file in files}
    if not labels & set(classifier.labels):
        raise CliError(f"This export knows none of the labels under {data}; it knows "
                       f"{', '.join(classifier.labels[:12])}. Is it the folder that it was trained on?")
    with_cache = Path(data) / FOLDER / "views.npz"
    suggested = suggested_photos(data)
    views, unreadable = view_all(classifier, sha256(Path(export)), [*files, *suggested], with_cache)
    of_users = {file: views.pop(file) for file in suggested if file in views}
    if not views:
        raise CliError(f"None of the {len(files)} photos under {data} can be opened.")
    held_out = set(read_metrics(export).get("valid_sha256", []))
    found = suspects(list(views), np.stack([view.features for view in views.values()]),
                     [view.sha256 for view in views.values()], copies_among(views))
    reviewed = suggestions_of(of_users, suggested, views, classifier.labels)
    for suspect in found:
        view, label = views[suspect.file], parent_label(suspect.file)
        split = ("valid" if view.sha256 in held_out else "train") if held_out else ""
        why = suspect.reason if label in classifier.labels else f"the export knows no label {label}"
        probabilities = dict(zip(classifier.labels, map(float, view.probabilities)))
        reviewed.append(Reviewed(suspect.file, view.sha256, split, probabilities, label, suspect.suspicion, why))
    return reviewed, sorted(labels | set(classifier.labels) | set(map(parent_label, of_users))), unreadable


def suggestions_of(of_users: dict[Path, View], why: dict[Path, str], views: dict[Path, View],
                   labels: Sequence[str]) -> list[Reviewed]:
    """Return what users suggested, each with what is said of it, and of which photo it is a copy; views: the others."""
    copies = copies_among({**views, **of_users}) if of_users else {}
    return [Reviewed(file, view.sha256, "", dict(zip(labels, map(float, view.probabilities))), parent_label(file), 1.0,
                     why[file] + (f"; a copy {copies[file]}" if file in copies else ""), by_user=True)
            for file, view in of_users.items()]


def copies_among(views: dict[Path, View]) -> dict[Path, str]:
    """Return of which photo each is a copy, for all but the first of each group; under other labels, of both."""
    files, found = list(views), {}
    for i, j in near_pairs_of([view.hashes for view in views.values()]):
        first, second = files[i], files[j]
        found.setdefault(second, f"of {parent_label(first)}/{first.name}")
        if parent_label(first) != parent_label(second):
            found.setdefault(first, f"of {parent_label(second)}/{second.name}")
    return found
