"""Compute the pooled features of photos by a frozen, pretrained network, and cache them on disk.

Reads  photos, and a network
Writes DATA/.features/*.npz, one file for each network and preprocessing, so that each photo is computed once

    features = Features(engine_of(learn), name="mobilenet_v2 …", cache=Path("data/bears/.features"))
    features.of(files)                      # (N, D), of the photos as they are
    features.of(files, view="thumbnail")    # (N, D), of the photos as a web search shows them
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from pathlib import Path

import numpy as np
import torch
from fastcore.basics import chunked
from fastcore.script import CliError
from PIL import Image

from classifier.inference.engine import Engine
from classifier.inference.onnx_export import compiled_if_possible
from classifier.inference.torch_engine import TorchEngine
from classifier.photo import open_photo, read_source
from training.data.contents import sha256_of
from training.data.prefetch import ahead
from training.output import staged
from training.progress import progress_bar
from training.train.processes.helpers import asking
from training.train.processes.ranks import gathered, n_cores, rank, size

from .views import VIEWS

FOLDER = ".features"  # hidden: no command looks for photos in it
GPU_BATCH_SIZE, BATCHES_AHEAD = 64, 2  # photos; batches that wait for the GPU
SHARE = 256  # photos that each of several processes computes before they are collected

Key = tuple[str, str]  # SHA-256 of a photo, and a view


class Features:
    """The features of photos, computed once for each photo, view, network and preprocessing."""

    def __init__(self, engine: TorchEngine, name: str, cache: Path | None = None):
        """engine: a body and any head. name: of network, weights and preprocessing. cache: a folder, if any."""
        self._engine, self._gpu = engine, torch.cuda.is_available()
        self._fast: Engine | None = None
        self._file = cache and cache / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.npz"
        self._row_of, self._rows = _read(self._file)
        self._hashes: dict[Path, str] = {}
        self.n_computed = 0
        """photos and views that were not in the cache"""

    def hash_of(self, file: Path) -> str:
        """Return the SHA-256 that a photo's file had when it was first asked for."""
        if file not in self._hashes:
            self._hashes[file] = sha256_of(file)
        return self._hashes[file]

    def of_views(self, files: Sequence[Path], views: Sequence[str]) -> np.ndarray:
        """Return the (N, V, D) features of views of photos; see `of`."""
        of_each = [self.of(files, view) for view in views]
        return of_each[0][:, None] if len(of_each) == 1 else np.stack(of_each, axis=1)

    def of(self, files: Sequence[Path], view: str = "plain") -> np.ndarray:
        """Return the (N, D) float32 features of a view of photos, with a progress bar; view: a key of VIEWS.

        Do not change them: they may be the very ones that are kept. Raises PhotoError for a photo that cannot be
        opened, CliError for one that changed since it was first asked for.
        """
        keys = [(self.hash_of(file), view) for file in files]
        missing = {key: file for key, file in zip(keys, files) if key not in self._row_of}
        if missing:
            self._add(missing)
        rows = [self._row_of[key] for key in keys]
        return self._rows if rows == list(range(len(self._rows))) else self._rows[rows]

    def _add(self, missing: dict[Key, Path]) -> None:
        """Compute the features of views of photos."""
        new = np.empty((0, 0), dtype=np.float32)
        with ThreadPoolExecutor(n_cores()) as pool:
            rows = self._compute_by_all(pool, list(missing.values()), list(missing))
            for i, row in enumerate(progress_bar(rows, total=len(missing), leave=False)):
                new = new if i else np.empty((len(missing), len(row)), dtype=np.float32)
                new[i] = row
        self._row_of.update({key: len(self._rows) + i for i, key in enumerate(missing)})
        self._rows = np.concatenate([self._rows, new]) if len(self._rows) else new
        self.n_computed += len(missing)

    def save(self, files: Sequence[Path]) -> None:
        """Write the features of these photos alone to the cache; where that fails, the next run computes them again."""
        if self._file is None or not self.n_computed:
            return
        hashes = set(map(self.hash_of, files))
        kept = [(key, row) for key, row in self._row_of.items() if key[0] in hashes]
        rows = self._rows if len(kept) == len(self._rows) else self._rows[[row for _, row in kept]]
        try:
            self._file.parent.mkdir(exist_ok=True)
            with staged(self._file) as aside, aside.open("wb") as file:
                np.savez(
                    file,
                    names=np.array([name for (name, _), _ in kept]),
                    views=np.array([view for (_, view), _ in kept]),
                    rows=rows,
                )
        except (CliError, OSError) as error:
            print(f"The features were not kept in {self._file.parent} ({error}): the next run computes them again.")

    def _compute_by_all(
        self, pool: ThreadPoolExecutor, files: Sequence[Path], keys: Sequence[Key]
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

    def _share(self, pool: ThreadPoolExecutor, files: Sequence[Path], keys: Sequence[Key]) -> Iterator[np.ndarray]:
        """Compute the share of this process; the first one yields all, the others nothing."""
        for start in range(0, len(files), SHARE * size()):
            own = slice(start + SHARE * rank(), start + SHARE * (rank() + 1))
            for rows in gathered(list(self._compute(pool, files[own], keys[own]))):
                yield from rows

    def _compute(self, pool: ThreadPoolExecutor, files: Sequence[Path], keys: Sequence[Key]) -> Iterator[np.ndarray]:
        """Yield the (D,) features of a view of each photo."""
        if self._gpu:
            yield from self._compute_batches(pool, files, keys, torch.device("cuda"))
            return
        fast = self._fast = self._fast or compiled_if_possible(self._engine)

        def features_of(photo: tuple[Path, Key]) -> np.ndarray:
            features = fast.answer(self._view_of(*photo))[1]
            assert features is not None, "the head of our own networks gives features"
            return features

        yield from ahead(pool, features_of, zip(files, keys))

    def _compute_batches(
        self, pool: ThreadPoolExecutor, files: Sequence[Path], keys: Sequence[Key], device: torch.device
    ) -> Iterator[np.ndarray]:
        """Yield the (D,) features of a view of each photo, computed in batches; threads prepare the next ones."""
        body, preprocess = self._engine.model.get_submodule("0").to(device), self._engine.preprocess

        def batch_of(photos: Sequence[tuple[Path, Key]]) -> torch.Tensor:
            batch = torch.from_numpy(np.stack([preprocess(self._view_of(*photo)) for photo in photos]))
            return batch.pin_memory() if device.type == "cuda" else batch

        with torch.inference_mode():
            for batch in ahead(pool, batch_of, chunked(zip(files, keys), GPU_BATCH_SIZE), n_cores() + BATCHES_AHEAD):
                cells = body(batch.to(device, non_blocking=True))
                yield from (cells.mean((2, 3)) if cells.ndim == 4 else cells).float().cpu().numpy()

    def _view_of(self, file: Path, key: Key) -> Image.Image:
        """Return a view of a photo, decoded as the app decodes it; CliError where the file has changed."""
        name, view = key
        by, data = 1 if view == "plain" else 2, read_source(file)
        if hashlib.sha256(data).hexdigest() != name:
            raise CliError(f"{file} changed while the training ran. Train again.")
        photo = open_photo(data, max_reduction=lambda size: self._engine.max_reduction(size) / by)
        return VIEWS[view](photo, random.Random(name))


_shared: Features | None = None
"""whose engine all processes have"""


def help_to_compute(engine: TorchEngine | None, files: Sequence[Path], keys: Sequence[Key]) -> None:
    """Compute a share of features for the first process; engine: None for that of the call before."""
    global _shared
    _shared = Features(engine, "") if engine else _shared
    assert _shared
    with ThreadPoolExecutor(n_cores()) as pool:
        for _ in _shared._share(pool, files, keys):
            pass


def _read(file: Path | None) -> tuple[dict[Key, int], np.ndarray]:
    """Return the rows of features in a cache by SHA-256 and view; none where it is missing or damaged."""
    with suppress(Exception):  # a damaged file fails in many ways
        if file is not None:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
                rows = kept["rows"]
                row_of = {(str(name), str(view)): i for i, (name, view) in enumerate(zip(kept["names"], kept["views"]))}
                if len(row_of) == len(rows) and rows.ndim == 2:
                    return row_of, rows
    return {}, np.empty((0, 0), dtype=np.float32)
