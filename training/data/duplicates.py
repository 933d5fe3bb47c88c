"""Find copies of photos: the same picture in another file, also rescaled, recompressed or slightly cropped.

`training.verify` moves copies away; those that stay are kept on one side of the split (see `training.data.splits`).
"""

import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from classifier.files import sha256
from classifier.photo import PhotoError, open_photo
from training.progress import progress_bar

from .files import parent_label

# bits of 64 that may differ between a photo and its copy rescaled, recompressed or cropped by 2.5% a side:
# measured on bears: finds 99% of 200 such copies, and 3 of 86,320 natural pairs, which are copies too
MAX_HASH_DISTANCES = {"phash": 10, "dhash": 10}
INSPECTED_SIDE = 512  # pixels of the longer side at which photos are hashed and inspected
START_BYTES = 4096  # of a file: read before the whole is
MIN_CONTRAST = 8  # of 256 grey levels: all blank pictures have the same hashes


def perceptual_hashes(photo: Image.Image) -> tuple[int, ...]:
    """Return the perceptual hashes of a photo, 64 bits each, in the order of MAX_HASH_DISTANCES."""
    import imagehash  # serving does not install it, and a deployment imports this module

    return tuple(int(str(getattr(imagehash, name)(photo)), 16) for name in MAX_HASH_DISTANCES)


def find_near_pairs(hashes: Sequence[tuple[int, ...]]) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, whose hashes differ by no more bits than MAX_HASH_DISTANCES."""
    bits = np.array(hashes, dtype=np.uint64).reshape(-1, len(MAX_HASH_DISTANCES))
    pairs: list[tuple[int, int]] = []
    for i in range(len(bits) - 1):
        near = np.ones(len(bits) - i - 1, dtype=bool)
        for column, max_distance in enumerate(MAX_HASH_DISTANCES.values()):
            near &= np.bitwise_count(bits[i + 1 :, column] ^ bits[i, column]) <= max_distance
        pairs += [(i, i + 1 + int(j)) for j in np.flatnonzero(near)]
    return pairs


def connected_groups(n: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the groups of two or more of n items that the pairs connect, each sorted."""
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    _, names = connected_components(coo_array((np.ones(len(rows)), (rows, columns)), shape=(n, n)), directed=False)
    groups: dict[int, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        groups[name].append(i)
    return [group for group in groups.values() if len(group) > 1]


def groups_of_copies(files: Sequence[Path], max_size: int) -> list[list[int]]:
    """Return the groups of files that show the same picture, each sorted.

    A group of more than `max_size` near copies is taken for photos of one kind, such as X-rays: in such a group only
    pictures with the same hashes count as copies.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_hashes, files))
    hashed = [i for i, hashes in enumerate(found) if hashes]
    near = connected_groups(len(hashed), find_near_pairs([found[i] for i in hashed]))
    groups = []
    for group in ([hashed[i] for i in group] for group in near):
        if len(group) <= max_size:
            groups.append(group)
            continue
        same: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i in group:
            same[found[i]].append(i)
        groups += [copies for copies in same.values() if len(copies) > 1]
    return groups


def same_files(files: Sequence[Path], group_of: Callable[[Path], Hashable] = parent_label) -> list[list[Path]]:
    """Return the groups of files with the same content, byte for byte, that have several values of `group_of`.

    Only files of the same size are read, and only where they begin alike as a whole. Raises OSError for a file that
    cannot be read.
    """
    by_start: dict[tuple[int, bytes], list[Path]] = defaultdict(list)
    for same_size in _groups(files, lambda file: os.stat(file).st_size, group_of):
        for file in same_size:
            by_start[os.stat(file).st_size, _start(file)].append(file)
    alike = [group for group in by_start.values() if len(set(map(group_of, group))) > 1]
    bar = progress_bar([file for group in alike for file in group], leave=False)
    digests = {file: sha256(file) for file in bar}
    return _groups(list(digests), digests.__getitem__, group_of)


def _groups(
    files: Sequence[Path], key: Callable[[Path], Hashable], group_of: Callable[[Path], Hashable]
) -> list[list[Path]]:
    """Return the files by key, where those of a key have several values of `group_of`."""
    by_key: dict[Hashable, list[Path]] = defaultdict(list)
    for file in files:
        by_key[key(file)].append(file)
    return [group for group in by_key.values() if len(set(map(group_of, group))) > 1]


def _start(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(START_BYTES)


def _hashes(file: Path) -> tuple[int, ...]:
    """Return the hashes of a file; empty where it cannot be opened or is blank."""
    try:
        stat = os.stat(file)
        return _hashes_of_file(os.fspath(file), stat.st_mtime_ns, stat.st_size)
    except (PhotoError, OSError):
        return ()


@lru_cache(200_000)
def _hashes_of_file(file: str, modified_ns: int, n_bytes: int) -> tuple[int, ...]:
    """Return the hashes of a file, cached by its path, time of change and size: each training asks again."""
    photo = open_photo(file, max_reduction=lambda size: max(size) / INSPECTED_SIDE)
    photo.thumbnail((INSPECTED_SIDE, INSPECTED_SIDE), Image.Resampling.BILINEAR)
    grey = np.asarray(photo.convert("L"))
    return perceptual_hashes(photo) if int(grey.max()) - int(grey.min()) >= MIN_CONTRAST else ()
