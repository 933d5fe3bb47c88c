"""Time ways from a photo's bytes to an answer, each in a process of its own, in turn."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from time import perf_counter


class Worker:
    """A way from bytes to probabilities in a process of its own, where no other library's threads wait beside it."""

    def __init__(self, make: Callable[[], Callable[[bytes], object]]):
        """make: returns the way; called in the process."""
        # one that ends with an error where `make` fails; multiprocessing's own Pool would start it again for ever
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _start, (make,))

    def times(self, photo: bytes, n: int) -> list[float]:
        """Return the milliseconds that a photo takes, n times one after another, after one to warm up."""
        return self._pool.submit(_times, photo, n).result()


def _start(make: Callable) -> None:
    global _way
    with open(os.devnull, "w") as silent:
        os.dup2(silent.fileno(), 1)  # the lesson's way draws a progress bar for each photo
    _way = make()


def _times(photo: bytes, n: int) -> list[float]:
    times = []
    for _ in range(n + 1):
        began = perf_counter()
        _way(photo)
        times.append(1000 * (perf_counter() - began))
    return times[1:]


def in_turn(workers: Sequence[Worker], photos: Sequence[bytes], rounds: int, n: int) -> list[list[float]]:
    """Return each worker's milliseconds for each photo: the median of n in each round, the workers in turn."""
    times = [[[] for _ in photos] for _ in workers]
    for turn in range(rounds):
        for i, photo in enumerate(photos):
            order = range(len(workers)) if (turn + i) % 2 else reversed(range(len(workers)))
            for worker in order:
                times[worker][i] += workers[worker].times(photo, n)
    return [[median(of_photo) for of_photo in of_worker] for of_worker in times]
