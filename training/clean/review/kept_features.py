"""Read the features that the cleaner has computed of its photos, for what compares photos with one another.

Reads  DATA/.clean/views.npz, which `analysis` writes
Gives  `KeptFeatures`
"""

from functools import cached_property
from pathlib import Path

import numpy as np
from fastcore.script import CliError

from classifier.files import sha256
from classifier.inference.confidence import normalised

from .analysis import CACHE, read_cache
from .decisions import FOLDER


class KeptFeatures:
    """The features of a folder's photos; they are read when somebody first asks."""

    def __init__(self, data: Path, export: str | Path):
        """export: whose features they are."""
        self._data, self._export = data, Path(export)

    @cached_property
    def rows(self) -> tuple[dict[str, int], np.ndarray]:
        """The row of each photo by SHA-256, and (N, D) features of length 1; CliError where none were kept."""
        digest = sha256(self._export) if self._export.is_file() else ""
        known = read_cache(self._data / FOLDER / CACHE, digest)
        if not known:
            raise CliError("What the photos resemble was not kept on the disk. Start the cleaner again.")
        features = normalised(np.stack([analysis.features for analysis in known.values()]))
        return {name: row for row, name in enumerate(known)}, features
