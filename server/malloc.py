"""Keep a long-lived process small."""
import ctypes
from contextlib import suppress

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # from malloc.h
LARGE = 8_000_000  # bytes


def give_memory_back() -> None:
    """Have glibc's threads share two arenas, and give what is large back to the system as soon as it is free.

    An arena for each thread, its default, keeps memory that no other thread can use; and it would soon take 16 MB,
    the blocks that large photos are made of, from arenas too. With another C library nothing happens.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_ARENA_MAX, 2)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
