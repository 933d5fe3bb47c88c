"""Place photos on a plane by their features, so that photos which the model finds alike lie side by side.

Reads  features.npy, (N, D), and writes points.npy, (N, 2), run by `photo_map` as a process: numba, which
       compiles the method, would stop the cleaner's page for seconds
Gives  `place`

    python -m training.clean.map.placement features.npy points.npy

The method is LocalMAP, the variant of PaCMAP that keeps neighbours together more closely, behind a PCA to 50 axes. Of
10,000 photos with 1,280 features it took 6 s on one core, and 80% of each photo's ten nearest were among the thirty
nearest on the map. PaCMAP itself took 3 s and had 73%; UMAP 21 s and 81%, and in each process 20 to 80 s more, to
compile; t-SNE of scikit-learn 49 s and 81%; PCA alone had 15%. `python -m benchmarks.photo_map` measures ours.
"""

import logging
import sys
import warnings
from importlib.util import find_spec

import numpy as np

N_AXES = 50
N_NEIGHBOURS = 10  # what each photo is held together with
FEWEST = 3 * N_NEIGHBOURS  # different photos; fewer are placed by PCA
SEED = 0
COPIES_APART = 0.004  # of the map's side: photos with the same features are spread around their place


def has_method() -> bool:
    """Return whether PaCMAP is installed; without it, PCA places the photos."""
    return find_spec("pacmap") is not None


def place(features: np.ndarray) -> np.ndarray:
    """Return (N, 2) places of photos, 0 to 1, the same for the same features.

    features: (N, D), of length 1. What neighbours on the map is alike; far distances mean little.
    """
    rows = np.nan_to_num(np.asarray(features, dtype=np.float32), posinf=0, neginf=0)
    _, first, place_of = np.unique([row.tobytes() for row in rows], return_index=True, return_inverse=True)
    different = rows[np.sort(first)]
    order = np.argsort(np.argsort(first))  # the groups in the order of the photos
    points = _local_map(different) if len(different) >= FEWEST and has_method() else _pca(different, 2)
    return _spread(_scaled(points), order[place_of.ravel()])


def _pca(rows: np.ndarray, n: int) -> np.ndarray:
    """Return (N, n) principal components, 0 where there are fewer."""
    from sklearn.decomposition import PCA

    found = min(n, *rows.shape) if len(rows) > 1 else 0
    points = np.zeros((len(rows), n), dtype=np.float32)
    if found:
        points[:, :found] = PCA(found, svd_solver="randomized", random_state=SEED).fit_transform(rows)
    return points


def _local_map(rows: np.ndarray) -> np.ndarray:
    """Return (N, 2) places by LocalMAP; its own random numbers are seeded, and one thread makes them repeat."""
    logging.getLogger("pacmap").setLevel(logging.ERROR)  # it warns of its seed
    import numba
    from pacmap import LocalMAP

    numba.set_num_threads(1)  # two that wait for each other take ten times as long where a core is busy
    axes = _pca(rows, min(N_AXES, *rows.shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = LocalMAP(n_components=2, n_neighbors=N_NEIGHBOURS, random_state=SEED, apply_pca=False)
        return np.asarray(method.fit_transform(axes, init="pca"))


def _scaled(points: np.ndarray) -> np.ndarray:
    """Return points within 0 to 1, in the middle, with their proportions."""
    if not np.isfinite(points).all():
        points = np.nan_to_num(points)
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()), 1e-12)
    return 0.5 + (points - (low + high) / 2) / side * 0.96


def _spread(points: np.ndarray, place_of: np.ndarray) -> np.ndarray:
    """Return the place of each photo; those that share one lie in a spiral around it, each to be seen."""
    found = points[place_of].astype(np.float64)
    nth: dict[int, int] = {}
    for i, group in enumerate(place_of.tolist()):
        nth[group] = n = nth.get(group, -1) + 1
        angle, radius = 2.4 * n, min(COPIES_APART * np.sqrt(n), 0.05)
        found[i] += radius * np.cos(angle), radius * np.sin(angle)
    return np.clip(found, 0, 1).astype(np.float32)


if __name__ == "__main__":
    np.save(sys.argv[2], place(np.load(sys.argv[1], allow_pickle=False)))
