"""Keep a long-lived process small."""
import ctypes
from contextlib import suppress

M_ARENA_MAX = -8  # from malloc.h


def few_arenas() -> None:
    """Have glibc's threads share two arenas: one for each, its default, keeps memory that no other thread can use.

    With another C library nothing happens.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 2)
