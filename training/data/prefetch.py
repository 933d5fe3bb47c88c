"""Compute ahead in threads: a few results wait for whoever takes them, and no more.

Usage:

    with ThreadPoolExecutor(cores()) as pool:
        for photo in ahead(pool, open_photo, files): ...
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

N_AHEAD = 64  # results that wait at most


def ahead(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], n_ahead: int = N_AHEAD
) -> Iterator[R]:
    """Yield the function's results in the order of the items, at most `n_ahead` of them computed beforehand.

    Unlike `pool.map`, which computes all and keeps what nobody has taken: memory stays bounded, and Ctrl-C is quick.
    """
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > n_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
