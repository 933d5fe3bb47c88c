"""Directories of TIFF files, which EXIF is too: small ones, circles, and one that is read thousands of times over."""

import struct

EXIF = b"Exif\0\0"


def directory(entries: list[tuple[int, int, int, int]], at: int = 8, following: int = 0) -> bytes:
    """Return a little-endian TIFF directory of (tag, type, count, value or offset)."""
    return (
        struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
        + struct.pack("<I", following)
    )


def greedy_directory(size: int) -> bytes:
    """Return a TIFF directory whose tags all point to the same bytes: read one by one they are thousands of times
    as much as the file."""
    n = min(size // 24, 60_000)
    head = b"II*\0" + struct.pack("<I", 8)
    return (head + directory([(1000 + i, 7, size - 16, 8) for i in range(n)])).ljust(size, b"\0")


def exif(orientation_type: int = 3, count: int = 1, value: int = 6, following: int = 0) -> bytes:
    return b"II*\0" + struct.pack("<I", 8) + directory([(274, orientation_type, count, value)], following=following)


def circular_exif() -> bytes:
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + directory([(34665, 4, 1, 8), (34853, 4, 1, 8), (40965, 4, 1, 8), (330, 4, 1, 8), (274, 3, 1, 6)], following=8)
    )
