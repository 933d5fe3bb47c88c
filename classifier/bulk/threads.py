"""Map a function over photos in threads that may be left behind: one that hangs keeps neither the others nor the exit.

rows = in_threads(answer, photos, 2, 300)
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

GRACE = 5  # seconds for what is in work when nobody waits any more

Given = TypeVar("Given")
Gained = TypeVar("Gained")


def in_threads(
    function: Callable[[Given], Gained], items: Sequence[Given], n_threads: int, patience: float
) -> list[Gained | None]:
    """Return what a function gives for each item, in order; None where nothing came for `patience` seconds."""
    results: list[Gained | None] = [None] * len(items)
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Gained]] = queue.SimpleQueue()
    for i in range(len(items)):
        todo.put(i)

    def work() -> None:
        with suppress(queue.Empty):
            while not over.is_set():
                i = todo.get_nowait()
                done.put((i, function(items[i])))

    over = threading.Event()
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(n_threads, len(items)))]
    for thread in threads:
        thread.start()
    try:
        with suppress(queue.Empty):
            for _ in items:
                i, result = done.get(timeout=patience)
                results[i] = result
    except BaseException:  # Ctrl-C
        over.set()
        until = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0, until - time.monotonic()))
        raise
    over.set()
    return results
