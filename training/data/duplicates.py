"""Find copies of photos: the same picture in another file, also rescaled, recompressed or slightly cropped.

`training.verify` moves copies away; those that stay are kept on one side of the split (see `training.data.splits`).
"""

import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from classifier.cpu_count import cores
from classifier.files import sha256
from training.progress import progress_bar

from .contents import MAX_HASH_DISTANCES, content_of
from .files import parent_label
from .prefetch import ahead

START_BYTES = 4096  # of a file: read before the whole is
ROWS, COLUMNS = 64, 16_384  # photos that are compared with each other at once: 8 MB of differing bits
MAX_PAIRS = 4_000_000  # that are held at once: 100,000 X-rays may have thousands of millions


def find_near_pairs(hashes: Sequence[tuple[int, ...]]) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, whose hashes differ by no more bits than MAX_HASH_DISTANCES, sorted."""
    return sorted((int(i), int(j)) for rows, columns in _near(_bits(hashes)) for i, j in zip(rows, columns))


def _bits(hashes: Sequence[tuple[int, ...]]) -> np.ndarray:
    return np.array(hashes, dtype=np.uint64).reshape(-1, len(MAX_HASH_DISTANCES))


def _near(bits: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the indices of near pairs of (N, H) hashes in pieces, the first index below the second.

    Each is compared with each: 100,000 photos take half a minute on one core.
    """
    tiles = ((i, j) for i in range(0, len(bits), ROWS) for j in range(i, len(bits), COLUMNS))
    columns = np.ascontiguousarray(bits.T)

    def compare(tile: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        i, j = tile
        pairs: tuple[np.ndarray, np.ndarray] | None = None
        for hashes, most in zip(columns, MAX_HASH_DISTANCES.values()):
            if pairs is None:
                differing = np.bitwise_count(hashes[i : i + ROWS, None] ^ hashes[None, j : j + COLUMNS])
                rows, others = np.nonzero(differing <= most)
                pairs = rows + i, others + j
            else:  # few are left
                near = np.bitwise_count(hashes[pairs[0]] ^ hashes[pairs[1]]) <= most
                pairs = pairs[0][near], pairs[1][near]
        assert pairs is not None
        once = pairs[0] < pairs[1]
        return pairs[0][once], pairs[1][once]

    with ThreadPoolExecutor(cores()) as pool:
        yield from (pairs for pairs in ahead(pool, compare, tiles, 4 * cores()) if len(pairs[0]))


@lru_cache(maxsize=4)  # a training asks three times about the same photos
def _near_groups(hashes: tuple[tuple[int, ...], ...]) -> list[list[int]]:
    """Return the groups that near pairs connect; memory is bounded, however many pairs there are."""
    different, index_of = np.unique(_bits(hashes), axis=0, return_inverse=True)
    names, pairs = np.arange(len(different)), [np.empty((2, 0), dtype=int)]
    for found in _near(different):
        pairs.append(np.stack(found))
        if sum(piece.shape[1] for piece in pairs) > MAX_PAIRS:
            names, pairs = _connected(names, np.concatenate(pairs, axis=1)), []
    names = _connected(names, np.concatenate([np.empty((2, 0), dtype=int), *pairs], axis=1))
    return _groups_by_name(names[index_of.ravel()])


def _connected(names: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return new (N,) names, the same for items whose old ones are the same and for those that (2, P) pairs connect."""
    rows, columns = names[pairs]
    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(len(names), len(names)))
    return connected_components(graph, directed=False)[1][names]


def _groups_by_name(names: np.ndarray) -> list[list[int]]:
    """Return the indices of two or more items with the same name, each group sorted."""
    groups: dict[int, list[int]] = defaultdict(list)
    for i, name in enumerate(names.tolist()):
        groups[name].append(i)
    return [group for group in groups.values() if len(group) > 1]


def connected_groups(n: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the groups of two or more of n items that the pairs connect, each sorted."""
    return _groups_by_name(_connected(np.arange(n), np.array(pairs, dtype=int).reshape(-1, 2).T))


def groups_of_copies(files: Sequence[Path], max_size: int) -> list[list[int]]:
    """Return the groups of files that show the same picture, each sorted; see `groups_of_hashes`."""
    with ThreadPoolExecutor(cores()) as pool:
        return groups_of_hashes([content.hashes for content in ahead(pool, content_of, files)], max_size)


def groups_of_hashes(found: Sequence[tuple[int, ...]], max_size: int) -> list[list[int]]:
    """Return the groups of photos that show the same picture, each sorted; found: (N,) their hashes, () for none.

    A group of more than `max_size` near copies is taken for photos of one kind, such as X-rays: in such a group only
    pictures with the same hashes count as copies.
    """
    hashed = [i for i, hashes in enumerate(found) if hashes]
    groups = []
    for group in ([hashed[i] for i in group] for group in _near_groups(tuple(found[i] for i in hashed))):
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
    for same_size in groups_by(lambda file: os.stat(file).st_size, files, group_of):
        for file in same_size:
            by_start[os.stat(file).st_size, _start(file)].append(file)
    alike = [group for group in by_start.values() if len(set(map(group_of, group))) > 1]
    bar = progress_bar([file for group in alike for file in group], leave=False)
    digests = {file: sha256(file) for file in bar}
    return groups_by(digests.__getitem__, list(digests), group_of)


def groups_by(
    key: Callable[[Path], Hashable], files: Sequence[Path], group_of: Callable[[Path], Hashable]
) -> list[list[Path]]:
    """Return the files by key, where those of a key have several values of `group_of`."""
    by_key: dict[Hashable, list[Path]] = defaultdict(list)
    for file in files:
        by_key[key(file)].append(file)
    return [group for group in by_key.values() if len(set(map(group_of, group))) > 1]


def _start(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(START_BYTES)
