"""Copies of photos: the same picture in another file, also rescaled, recompressed or cropped a little.

`training.verify` moves them away; where they stay, `training.data` keeps them on one side of the split.
"""
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from classifier.photo import PhotoError, open_photo

# bits of 64 that may differ between a photo and its copy rescaled, recompressed or cropped by 2.5% a side:
# on bears, 99% of 200 such copies and 3 of 86,320 natural pairs, which are copies too
NEAR = {"phash": 10, "dhash": 10}
LOOKED_AT = 512  # pixels of the longer side: enough to see whether a photo is dark, blurry or blank
LEAST_CONTRAST = 8  # of 256 greys: the hashes of a blank picture are those of all blank ones


def hashes_of(photo: Image.Image) -> tuple[int, ...]:
    """Return the perceptual hashes of a photo, 64 bits each, in the order of NEAR."""
    return tuple(int(str(getattr(imagehash, name)(photo)), 16) for name in NEAR)


def near_pairs_of(hashes: Sequence[tuple[int, ...]]) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, whose hashes are all as near as NEAR says."""
    hashes = np.array(hashes, dtype=np.uint64).reshape(-1, len(NEAR))
    pairs = []
    for i in range(len(hashes) - 1):
        near = np.ones(len(hashes) - i - 1, dtype=bool)
        for column, most in enumerate(NEAR.values()):
            near &= np.bitwise_count(hashes[i + 1:, column] ^ hashes[i, column]) <= most
        pairs += [(i, i + 1 + int(j)) for j in np.flatnonzero(near)]
    return pairs


def groups_of(n: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the groups of two or more that the pairs join, each sorted."""
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    _, names = connected_components(coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n)), directed=False)
    groups = defaultdict(list)
    for i, name in enumerate(names):
        groups[name].append(i)
    return [group for group in groups.values() if len(group) > 1]


def groups_of_copies(files: Sequence[Path], most: int) -> list[list[int]]:
    """Return the groups of files that show the same picture, each sorted.

    Near copies that make a group of more than `most` are no copies but photos of one kind, such as X-rays: of such a
    group only pictures with the same hashes count as copies.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_hashes, files))
    hashed = [i for i, hashes in enumerate(found) if hashes]
    near = groups_of(len(hashed), near_pairs_of([found[i] for i in hashed]))
    groups = []
    for group in ([hashed[i] for i in group] for group in near):
        if len(group) <= most:
            groups.append(group)
            continue
        same = defaultdict(list)
        for i in group:
            same[found[i]].append(i)
        groups += [alike for alike in same.values() if len(alike) > 1]
    return groups


def _hashes(file: Path) -> tuple[int, ...]:
    """Return the hashes of a file; none where it cannot be opened or shows nothing."""
    try:
        stat = os.stat(file)
        return _hashes_of_file(os.fspath(file), stat.st_mtime_ns, stat.st_size)
    except (PhotoError, OSError):
        return ()


@lru_cache(200_000)
def _hashes_of_file(file: str, changed: int, n_bytes: int) -> tuple[int, ...]:
    """Return the hashes of a file as it is: each training and each of its folds asks again."""
    photo = open_photo(file, spare=lambda size: max(size) / LOOKED_AT)
    photo.thumbnail((LOOKED_AT, LOOKED_AT), Image.Resampling.BILINEAR)
    darkest, lightest = photo.convert("L").getextrema()
    return hashes_of(photo) if lightest - darkest >= LEAST_CONTRAST else ()
