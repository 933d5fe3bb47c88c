"""Load many photos for fine-tuning: whole batches are made ahead in threads, and copied while the GPU is at work.

Reads  photos of a `PhotoStore` to train on; those to validate on from their files, decoded as the app does it
Gives  fastai `DataLoader`s in place of those of its `DataBlock`, which load one photo after the other

Crops have the same distribution as those of fastai's `RandomResizedCrop`, and the loader's transforms of whole batches
(turned, warped, brighter, normalised) are fastai's own, on the GPU if there is one. A GPU also resizes the crops, so
that threads only have to read them.
"""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
import numpy as np
import torch
from fastai.data.core import DataLoaders, TfmdDL
from fastai.torch_core import TensorBase, TensorCategory, TensorImage, TensorMultiCategory
from fastcore.basics import chunked
from PIL import Image

from classifier.cpu_count import cores
from classifier.photo import open_photo
from classifier.resize import Resize

from .batch_resize import resized
from .labels import Labels
from .photo_store import Part, PhotoStore
from .prefetch import ahead

N_AHEAD = 4  # batches that wait at most, beside those that threads are at
MOST_AHEAD = 8  # of those that a GPU resizes: they are three times as large, and quick to read
MIN_SCALE, RATIOS = 0.5, (3 / 4, 4 / 3)  # of a random crop: share of the area, width over height
BILINEAR = Image.Resampling.BILINEAR


