"""The chunks of a PNG that its photo needs; texts, times, animations and whatever else is damaged are left out.

    data = needed(data)

A decoder that meets a wrong check sum in the printing size, or two megabytes of notes, gives up on the whole file:
its pixels are as good as ever.
"""
import struct
import zlib
from collections.abc import Iterator

from .refusals import too_costly

MAX_CHUNKS = 200_000
MAX_INFLATED = 1_000_000  # bytes of a text or profile: Pillow's own limit, beyond which it refuses the file
SIGNATURE = 8  # bytes
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
TRANSPARENT = {0: 2, 2: 6}  # bytes of a transparent colour, by colour type: grey, RGB
KEYED = (b"tEXt", b"zTXt", b"iTXt")
TEXTS = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"Raw profile type APP1")  # each may tell how the photo lies


def needed(data: bytes) -> bytes:
    """Return a PNG without the chunks that its picture, colours and orientation do not need.

    Raises PhotoError for one cut into more pieces than any encoder writes.
    """
    view, colour, found = memoryview(data), data[25] if len(data) > 25 else 0, set()
    kept = [view[:SIGNATURE]]
    for kind, at, end in _chunks(data):
        if kind not in CRITICAL:
            name = kind, _keyword(view[at:end]) if kind in KEYED else b""
            if name in found or not _is_well(kind, view[at:end], colour):
                continue
            found.add(name)
        kept.append(view[at:end])
    return data if sum(map(len, kept)) == len(data) else b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, begin and end of each chunk; what is cut off ends with the file."""
    at = SIGNATURE
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + 12 + size
        at += 12 + size
    raise too_costly("PNG", "is cut into too many pieces")


def _is_well(kind: bytes, chunk: memoryview, colour: int) -> bool:
    """Return whether a side chunk is one that is read, and whole."""
    body = chunk[8:-4]
    if kind == b"tRNS":
        wanted = len(body) == TRANSPARENT.get(colour, len(body)) and 0 < len(body) <= 256
    elif kind in KEYED:
        wanted = _keyword(chunk) in TEXTS and _is_small(kind, bytes(body))
    elif kind == b"iCCP":
        wanted = _is_small(kind, bytes(body))
    else:
        wanted = kind == b"eXIf"
    return wanted and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _keyword(chunk: memoryview) -> bytes:
    return bytes(chunk[8:88]).split(b"\0")[0]


def _is_small(kind: bytes, body: bytes) -> bool:
    """Return whether a text or profile inflates, and to no more than MAX_INFLATED bytes."""
    rest = body.partition(b"\0")[2]
    if kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        packed, rest = kind != b"tEXt", rest[kind != b"tEXt":]
    if not packed:
        return len(rest) <= MAX_INFLATED
    try:
        inflate = zlib.decompressobj()
        inflate.decompress(rest, MAX_INFLATED)
        return not inflate.unconsumed_tail
    except zlib.error:
        return False
