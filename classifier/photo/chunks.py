"""Remove side data that a PNG or WebP does not need: texts, times, animations, and data that are damaged.

    data = without_side_data(data)

A wrong checksum in the printing size, two megabytes of notes or truncated EXIF make a decoder give up on a file whose
pixels are intact.
"""

import struct
import zlib
from collections.abc import Iterator

from .errors import too_costly

MAX_CHUNKS = 200_000
PIXEL_CHUNKS = (b"VP8 ", b"VP8L", b"ALPH", b"ANMF")  # of a WebP
MAX_INFLATED = 1_000_000  # bytes of a text or profile: Pillow's own limit, beyond which it refuses the file
SIGNATURE_SIZE = 8  # bytes
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
TRANSPARENCY_SIZES = {0: 2, 2: 6}  # bytes of a transparent colour, by colour type: grey, RGB
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")
KEYWORDS = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"Raw profile type APP1")  # may have the orientation


def without_side_data(data: bytes) -> bytes:
    """Return a PNG or WebP without the chunks that its pixels, colours and orientation do not need; all else as it is.

    Raises PhotoError for a PNG cut into more pieces than any encoder writes.
    """
    if data.startswith(b"\x89PNG"):
        return _reduced_png(data)
    return _reduced_webp(data) if data.startswith(b"RIFF") and data[8:16] == b"WEBPVP8X" else data


def _reduced_webp(data: bytes) -> bytes:
    """Return a WebP up to the first EXIF or XMP after its pixels that is truncated; any other as it is."""
    at, promised = 12, 8 + int.from_bytes(data[4:8], "little")
    for _ in range(MAX_CHUNKS):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 > len(data) or (following := at + 8 + size + size % 2) > len(data):
            break
        at = following
    else:
        return data
    if data[at : at + 4] in PIXEL_CHUNKS or promised <= at:
        return data
    return b"RIFF" + struct.pack("<I", at - 8) + data[8:at]


def _reduced_png(data: bytes) -> bytes:
    """Return a PNG with its critical chunks and the side chunks that `_is_needed`, each of these once."""
    view, color_type = memoryview(data), data[25] if len(data) > 25 else 0
    found: set[tuple[bytes, bytes]] = set()
    kept = [view[:SIGNATURE_SIZE]]
    for kind, start, end in _chunks(data):
        if kind not in CRITICAL:
            name = kind, _keyword(view[start:end]) if kind in TEXT_CHUNKS else b""
            if name in found or not _is_needed(kind, view[start:end], color_type):
                continue
            found.add(name)
        kept.append(view[start:end])
    return data if sum(map(len, kept)) == len(data) else b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of each chunk; a truncated chunk may end beyond the file."""
    at = SIGNATURE_SIZE
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + 12 + size
        at += 12 + size
    raise too_costly("PNG", "is cut into too many pieces")


def _is_needed(kind: bytes, chunk: memoryview, color_type: int) -> bool:
    """Return whether a side chunk is of use for colours or orientation, and undamaged."""
    body = chunk[8:-4]
    if kind == b"tRNS":
        wanted = len(body) == TRANSPARENCY_SIZES.get(color_type, len(body)) and 0 < len(body) <= 256
    elif kind in TEXT_CHUNKS:
        wanted = _keyword(chunk) in KEYWORDS and _is_small(kind, bytes(body))
    elif kind == b"iCCP":
        wanted = _is_small(kind, bytes(body))
    else:
        wanted = kind == b"eXIf"
    return wanted and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _keyword(chunk: memoryview) -> bytes:
    """Return the keyword of a text chunk."""
    return bytes(chunk[8:88]).split(b"\0")[0]


def _is_small(kind: bytes, body: bytes) -> bool:
    """Return whether a text or profile is complete and inflates to no more than MAX_INFLATED bytes."""
    rest = body.partition(b"\0")[2]
    if kind == b"tEXt" or (kind == b"iTXt" and rest[:1] == b"\0"):
        return len(rest) <= MAX_INFLATED
    if kind == b"iTXt":  # method, then language and translated key
        rest = rest[1:2] + rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    try:
        inflate = zlib.decompressobj()
        inflate.decompress(rest[1:], MAX_INFLATED)
        return rest[:1] == b"\0" and inflate.eof
    except zlib.error:
        return False