def random_box(size: tuple[int, int], rng: random.Random) -> Part:
    """Return a random crop of a photo of a size, as fastai's `RandomResizedCrop` draws it."""
    width, height = size
    for _ in range(10):
        area = rng.uniform(MIN_SCALE, 1) * width * height
        ratio = math.exp(rng.uniform(*map(math.log, RATIOS)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if w <= width and h <= height:
            left, top = rng.randint(0, width - w), rng.randint(0, height - h)
            return left, top, left + w, top + h
    w, h = min(width, int(height * RATIOS[1])), min(height, int(width / RATIOS[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def resized_box(size: tuple[int, int], method: str, rng: random.Random) -> Part:
    """Return the part of a photo that fastai's `Resize` takes in training; it is larger than the photo for "pad"."""
    if method == "squish":
        return 0, 0, *size
    side = (max if method == "pad" else min)(size)
    left, top = (int(rng.random() * (own - side)) for own in size)
    return left, top, left + side, top + side


class PhotoLoader(TfmdDL):
    """A fastai `DataLoader` of photos that makes batches ahead; a copy of it (`new`) is a plain one of fastai's."""

    def __init__(self, dl: TfmdDL, size: int, resize: str, labels: Labels, store: PhotoStore | None):
        """dl: whose photos and transforms of batches are taken. size: of the model's input, in pixels.

        store: of photos to train on; None to validate.
        """
        for_batches = {name: getattr(dl, name) for name in ("after_item", "before_batch", "after_batch")}
        super().__init__(
            dl.dataset, dl.bs, dl.shuffle, 0, do_setup=False, drop_last=dl.drop_last, device=dl.device, **for_batches
        )
        self._n_inp, self._types = dl._n_inp, dl._types
        self._size, self._resize, self._store = size, resize, store
        self._files = [Path(file) for file in dl.dataset.items]
        self._targets = _targets(self._files, list(dl.vocab), labels)

    def new(self, dataset: Any = None, cls: Any = None, **options: Any) -> TfmdDL:
        """Return a plain loader: an export holds a copy of this one, and nothing of this project."""
        return super().new(dataset, cls or TfmdDL, **options)

    def create_batches(self, samples: Iterable[int]) -> Iterator[tuple[TensorImage, TensorBase]]:
        """Yield batches of photos, on the device already, and their targets; samples: indices of photos."""
        seeded = ((i, self.rng.getrandbits(64)) for i in samples)
        on_device, n_ahead = self._on_device, cores() + N_AHEAD
        batch_of = self._crops if on_device else self._batch
        with ThreadPoolExecutor(cores()) as pool:
            chunks = chunked(seeded, self.bs, self.drop_last)
            for batch in ahead(pool, batch_of, chunks, min(n_ahead, MOST_AHEAD) if on_device else n_ahead):
                # not waited for: the copy comes before what is computed from it
                photos, targets, *rest = (tensor.to(self.device, non_blocking=True) for tensor in batch)
                photos = resized(photos, rest[0], self._size) if rest else photos
                yield TensorImage(photos), (TensorMultiCategory if targets.ndim > 1 else TensorCategory)(targets)

    @property
    def _on_device(self) -> bool:
        """Whether photos are resized there; those to validate on are as the app has them, to the last bit."""
        return self._store is not None and self.device.type != "cpu"

    def _batch(self, chunk: Sequence[tuple[int, int]]) -> tuple[torch.Tensor, ...]:
        """Return (N, 3, H, W) samples of photos, 0 to 255, and their targets."""
        photos = np.stack([np.asarray(self._photo(self._files[i], random.Random(seed))) for i, seed in chunk])
        return self._pinned(torch.from_numpy(photos).permute(0, 3, 1, 2), self._targets_of(chunk))

    def _crops(self, chunk: Sequence[tuple[int, int]]) -> tuple[torch.Tensor, ...]:
        """Return the parts of photos that are to be resized, in the corners of one tensor; targets; and their sizes."""
        assert self._store
        crops = [self._store.crop(self._files[i], partial(self._box, rng=random.Random(seed))) for i, seed in chunk]
        sizes = np.array([crop.shape[:2] for crop in crops])
        photos = np.zeros((len(crops), *sizes.max(0), 3), np.uint8)
        for photo, crop in zip(photos, crops):
            photo[: crop.shape[0], : crop.shape[1]] = crop
        return self._pinned(
            torch.from_numpy(photos).permute(0, 3, 1, 2), self._targets_of(chunk), torch.from_numpy(sizes)
        )

    def _targets_of(self, chunk: Sequence[tuple[int, int]]) -> torch.Tensor:
        return self._targets[[i for i, _ in chunk]]

    def _pinned(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return tensors in memory that a GPU of CUDA can copy from while it is at work."""
        if self.device.type != "cuda":
            return tensors
        with torch.cuda.device(self.device):  # a thread would take the first GPU
            return tuple(tensor.pin_memory() for tensor in tensors)

    def _box(self, size: tuple[int, int], rng: random.Random) -> Part:
        """Return the part of a photo of a size that is trained on."""
        return random_box(size, rng) if self._resize == "random_crop" else resized_box(size, self._resize, rng)

    def _photo(self, file: Path, rng: random.Random) -> Image.Image:
        """Return a photo at the model's size."""
        size = self._size, self._size
        if self._store is None:
            whole = Resize(size, "crop" if self._resize == "random_crop" else self._resize, "zeros", BILINEAR)
            return whole(open_photo(file, max_reduction=whole.reduction))
        crop = self._store.crop(file, partial(self._box, rng=rng))
        return Image.fromarray(crop).resize(size, BILINEAR)


def _targets(files: Sequence[Path], vocab: list[str], labels: Labels) -> torch.Tensor:
    """Return (N,) indices of the labels of photos, or (N, C) marks where a photo may have several."""
    if not labels.multi_label:
        index_of = {label: i for i, label in enumerate(vocab)}
        return torch.tensor([index_of[labels(file)[0]] for file in files])
    return torch.tensor([[float(label in labels(file)) for label in vocab] for file in files])


def photo_loaders(
    dls: DataLoaders, sizes: tuple[int, int], resize: str, labels: Labels, store: PhotoStore
) -> DataLoaders:
    """Return loaders of the same photos that make batches ahead; sizes: of the model's input, to train and else."""
    loaders = [PhotoLoader(dl, size, resize, labels, own) for dl, size, own in zip(dls.loaders, sizes, (store, None))]
    return DataLoaders(*loaders, path=dls.path, device=dls.device)
