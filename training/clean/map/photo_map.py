"""Keep the map of all photos of a cleaner: where each lies, computed once, beside the page.

Reads  the features that `analysis` has kept of each photo
Writes DATA/.clean/map.npz, so that the next opening is at once; another set of photos gets another map
Gives  `PhotoMap`
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from fastcore.script import CliError

from training.clean.review.decisions import FOLDER
from training.clean.review.kept_features import KeptFeatures
from training.clean.session import Cleaner
from training.output import staged

from .placement import FEWEST, has_method, place
from .table import table

CACHE = "map.npz"  # in DATA/.clean
VERSION = "1"  # of the placing: another one places all photos anew
PER_SECOND, START_SECONDS = 1000, 5  # photos, on one core
ROOT = Path(__file__).parents[3]
WITHOUT_METHOD = (
    "Placed by PCA, which tells groups apart less clearly, since PaCMAP is not installed. "
    "`pip install pacmap`, then start the cleaner again."
)
CHANGED_SINCE = "were changed since the cleaner was started, and are not on the map. Start it again."


class PhotoMap:
    """Where each photo of a cleaner lies on a map; it is computed when somebody first asks, in a thread."""

    def __init__(self, cleaner: Cleaner, features: KeptFeatures):
        self._cleaner, self._features = cleaner, features
        self._lock, self._thread = threading.Lock(), threading.Thread()
        self._places: dict[str, tuple[float, float]] = {}  # by SHA-256
        self._doing = self._error = ""

    def state(self, opened: bool = False) -> dict[str, Any]:
        """Return what the page shows: "ready" with all photos, "placing" or "failed" with a sentence.

        opened: whether somebody has just opened the map: then it is begun, also after a failure.
        """
        with self._lock:
            if not self._places and not self._thread.is_alive() and (opened or not self._error):
                self._error, self._doing = "", "Reading what the photos look like …"
                self._thread = threading.Thread(target=self._fill, daemon=True)
                self._thread.start()
        if self._error:
            return {"state": "failed", "text": self._error}
        if not self._places:
            return {"state": "placing", "text": self._doing}
        found = table(self._cleaner, self._places)
        n = found.pop("n_missing")
        notes = [f"{n} photos {CHANGED_SINCE}"] if n else []
        if not has_method() and len(self._places) >= FEWEST:
            notes.append(WITHOUT_METHOD)
        return {"state": "ready", "text": " ".join(notes), **found}

    def wait(self) -> None:
        """Wait until the map is there, or has failed."""
        self.state(opened=True)
        self._thread.join()

    def _fill(self) -> None:
        """Compute the map, or read it from the disk."""
        try:
            row_of, features = self._features.rows
            names = sorted({photo.sha256 for photo in self._cleaner.by_id.values()} & row_of.keys())
            if not names:
                raise CliError("None of the photos is as it was when the cleaner was started. Start it again.")
            rows = features[[row_of[name] for name in names]]
            points = self._points(rows, names)
            self._places = {name: (float(x), float(y)) for name, (x, y) in zip(names, points)}
        except CliError as error:
            self._error = str(error)
        except Exception as error:  # whatever it is, the page says it, and goes on
            self._error = f"The map could not be computed ({type(error).__name__}: {error}). Open it again to try anew."

    def _points(self, rows: np.ndarray, names: list[str]) -> np.ndarray:
        """Return (N, 2) places, from the disk where they are of these photos, features and method."""
        file, digest = self._cleaner.data / FOLDER / CACHE, _digest(rows, names)
        kept = read_points(file, digest, len(names))
        if kept is not None:
            return kept
        n, seconds = len(names), START_SECONDS + round(len(names) / PER_SECOND)
        self._doing = f"Placing {n:,} photos, about {seconds} seconds; half a minute more the first time of all …"
        points = place(rows) if n < FEWEST or not has_method() else place_beside(rows)
        try:
            with staged(file) as temporary, temporary.open("wb") as opened:
                np.savez(opened, digest=digest, points=points)
        except CliError:
            pass  # a full disk: the next opening takes its time again
        return points


def place_beside(rows: np.ndarray) -> np.ndarray:
    """Return (N, 2) places, computed by a process of its own; CliError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        features, points = Path(folder, "features.npy"), Path(folder, "points.npy")
        np.save(features, rows)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        command = [sys.executable, "-W", "ignore", "-m", "training.clean.map.placement", str(features), str(points)]
        ended = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if ended.returncode or not points.exists():
            why = (ended.stderr.strip().splitlines() or [f"it ended with {ended.returncode}"])[-1]
            raise CliError(f"The map could not be computed ({why[:200]}). Open it again to try anew.")
        return np.load(points, allow_pickle=False)


def read_points(file: Path, digest: str, n: int) -> np.ndarray | None:
    """Return (n, 2) places that were kept; None where they are of something else, or damaged."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
            points = kept["points"]
            good = str(kept["digest"]) == digest and points.shape == (n, 2) and bool(np.isfinite(points).all())
            return points.astype(np.float32) if good else None
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile):
        return None


def _digest(rows: np.ndarray, names: list[str]) -> str:
    """Return the SHA-256 of what a map is computed from."""
    digest = hashlib.sha256(f"{VERSION} {has_method()} {rows.shape} {' '.join(names)}".encode())
    digest.update(np.ascontiguousarray(rows).data)
    return digest.hexdigest()
