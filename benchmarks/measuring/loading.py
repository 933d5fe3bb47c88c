"""The stages of a training on many photos, one by one, and the way that each was done before.

Gives  functions that take photos and return photos a second, or what a step waits for
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
import torch
from fastai.callback.core import Callback, CancelFitException, CancelValidException
from fastcore.basics import chunked
from PIL import Image

from classifier.cpu_count import cores
from classifier.files import sha256
from classifier.photo import PhotoError, open_photo
from training.data import contents, loaders
from training.data.contents import INSPECTED_SIDE, perceptual_hashes, read_photos
from training.data.loaders import get_dls
from training.data.photo_cache import PhotoCache
from training.data.photo_loader import PhotoLoader
from training.data.photo_store import working_side
from training.data.prefetch import ahead
from training.data.splits import Photos
from training.data.store_writer import StoreWriter
from training.options import TrainingOptions

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@dataclass(frozen=True)
class Cost:
    """What some photos cost."""

    per_second: float  # photos, with all cores
    core_ms: float  # milliseconds of one core a photo, which hardly depends on what else a machine does


def cost(work: Callable[[], int]) -> Cost:
    """Return the cost of work, which returns its number of photos."""
    began, of_cores = time.perf_counter(), time.process_time()
    n = work()
    return Cost(n / (time.perf_counter() - began), (time.process_time() - of_cores) / n * 1000)


def read_as_before(files: Sequence[Path]) -> int:
    """Read photos as it was done before: decoded in full, then their SHA-256, then decoded again to be hashed."""

    def check(file: Path) -> None:
        with suppress(PhotoError):
            open_photo(file)

    def hashes(file: Path) -> None:
        photo = open_photo(file, max_reduction=lambda size: max(size) / INSPECTED_SIDE)
        photo.thumbnail((INSPECTED_SIDE, INSPECTED_SIDE), Image.Resampling.BILINEAR)
        perceptual_hashes(photo)

    with ThreadPoolExecutor(cores()) as pool:
        for step in (check, sha256, hashes):
            list(pool.map(step, files))
    return len(files)


def read_now(files: Sequence[Path], writer: StoreWriter | None = None) -> int:
    """Read photos in one pass, as if no one had been read before."""
    contents._KNOWN.clear()
    read_photos(files, writer)
    return len(files)


@contextmanager
def kept(files: Sequence[Path], folder: Path, suffix: str):
    """Keep photos at working size, as pixels or JPEGs, within the block: yield the store and what it cost."""
    writer = StoreWriter(folder, working_side(224), 0)
    with writer:
        with redirect_stdout(None):
            writer.begin(len(files))
        if suffix == "jpg":
            writer.store = replace(writer.store, path=writer.store.path.with_suffix(".jpg"))
            writer._file.close()
            writer._file = writer.store.path.open("wb")
        of_reading = cost(lambda: read_now(files, writer))
        yield writer.finish(), of_reading


def loaded(batches: Iterable, n: int) -> int:
    """Return how many photos come from batches, about n of them."""
    count = 0
    for x, _ in batches:
        count += len(x)
        if count >= n:
            break
    return count


def read_for_gpu(loader: PhotoLoader, n: int) -> int:
    """Read the crops of n photos in batches, as they are copied to a GPU, which resizes them."""
    chunks = chunked([(i, i) for i in range(min(n, loader.n))], loader.bs)
    with ThreadPoolExecutor(cores()) as pool:
        return sum(len(photos) for photos, *_ in ahead(pool, loader._crops, chunks))


def loader_of(photos: Photos, options: TrainingOptions, store=None):
    """Return a loader of photos to train on, without the transforms of whole batches, which are a GPU's work."""
    loaders.PHOTO_CACHE = PhotoCache(0)  # of 100,000 photos, one in a hundred had its place in it
    with redirect_stdout(None):
        dl = get_dls(photos, options, IMAGENET, store=store).train
    dl.after_batch.fs.clear()
    return dl


class Steps(Callback):
    """Time the steps of a training, and stop it after some."""

    order = 100

    def __init__(self, most: int, warm_up: int):
        """most: steps to time; warm_up: steps before them."""
        self._most, self._warm_up, self._n, self.waited, self._events = most, warm_up, 0, 0.0, []

    def before_validate(self) -> None:
        raise CancelValidException

    def before_batch(self) -> None:
        now = time.perf_counter()
        if self._n == self._warm_up:
            self._began = self._last = now
        elif self._n > self._warm_up:
            self.waited += now - self._last
        if torch.cuda.is_available():
            self._events.append([torch.cuda.Event(enable_timing=True) for _ in range(2)])
            self._events[-1][0].record()

    def after_batch(self) -> None:
        if self._events:
            self._events[-1][1].record()
        self._last, self._n = time.perf_counter(), self._n + 1
        if self._n == self._warm_up + self._most:
            if self._events:
                torch.cuda.synchronize()
            self.seconds = time.perf_counter() - self._began
            self.per_second = len(self.xb[0]) * self._most / self.seconds
            self.waiting = self.waited / self.seconds
            of_gpu = [begin.elapsed_time(end) / 1000 for begin, end in self._events[self._warm_up :]]
            self.busy = sum(of_gpu) / self.seconds if of_gpu else None
            raise CancelFitException


def steps(photos: Photos, options: TrainingOptions, n_steps: int, warm_up: int) -> Steps:
    """Fine-tune for some steps; return the photos a second, and the share of the time that is waited for photos."""
    from training.train.fine_tune import fine_tune
    from training.train.learner import prepare

    with redirect_stdout(None):
        learn, timed = prepare(photos, options)[0], Steps(n_steps, warm_up)
    with learn.no_bar(), learn.added_cbs([timed]):
        fine_tune(learn, 1000, 1e-3, quiet=True)
    return timed
