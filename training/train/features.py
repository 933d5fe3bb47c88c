"""Compute the pooled features of photos by a frozen, pretrained network, and cache them on disk.

Reads  photos, and a network
Writes DATA/.features/*.npz, one file for each network and preprocessing, so that each photo is computed once

    features = Features(engine_of(learn), name="mobilenet_v2 …", cache=Path("data/bears/.features"))
    features.of(files)                      # (N, D), of the photos as they are
    features.of(files, view="thumbnail")    # (N, D), of the photos as a web search shows them
"""

import hashlib
import io
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from pathlib import Path

import numpy as np
import torch
from fastcore.script import CliError
from PIL import Image, ImageOps

from classifier.files import sha256
from classifier.inference.engine import Engine
from classifier.inference.onnx_export import compiled_if_possible
from classifier.inference.torch_engine import TorchEngine
from classifier.photo import open_photo
from training.output import staged
from training.progress import progress_bar

from .helpers import asking
from .ranks import gathered, n_cores, rank, size

FOLDER = ".features"  # hidden: no command looks for photos in it
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 225, 75  # of the pictures that a web search shows
CROPPED_AREA = 0.5  # share of the photo
GPU_BATCH_SIZE = 64  # photos
SHARE = 256  # photos that each of several processes computes before they are collected


def as_thumbnail(photo: Image.Image) -> Image.Image:
    """Return the photo as a web search's thumbnail: small, and compressed."""
    photo, buffer = photo.copy(), io.BytesIO()
    photo.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    photo.save(buffer, "JPEG", quality=THUMBNAIL_QUALITY)
    return open_photo(buffer.getvalue())


def cropped(photo: Image.Image, rng: random.Random) -> Image.Image:
    """Return a random crop of half of the photo's area, as another photographer would have framed it."""
    width, height = (max(1, round(side * CROPPED_AREA**0.5)) for side in photo.size)
    left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
    return photo.crop((left, top, left + width, top + height))


# a view is a changed copy of a photo. Each photo has its own random crop, the same one in every run
VIEWS: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "plain": lambda photo, rng: photo,
    "mirrored": lambda photo, rng: ImageOps.mirror(photo),
    "thumbnail": lambda photo, rng: as_thumbnail(photo),
    "cropped": cropped,
    "cropped thumbnail": lambda photo, rng: as_thumbnail(cropped(photo, rng)),
}


