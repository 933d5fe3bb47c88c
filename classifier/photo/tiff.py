"""Limit the work of reading the directories of a TIFF file or of EXIF data.

Pillow reads all that each tag points to, and 60,000 tags may point to the same megabytes.
"""

import struct
from collections.abc import Iterator

from .errors import PhotoError, too_costly

MAX_NUMBERS = 500_000  # in tags, which become Python objects; 100 megapixels with a strip for each row have 10,000
MAX_TILE_PIXELS = 25_000_000  # a tile is decoded whole, however small the picture
MAX_DIRECTORIES = 64  # within one AVIF or HEIC

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # bytes, by type
BYTE_TYPES = (1, 2, 7)  # which Pillow keeps as bytes
INTEGERS = {3: "H", 4: "L", 13: "L", 16: "Q"}
NESTED = (34665, 34853, 40965)  # EXIF, GPS, interoperability
TILE = (322, 323)  # its width, its height
COMPRESSION = 259
# libtiff reports success for a damaged row of a fax and leaves its memory as it was: pixels of other people's photos
FAX_COMPRESSIONS = (2, 3, 4, 32771)
REPEATED_PREFIX = b"Exif\0\0" * 3  # Pillow removes these one by one, with a copy of the rest each time


def check_exif(exif: bytes | None) -> None:
    """Raise PhotoError, with a sentence, for EXIF that takes long to read. exif: with its `Exif\\0\\0` or without."""
    exif = exif or b""
    if exif.startswith(REPEATED_PREFIX):
        raise too_costly("photo", "has EXIF data that begin again and again")
    check_directory(exif.removeprefix(REPEATED_PREFIX[:6]))


def check_hidden_exif(data: bytes) -> None:
    """Raise PhotoError for EXIF that takes long to read anywhere in an AVIF or HEIC, whose decoders read it at once."""
    if REPEATED_PREFIX in data:
        raise too_costly("photo", "has EXIF data that begin again and again")
    found = 0
    for start in (b"II*\0", b"MM\0*"):
        at = data.find(start)
        while at >= 0:
            check_directory(memoryview(data)[at:])
            found, at = found + 1, data.find(start, at + 4)
            if found > MAX_DIRECTORIES:
                raise too_costly("photo", f"has EXIF data in more than {MAX_DIRECTORIES} places")


def check_tiff(data: bytes) -> None:
    """Raise PhotoError for a TIFF that is a fax or has several compressions, or whose directory costs too much."""
    order, big, first = _header(data)
    compressions = [
        (count, kind, value) for tag, kind, count, value in _entries(data, order, big, first) if tag == COMPRESSION
    ]
    if len(compressions) > 1 or any(count != 1 or kind not in INTEGERS for count, kind, _ in compressions):
        raise PhotoError("This TIFF does not say how it is compressed. Save it again and send that.")
    if any(struct.unpack_from(order + INTEGERS[kind], value)[0] in FAX_COMPRESSIONS for _, kind, value in compressions):
        raise PhotoError("This TIFF is compressed as a fax, in black and white. Send a photo.")
    check_directory(data, "TIFF")


def check_directory(data: bytes | memoryview, name: str = "photo") -> None:
    """Raise PhotoError where a TIFF's first directory, with those that it names, is larger than the file itself.

    data: from the `II` or `MM` of its header on; anything else passes.
    """
    if bytes(data[:2]) not in (b"II", b"MM"):
        return
    order, big, first = _header(data)
    read, numbers, integers = _cost(data, order, big, first)
    for tag in NESTED:
        if tag in integers:
            more = _cost(data, order, big, integers[tag])
            read, numbers = read + more[0], numbers + more[1]
    if read > len(data) + 1_000_000 or numbers > MAX_NUMBERS:
        raise too_costly(name, "has a directory of tags larger than itself")
    if integers.get(TILE[0], 0) * integers.get(TILE[1], 0) > MAX_TILE_PIXELS:
        raise too_costly(name, "is cut into tiles larger than photos are")


def _header(data: bytes | memoryview) -> tuple[str, bool, int]:
    """Return the byte order, whether it is a BigTIFF, and the place of the first directory: the end if truncated."""
    order = ">" if data[:2] == b"MM" else "<"
    if len(data) < 16:
        return order, False, len(data)
    big = data[2] == 43  # as Pillow decides it
    return order, big, struct.unpack_from(f"{order}{'Q' if big else 'L'}", data, 8 if big else 4)[0]


def _cost(data: bytes | memoryview, order: str, big: bool, at: int) -> tuple[int, int, dict[int, int]]:
    """Return the bytes that Pillow reads for a directory's tags, the numbers in them, and single integers by tag."""
    read = numbers = 0
    integers: dict[int, int] = {}
    for tag, kind, count, value in _entries(data, order, big, at):
        size = count * SIZES.get(kind, 0)
        if size > len(value):
            (offset,) = struct.unpack(f"{order}{'Q' if big else 'L'}", value)
            left = max(0, len(data) - offset)
            read += min(size, left)
            if size > left:
                break  # so does Pillow
        elif count == 1 and kind in INTEGERS:
            (integers[tag],) = struct.unpack_from(order + INTEGERS[kind], value)
        if size and kind not in BYTE_TYPES:
            numbers += count
    return read, numbers, integers


def _entries(data: bytes | memoryview, order: str, big: bool, at: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield tag, type, count, and the value or its place, of a directory's entries."""
    start = at + (8 if big else 2)
    if start > len(data):
        return
    (n,) = struct.unpack_from(f"{order}{'Q' if big else 'H'}", data, at)
    entry = struct.Struct(f"{order}{'HHQ8s' if big else 'HHL4s'}")
    n = min(n, 65_535, (len(data) - start) // entry.size)
    yield from entry.iter_unpack(data[start : start + n * entry.size])
