"""Check that a model with half weights answers as the whole one does, before it is published.

Reads  the examples, the photos of --photos DATA, and a few drawn pictures
Gives  `check_half_weights`: on how many photos the two were compared, and by how much they differ

Of DATA the photos are taken that metrics.json beside the export names as held out; where none of these is there, a
sample of all of them, evenly spread.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fastcore.script import CliError
from PIL import Image

from classifier import Classifier, Prediction
from classifier.photo import PhotoError, open_photo
from training.progress import progress_bar

TOLERANCE = 0.005  # of a probability
MOST_PHOTOS = 200  # of DATA where none was held out
N_DRAWN = 4


@dataclass(frozen=True)
class Comparison:
    """How half weights compare with whole ones."""

    n: int
    """photos that could be opened"""
    ties: int
    """of them, those whose answer differs, and was hardly decided before"""
    largest: float
    """the largest difference of a probability, 0 to 1"""

    def __str__(self) -> str:
        between = f", but for {self.ties} that lie between two" if self.ties else ""
        largest = f"the largest difference of a probability is {self.largest:.5f}"
        return f"the same answers on {self.n} photos{between}; {largest}"


def photos_to_compare(data: str, export: str) -> list[Path]:
    """Return the photos under DATA to compare on; CliError where there are none."""
    # what these need is not installed where an app is only served, and takes a second to import
    from training.data.photos import get_photos, select_by_hash
    from training.evaluation.held_out import HeldOutPredictions
    from training.metrics import read_metrics

    photos = get_photos(data, labelled=False)
    if not photos:
        raise CliError(f"--photos {data}: there are no photos in this folder.")
    metrics = read_metrics(export)
    kept = HeldOutPredictions.from_metrics(metrics)
    held_out = select_by_hash(photos, [*metrics.get("valid_sha256", []), *(kept.hashes if kept else [])])
    if held_out:
        return held_out
    return [photos[i] for i in np.linspace(0, len(photos) - 1, min(len(photos), MOST_PHOTOS)).astype(int)]


def drawn_pictures() -> Iterator[Image.Image]:
    """Yield pictures that are no photos: noise, coarse to fine, over a slope of colours."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 128, 256)[None, :, None] * rng.random(3)
    for side in (8, 16, 64, 192)[:N_DRAWN]:
        noise = Image.fromarray(rng.integers(0, 128, (side, side, 3), dtype=np.uint8)).resize((256, 192))
        yield Image.fromarray((np.asarray(noise) + slope).astype(np.uint8))


def check_half_weights(full: Classifier, half: Classifier, photos: Sequence[Path]) -> Comparison:
    """Return how the answers of half weights compare with those of the whole ones.

    Raises CliError where an answer differs that is no tie, or a probability by more than TOLERANCE. Of the drawn
    pictures only probabilities are compared: whichever of two labels noise resembles as much is first.
    """
    n, ties, largest = 0, 0, 0.0
    for photo in progress_bar(photos, leave=False):
        try:
            opened = open_photo(photo)
        except PhotoError:
            continue
        expected, given = full.predict(opened), half.predict(opened)
        same = answer_of(expected) == answer_of(given)
        if not same and not is_tie(full, expected, given):
            said = f"{photo.name} is {_in_words(given)} instead of {_in_words(expected)}"
            raise _refusal(f"{said} (a probability differs by {difference_of(expected, given):.4f})")
        n, ties, largest = n + 1, ties + (not same), max(largest, _checked(photo.name, expected, given))
    for i, picture in enumerate(drawn_pictures(), 1):
        largest = max(largest, _checked(f"drawn picture {i}", full.predict(picture), half.predict(picture)))
    return Comparison(n, ties, largest)


def is_tie(full: Classifier, expected: Prediction, given: Prediction) -> bool:
    """Return whether two answers differ only in what the whole weights themselves hardly decide: TOLERANCE or less."""
    if expected.familiar != given.familiar:
        threshold = full.familiarity.threshold if full.familiarity else 0
        if abs((expected.familiarity or 0) - threshold) > TOLERANCE / 10:  # it moves less than a probability
            return False
    probabilities = expected.probabilities
    if expected.labels is None or given.labels is None:
        return probabilities[expected.label] - probabilities[given.label] <= TOLERANCE
    differing = set(expected.labels) ^ set(given.labels) if expected.familiar == given.familiar else set()
    return all(abs(probabilities[label] - full.thresholds[label]) <= TOLERANCE for label in differing)


def answer_of(prediction: Prediction) -> tuple[object, ...]:
    """Return what a visitor is told: label or labels, and whether the photo is familiar."""
    labels = prediction.label if prediction.labels is None else frozenset(prediction.labels)
    return labels, prediction.familiar


def difference_of(one: Prediction, other: Prediction) -> float:
    """Return the largest difference of a probability, 0 to 1."""
    return max(abs(p - other.probabilities[label]) for label, p in one.probabilities.items())


def _checked(name: str, expected: Prediction, given: Prediction) -> float:
    """Return the largest difference of a probability; CliError where it is above TOLERANCE, or no number."""
    difference = difference_of(expected, given)
    if not difference <= TOLERANCE:
        raise _refusal(f"for {name} a probability differs by {difference:.4f}, more than {TOLERANCE}")
    return difference


def _in_words(prediction: Prediction) -> str:
    label = prediction.label if prediction.labels is None else ", ".join(prediction.labels) or "none of the labels"
    return f"{label}{' (not familiar)' if prediction.familiar is False else ''}"


def _refusal(what: str) -> CliError:
    return CliError(
        f"With weights in 16 bits this model answers otherwise: {what}. Nothing was written. Say --fp32: the page then "
        "loads the whole weights."
    )
