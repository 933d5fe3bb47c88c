"""Find the photos of the set that a photo resembles most, so that a person sees how its like are labelled.

Reads  the features that `analysis` has kept of each photo
Gives  `SimilarPhotos`
"""

from typing import Any

from fastcore.script import CliError

from .review.kept_features import KeptFeatures
from .review.reviewed_photo import ReviewedPhoto
from .session import Cleaner

N_SHOWN = 11


class SimilarPhotos:
    """Photos of a cleaner by what they resemble."""

    def __init__(self, cleaner: Cleaner, features: KeptFeatures):
        self._cleaner, self._features = cleaner, features

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the photo with an id, and those that it resembles, the nearest first; CliError where none is known.

        Each has id, name, title, and similarity, 0 to 1. Photos that were deleted are left out.
        """
        row_of, features = self._features.rows
        own, there = self._cleaner.by_id[name], set(map(id, self._cleaner.photos))
        if own.sha256 not in row_of:
            raise CliError(f"{own.file.name} was changed since the cleaner was started. Start it again.")
        similar = features @ features[row_of[own.sha256]]
        others = [
            (float(similar[row_of[photo.sha256]]), key)
            for key, photo in self._cleaner.by_id.items()
            if key != name and id(photo) in there and photo.sha256 in row_of
        ]
        nearest = sorted(others, key=lambda other: -other[0])[:N_SHOWN]
        return [self._shown(key, share, own) for share, key in [(1.0, name), *nearest]]

    def _shown(self, name: str, similarity: float, own: ReviewedPhoto) -> dict[str, Any]:
        """Return what the page shows of a photo; own: the one that it resembles."""
        photo = self._cleaner.by_id[name]
        return {
            "id": name,
            "name": photo.file.name,
            "title": photo.words,
            "similarity": max(0.0, similarity),
            "differs": photo.label != own.label and not (photo.unlabelled or own.unlabelled),
        }