class Features:
    """The features of photos, computed once for each photo, view, network and preprocessing."""

    def __init__(self, engine: TorchEngine, name: str, cache: Path | None = None):
        """engine: a body and any head. name: of network, weights and preprocessing. cache: a folder, if any."""
        self._engine, self._gpu = engine, torch.cuda.is_available()
        self._fast: Engine | None = None
        self._file = cache and cache / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.npz"
        self._known: dict[tuple[str, str], np.ndarray] = _read(self._file)
        self._hashes: dict[Path, str] = {}
        self.n_computed = 0
        """photos and views that were not in the cache"""

    def hash_of(self, file: Path) -> str:
        """Return the SHA-256 of a photo's file, read once."""
        if file not in self._hashes:
            self._hashes[file] = sha256(file)
        return self._hashes[file]

    def of(self, files: Sequence[Path], view: str = "plain") -> np.ndarray:
        """Return the (N, D) float32 features of a view of photos, with a progress bar; view: a key of VIEWS.

        Raises PhotoError for a photo that cannot be opened.
        """
        with ThreadPoolExecutor(n_cores()) as pool:
            hashes = list(pool.map(self.hash_of, files))
            missing = {(name, view): file for name, file in zip(hashes, files) if (name, view) not in self._known}
            if missing:
                rows = self._compute_by_all(pool, list(missing.values()), list(missing))
                bar = progress_bar(rows, total=len(missing), leave=False)
                self._known.update(zip(missing, bar))
                self.n_computed += len(missing)
        return np.stack([self._known[name, view] for name in hashes])

    def save(self, files: Sequence[Path]) -> None:
        """Write the features of these photos alone to the cache; where that fails, the next run computes them again."""
        if self._file is None or not self.n_computed:
            return
        hashes = set(map(self.hash_of, files))
        kept = {key: row for key, row in self._known.items() if key[0] in hashes}
        try:
            self._file.parent.mkdir(exist_ok=True)
            with staged(self._file) as aside, aside.open("wb") as file:
                np.savez(
                    file,
                    names=np.array([key[0] for key in kept]),
                    views=np.array([key[1] for key in kept]),
                    rows=np.stack(list(kept.values())),
                )
        except (CliError, OSError) as error:
            print(f"The features were not kept in {self._file.parent} ({error}): the next run computes them again.")

    def _compute_by_all(
        self, pool: ThreadPoolExecutor, files: Sequence[Path], keys: Sequence[tuple[str, str]]
    ) -> Iterator[np.ndarray]:
        """Yield what `_compute` does; several processes compute a share each."""
        if size() == 1:
            yield from self._compute(pool, files, keys)
            return
        global _shared
        engine = copy(self._engine) if _shared is not self else None
        if engine:
            engine._cost, _shared = None, self  # it holds a lock, and these photos have one size
        with asking(help_to_compute, engine, files, keys):
            yield from self._share(pool, files, keys)

    def _share(
        self, pool: ThreadPoolExecutor, files: Sequence[Path], keys: Sequence[tuple[str, str]]
    ) -> Iterator[np.ndarray]:
        """Compute the share of this process; the first one yields all, the others nothing."""
        for start in range(0, len(files), SHARE * size()):
            own = slice(start + SHARE * rank(), start + SHARE * (rank() + 1))
            for rows in gathered(list(self._compute(pool, files[own], keys[own]))):
                yield from rows

    def _compute(
        self,
        pool: ThreadPoolExecutor,
        files: Sequence[Path],
        keys: Sequence[tuple[str, str]],
    ) -> Iterator[np.ndarray]:
        """Yield the (D,) features of a view of each photo."""

        def view_of(file: Path, key: tuple[str, str]) -> Image.Image:
            by = 1 if key[1] == "plain" else 2
            photo = open_photo(file, max_reduction=lambda size: self._engine.max_reduction(size) / by)
            return VIEWS[key[1]](photo, random.Random(key[0]))

        if not self._gpu:
            fast = self._fast = self._fast or compiled_if_possible(self._engine)

            def features_of(file: Path, key: tuple[str, str]) -> np.ndarray:
                features = fast.answer(view_of(file, key))[1]
                assert features is not None, "the head of our own networks gives features"
                return features

            yield from pool.map(features_of, files, keys)
            return
        body, preprocess = self._engine.model.get_submodule("0").cuda(), self._engine.preprocess
        for start in range(0, len(files), GPU_BATCH_SIZE):
            chunk = slice(start, start + GPU_BATCH_SIZE)
            photos = pool.map(lambda file, key: preprocess(view_of(file, key)), files[chunk], keys[chunk])
            batch = np.stack(list(photos))
            with torch.inference_mode():
                cells = body(torch.from_numpy(batch).cuda())
                yield from (cells.mean((2, 3)) if cells.ndim == 4 else cells).float().cpu().numpy()


_shared: Features | None = None
"""whose engine all processes have"""


def help_to_compute(engine: TorchEngine | None, files: Sequence[Path], keys: Sequence[tuple[str, str]]) -> None:
    """Compute a share of features for the first process; engine: None for that of the call before."""
    global _shared
    _shared = Features(engine, "") if engine else _shared
    assert _shared
    with ThreadPoolExecutor(n_cores()) as pool:
        for _ in _shared._share(pool, files, keys):
            pass


def _read(file: Path | None) -> dict[tuple[str, str], np.ndarray]:
    """Return the features in a cache by SHA-256 and view; none where it is missing or damaged."""
    with suppress(Exception):  # a damaged file fails in many ways
        if file is not None:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
                return {
                    (str(name), str(view)): row for name, view, row in zip(kept["names"], kept["views"], kept["rows"])
                }
    return {}
