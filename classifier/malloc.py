"""Options of glibc's malloc, for two opposite uses: a server that must stay small, a training that must be fast.

    release_freed_memory()    # the app: it lives for months, and a large photo must not leave it large
    keep_freed_memory()       # a training: it ends after minutes, and allocates the same blocks over and over

Call one of them once, early in a process. With another C library nothing happens.
"""

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8  # from malloc.h
LARGE_BLOCK = 8_000_000  # bytes


def release_freed_memory() -> None:
    """Have threads share two arenas, and give large blocks back to the system as soon as they are free.

    An arena for each thread, glibc's default, keeps memory that no other thread can use; and it would soon take 16 MB,
    the blocks that large photos are made of, from arenas too.
    """
    _set_options({M_ARENA_MAX: 2, M_MMAP_THRESHOLD: LARGE_BLOCK})


def keep_freed_memory() -> None:
    """Keep freed memory in the process: page faults are two thirds of a CPU training's time otherwise."""
    _set_options({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1})


def _set_options(options: dict[int, int]) -> None:
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        for option, value in options.items():
            libc.mallopt(option, value)
