"""Choose what an export tells of the photos that it learned from: answers then name those that a photo resembles.

Reads  the features of the photos, by the network that is served; their names, labels and copies; the photos themselves
       for their pictures
Gives  `classifier.inference.neighbours.Neighbours`

Of copies of a photo one is told. Where there are more photos than an export holds, each label has as many as another.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from classifier.cpu_count import cores
from classifier.inference.confidence import normalised
from classifier.inference.neighbour_facts import MAX_CODES, MAX_NAME, MAX_PHOTOS, MAX_PICTURES
from classifier.inference.neighbours import SIDE, Neighbours, Pictures
from classifier.photo import open_photo
from training.data.contents import sha256_of
from training.data.duplicates import groups_of_copies
from training.data.prefetch import ahead

if TYPE_CHECKING:
    from .trained import Trained

N_AXES = 192  # the most for which the codes of MAX_PHOTOS have room; benchmarks.neighbours compares
JPEG_QUALITY = 60


def fit_neighbours(trained: Trained, data: Path, pictures: bool = False) -> Neighbours | None:
    """Return what an export tells of the photos that a model learned from; None where its features tell nothing apart.

    data: the folder that their names begin below. pictures: whether it holds small pictures of them, too.
    """
    labels = [tuple(trained.task.labels(file)) for file in trained.files]
    chosen = sorted(spread(different(trained.files), labels, MAX_PHOTOS))
    chosen = [i for i in chosen if np.nan_to_num(trained.features[i]).any()]
    if not chosen:
        return None
    rows, files = normalised(trained.features[chosen]), [trained.files[i] for i in chosen]
    own = [labels[i] for i in chosen]
    kept = thumbnails(files, own) if pictures else None
    return Neighbours.of(rows, principal_axes(rows), [name_of(file, data) for file in files], own, kept)


def name_of(file: Path, data: Path) -> str:
    """Return a photo's path below the folder of the data, or its name alone where it lies elsewhere."""
    name = file.relative_to(data).as_posix() if file.is_relative_to(data) else file.name
    name = name.encode("utf-8", "replace").decode()  # a name on the disk may be no text
    return name if len(name) <= MAX_NAME else name[-MAX_NAME:]


def different(files: Sequence[Path]) -> list[int]:
    """Return the indices of the photos, of copies of one photo the first alone."""
    again = {i for group in groups_of_copies(files, max(5, len(files) // 10)) for i in group[1:]}
    first = {sha256_of(files[i]): i for i in reversed(range(len(files)))}
    return sorted(set(first.values()) - again)


def spread(indices: Sequence[int], labels: Sequence[Hashable], most: int, seed: int = 0) -> list[int]:
    """Return at most `most` of the indices in an order in which each label comes as often as another, while it has any.

    labels: of every photo. Which photos of a label come first is drawn.
    """
    drawn = np.random.default_rng(seed).permutation(len(indices))
    turns: dict[Hashable, int] = defaultdict(int)
    order = []
    for i in (indices[k] for k in drawn):
        order.append((turns[labels[i]], i))
        turns[labels[i]] += 1
    return [i for _, i in sorted(order)[:most]]


def principal_axes(rows: np.ndarray, most: int = N_AXES) -> np.ndarray:
    """Return (d, D) directions, d at most `most`, that keep most of the differences of (N, D) features of length 1."""
    from sklearn.utils.extmath import randomized_svd  # imported here: it takes most of a second

    n, d = rows.shape
    k = min(most, n, d, MAX_CODES // n)
    axes: np.ndarray = randomized_svd(rows - rows.mean(0), k, random_state=0)[2]
    return axes


def thumbnails(files: Sequence[Path], labels: Sequence[Hashable]) -> Pictures:
    """Return small pictures of as many photos as an export holds, of each label as many as of another."""
    data: dict[int, bytes] = {}
    left, order = MAX_PICTURES, spread(range(len(files)), labels, len(files))
    with ThreadPoolExecutor(cores()) as pool:
        for i, picture in zip(order, ahead(pool, lambda i: thumbnail(files[i]), order)):
            if len(picture) > left:
                break
            data[i] = picture
            left -= len(picture)
    ends = np.cumsum([len(data.get(i, b"")) for i in range(len(files))]).astype(np.int32)
    return Pictures(b"".join(data[i] for i in sorted(data)), ends)


def thumbnail(file: Path) -> bytes:
    """Return a photo as a small JPEG of about 2 kB, upright and without what its file says of place and camera."""
    photo = open_photo(file, max_reduction=lambda size: max(size) / (2 * SIDE))
    photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer, plain = io.BytesIO(), Image.new("RGB", photo.size)
    plain.paste(photo)
    plain.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return buffer.getvalue()
