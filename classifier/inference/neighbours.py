"""The training photos that a photo resembles most, by features that the network computes for its answer anyway.

    known = read_neighbours(facts.get("neighbours"), engine.n_features, engine.labels)
    known.nearest(features)[0].file              # "grizzly/00012.jpg"

Reads  what an export holds of its training photos (`neighbour_facts`): names and labels, their features projected on a
       few axes, in 8 bits, and small pictures where its owner put them in (`training.train --thumbnails`)
Gives  a photo's nearest `Neighbour`s
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from classifier.photo import PhotoError, n_pixels, photo_format

from .confidence import normalised

N_SHOWN = 5
SIDE = 96  # pixels of the longer side of a picture
JPEG_START = b"\xff\xd8\xff"
WHOLE = 127  # the code of the largest number


@dataclass(frozen=True)
class Neighbour:
    """A training photo, and how much another photo resembles it."""

    file: str
    """its path inside the folder of the training's photos, such as "grizzly/00012.jpg" """
    labels: tuple[str, ...]
    """those that it was learned with; () for a photo that shows none of them"""
    similarity: float
    """cosine of the two photos' features as far as the export keeps them, 0 to 1, higher is nearer"""
    index: int
    """its place in the export, by which `Neighbours.picture` knows it"""


@dataclass(frozen=True)
class Pictures:
    """Small JPEGs of the photos, one after the other."""

    data: bytes
    ends: np.ndarray  # (N,): where each photo's JPEG ends; a photo whose end is that of the one before has none

    @property
    def n(self) -> int:
        """How many photos have one."""
        return int((np.diff(self.ends, prepend=0) > 0).sum())

    def of(self, index: int) -> bytes | None:
        """Return a photo's JPEG; None where it has none, or anything but a small JPEG."""
        data = self.data[self.ends[index - 1] if index else 0 : self.ends[index]]
        try:
            small = data.startswith(JPEG_START) and photo_format(data) == "JPEG" and n_pixels(data) <= (2 * SIDE) ** 2
        except PhotoError:
            return None
        return data if small else None


@dataclass(frozen=True)
class Neighbours:
    """N training photos, as d numbers of the D features of each, which are of length 1.

    The numbers tell how far a photo lies from the mean: with one mean for all, 8 bits tell photos apart that are nearly
    alike. The cosine of a and b is (a - mean)(b - mean) + a mean + b mean - mean mean, of which the first part is known
    along the axes, and the others as they are.
    """

    mean: np.ndarray  # (D,) float32
    rest: np.ndarray  # (N,) float32: a photo's b mean - mean mean, and what makes up for the length that 8 bits change:
    # so a photo is nearest to itself, and errors count the less the nearer two photos are
    axes: np.ndarray  # (d, D) float32, of length 1: what the differences from the mean are projected on
    codes: np.ndarray  # (N, d) int8: a photo's difference along each axis, in parts of its scale
    scales: np.ndarray  # (d,) float32
    files: list[str]
    labels: list[tuple[str, ...]]
    pictures: Pictures | None = None

    @classmethod
    def of(
        cls,
        features: np.ndarray,
        axes: np.ndarray,
        files: Sequence[str],
        labels: Sequence[tuple[str, ...]],
        pictures: Pictures | None = None,
    ) -> "Neighbours":
        """Return N photos with (N, D) features; axes: (d, D), of which 8 bits are kept too."""
        rows, axes = normalised(features), normalised(in_8_bits(axes)[0])
        mean = rows.mean(0)
        along = axes @ (rows - mean).T
        codes, scales = in_8_bits(along)
        shorter = (along**2 - (codes * (scales / WHOLE)) ** 2).sum(0)  # than the differences themselves, squared
        rest, codes = rows @ mean - mean @ mean + shorter / 2, np.ascontiguousarray(codes.T)
        return cls(mean, rest, axes, codes, scales[:, 0], list(files), list(labels), pictures)

    @cached_property
    def _rows(self) -> np.ndarray:
        """(N, d) float32 projections of the training photos."""
        return np.asarray(self.codes * (self.scales / np.float32(WHOLE)))

    def nearest(self, features: np.ndarray, n: int = N_SHOWN) -> tuple[Neighbour, ...]:
        """Return the n training photos that are nearest to a photo's (D,) features, the nearest first.

        Of equally near ones the first of the export is first. () for features without a direction.
        """
        own = normalised(features[None])[0]
        if not own.any():
            return ()
        # not by BLAS: its threads wait for each other on a busy machine, up to 12 ms here
        similar = np.einsum("nd,d->n", self._rows, np.einsum("dD,D->d", self.axes, own - self.mean))
        similar += self.rest + own @ self.mean
        least = np.partition(similar, -n)[-n] if n < len(similar) else similar.min()
        found = np.flatnonzero(similar >= least)
        found = found[np.argsort(-similar[found], kind="stable")][:n]
        return tuple(Neighbour(self.files[i], self.labels[i], float(similar[i].clip(0, 1)), i) for i in found.tolist())

    def picture(self, neighbour: Neighbour) -> bytes | None:
        """Return a small JPEG of a training photo; None where the export has none of it."""
        return self.pictures.of(neighbour.index) if self.pictures else None


def in_8_bits(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, D) rows as int8 in parts of the largest number of each, and these (N, 1) largest numbers."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    codes = np.round(rows / np.where(largest > 0, largest, 1) * WHOLE).astype(np.int8)
    return codes, largest.astype(np.float32)
