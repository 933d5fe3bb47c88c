"""Check a colour profile before LittleCMS reads it."""

import math
import struct
from collections.abc import Iterator

MAX_TAGS = 100  # as LittleCMS
CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")  # input, display, printer, colour space


def is_plain(profile: bytes) -> bool:
    """Return whether a profile is an input, display or printer profile whose tables are no larger than their tags.

    LittleCMS would allocate half a gigabyte for a table whose header of some bytes asks for it. Its newer kind of
    pipeline (`mpet`), which nests such tables, is not allowed: profiles with it are rare.
    """
    (n,) = struct.unpack_from(">I", profile, 128)
    return (
        profile[36:40] == b"acsp"
        and profile[12:16] in CLASSES
        and n <= MAX_TAGS
        and all(_fits(tag) for tag in _tags(profile, n))
    )


def _tags(profile: bytes, n: int) -> Iterator[bytes]:
    """Yield the content of a profile's n tags."""
    for i in range(n):
        at, size = struct.unpack_from(">II", profile, 136 + 12 * i)
        yield profile[at : at + size]


def _fits(tag: bytes) -> bool:
    """Return whether a tag holds the whole table of colours that its header announces."""
    kind = tag[:4]
    if kind in (b"mft1", b"mft2"):
        inputs, outputs, points = tag[8:11]
        n_values: int = points**inputs * outputs
        return n_values * int(kind[3:]) <= len(tag)
    if kind in (b"mAB ", b"mBA "):
        inputs, outputs = tag[8:10]
        (at,) = struct.unpack_from(">I", tag, 24)
        if not at:
            return True
        sides, depth = tag[at : at + 16], tag[at + 16]
        return inputs <= 16 and math.prod(sides[:inputs]) * outputs * depth <= len(tag)
    return kind != b"mpet"
