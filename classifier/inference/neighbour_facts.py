"""What an export holds of the photos that it learned from, as plain data.

Reads  the fact `neighbours` of an export, which may be anybody's: what does not fit is left out, with a line in the log
Gives  `Neighbours`, and of these the fact

    files     names of N photos, at most MAX_PHOTOS
    mean      (D,) float32: of the photos' features; and rest, (N,) float32: see `Neighbours`
    axes      (d, D) int8: directions among the network's D features
    codes     (N, d) int8, and scales, (d,) float32: how far the photos lie from the mean along the axes
    labels    (N, L) int32: indices of each photo's labels, then -1
    pictures  (B,) uint8 and ends, (N,) int32: small JPEGs; both are missing where there are none
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .confidence import DATA_ERRORS, as_mapping, normalised
from .neighbours import WHOLE, Neighbours, Pictures, in_8_bits

log = logging.getLogger(__name__)

MAX_PHOTOS = 10_000
MAX_AXES = 512
MAX_CODES, MAX_PICTURES = 2_000_000, 2_000_000  # bytes of all photos together
LARGEST = 10  # of numbers about features of length 1, whose products are 1 at most
MAX_NAME, MAX_LABELS = 500, 100  # characters; labels of a photo


def neighbours_to_facts(known: Neighbours, vocab: Sequence[str]) -> dict[str, Any]:
    """Return plain data for the export; vocab: its labels."""
    import torch

    index_of = {label: i for i, label in enumerate(vocab)}
    marks = np.full((len(known.files), max([1, *map(len, known.labels)])), -1, np.int32)
    for row, own in zip(marks, known.labels):
        row[: len(own)] = [index_of[label] for label in own]
    arrays = {name: getattr(known, name) for name in ("mean", "rest", "codes", "scales")}
    arrays |= {"axes": in_8_bits(known.axes)[0], "labels": marks}
    if known.pictures and known.pictures.data:  # JSON has no array without numbers
        arrays |= {"pictures": np.frombuffer(known.pictures.data, np.uint8), "ends": known.pictures.ends}
    return {"files": known.files, **{name: torch.from_numpy(values.copy()) for name, values in arrays.items()}}


def read_neighbours(
    facts: object, n_features: int | None, vocab: Sequence[str], multi_label: bool = False
) -> Neighbours | None:
    """Return what an export tells of its training photos; None, with a line in the log, for data that is invalid.

    n_features: D of the features that the export's model gives; None if it gives none. vocab: its labels.
    multi_label: whether a photo may have several of them, or none.
    """
    if facts is None:
        return None
    try:
        data = as_mapping(facts)
        files = _names(data["files"])
        mean, rest, scales = (_floats(data[name]) for name in ("mean", "rest", "scales"))
        axes, codes = _numbers(data["axes"], "if"), _numbers(data["codes"], "i")
        if mean.shape != (n_features,) or rest.shape != (len(files),):
            raise ValueError(f"means of shape {mean.shape} and {rest.shape}")
        _check_shapes(axes, codes, scales, len(files), n_features)
        labels = _labels(_numbers(data["labels"], "i"), len(files), vocab, multi_label)
    except DATA_ERRORS as error:
        log.warning("What the export tells of its training photos cannot be used (%s): none are named.", error)
        return None
    pictures = _pictures(data, len(files))
    return Neighbours(mean, rest, normalised(axes), codes.astype(np.int8), scales, files, labels, pictures)


def _numbers(values: Any, kinds: str) -> np.ndarray:
    """Return the array of a fact; TypeError for one of other kinds of numbers."""
    array = np.asarray(values)
    if array.dtype.kind not in kinds:
        raise TypeError(f"numbers that are {array.dtype}")
    return array


def _floats(values: Any) -> np.ndarray:
    """Return the array of a fact in float32; one of DATA_ERRORS for anything but numbers of a sensible size."""
    numbers = _numbers(values, "f")
    if not (np.abs(numbers) < LARGEST).all():  # not-a-number is none either
        raise ValueError("numbers that are out of range")
    return numbers.astype(np.float32)


def _names(files: Any) -> list[str]:
    """Return the names of the photos; one of DATA_ERRORS for anything else, and for too many."""
    if not isinstance(files, (list, tuple)) or not 0 < len(files) <= MAX_PHOTOS:
        raise ValueError(f"no list of 1 to {MAX_PHOTOS} files")
    if not all(isinstance(name, str) and len(name) <= MAX_NAME for name in files):
        raise TypeError("names of files that are none")
    return [name.encode("utf-8", "replace").decode() for name in files]  # half a character would be no JSON


def _check_shapes(axes: np.ndarray, codes: np.ndarray, scales: np.ndarray, n: int, n_features: int | None) -> None:
    """Raise ValueError for arrays that do not fit each other, the photos or the model, and for too large ones."""
    d = len(scales) if scales.ndim == 1 else 0
    if not 0 < d <= MAX_AXES or axes.shape != (d, n_features) or codes.shape != (n, d) or codes.size > MAX_CODES:
        raise ValueError(f"arrays of shape {axes.shape}, {codes.shape} and {scales.shape} for {n_features} features")
    if not -WHOLE <= codes.min() <= codes.max() <= WHOLE or scales.min() < 0:
        raise ValueError("codes or scales that are out of range")


def _labels(marks: np.ndarray, n: int, vocab: Sequence[str], multi_label: bool) -> list[tuple[str, ...]]:
    """Return the labels of N photos; one of DATA_ERRORS for marks that mean none."""
    most, least = (MAX_LABELS, -1) if multi_label else (1, 0)
    if marks.ndim != 2 or len(marks) != n or not 0 < marks.shape[1] <= most or marks.min() < least:
        raise ValueError(f"labels of shape {marks.shape}")
    return [tuple(vocab[i] for i in row if i >= 0) for row in marks.tolist()]


def _pictures(data: Mapping[str, Any], n: int) -> Pictures | None:
    """Return the pictures in an export's fact; None where there are none, or, with a line in the log, invalid ones."""
    if data.get("pictures") is None:
        return None
    try:
        content, ends = _numbers(data["pictures"], "u"), _numbers(data["ends"], "i")
        if content.dtype != np.uint8 or content.ndim != 1 or content.size > MAX_PICTURES or ends.shape != (n,):
            raise ValueError(f"arrays of shape {content.shape} and {ends.shape}")
        if np.diff(ends, prepend=0).min() < 0 or ends[-1] > content.size:
            raise ValueError("ends that are out of order")
    except DATA_ERRORS as error:
        log.warning("The export's pictures of its training photos cannot be used (%s): their names are told.", error)
        return None
    return Pictures(content.tobytes(), ends)
