"""What a file's own headers give away, before any decoder believes them.

    check(data, max_pixels)
    image = Image.open(Rationed(data))

Decoders do what a file says, and a file of some kilobytes can say: pass over 100 megapixels 20,000 times. `check`
finds what costs much within one call of a decoder; `Rationed` ends what a decoder reads piece by piece. The limits lie
far above what cameras and editors write, and where the work stays under a second or two.
"""
import io
import re
import struct
from collections.abc import Iterator
from itertools import product

from .errors import PhotoError, check_size, too_costly
from .tiff import check_directory, check_exif, check_hidden_exif, check_tiff

MAX_SEGMENTS = 20_000  # of a JPEG
MAX_SCANNED = 5_000_000_000  # its pixels times the work of its scans (see `_work`), which is about 30 as editors write
MAX_COEFFICIENTS = 3  # for each pixel that may be decoded: a JPEG of many scans keeps all, of two bytes each
MAX_METADATA = 8_000_000  # bytes of a JPEG's EXIF, or of its Photoshop blocks: Pillow's time for them grows faster
MAX_COMPRESSED_TEXTS = 256  # of a PNG: each may inflate to a megabyte
MAX_BLOCKS = 100_000  # of a GIF, before its first frame
MAX_COMMENT = 500_000  # bytes of a GIF's: Pillow's time for them grows with their square
MAX_RUN_PIXELS = 10_000_000  # of a BMP of runs, which Pillow decodes in Python


class Rationed(io.BytesIO):
    """A file that ends in a PhotoError where a decoder reads it in crumbs, or again and again."""

    def __init__(self, data: bytes):
        super().__init__(data)
        self._reads_left = 200_000 + len(data) // 256
        self._bytes_left = 6 * len(data) + 1_000_000

    def read(self, size: int | None = -1) -> bytes:
        """Return what BytesIO would."""
        data = super().read(size)
        self._reads_left -= 1
        self._bytes_left -= len(data)
        if self._reads_left < 0 or self._bytes_left < 0:
            raise too_costly("photo", "is cut into too many pieces")
        return data


def check(data: bytes, max_pixels: int) -> None:
    """Raise PhotoError, with a sentence, for a file whose headers ask for more work than any photo needs."""
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data, max_pixels)
    elif data.startswith(b"\x89PNG"):
        if sum(data.count(kind) for kind in (b"zTXt", b"iTXt", b"iCCP")) > MAX_COMPRESSED_TEXTS:
            raise too_costly("PNG", f"has more than {MAX_COMPRESSED_TEXTS} compressed texts")
    elif data.startswith(b"GIF8"):
        _check_gif(data)
    elif data[:4] in (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"):  # all that Pillow takes
        check_tiff(data)
    elif data.startswith(b"BM") and len(data) >= 34:
        _check_bmp(data)
    elif data[8:16] == b"WEBPVP8X":
        check_size([int.from_bytes(data[at:at + 3], "little") + 1 for at in (24, 27)], max_pixels)
    elif data[4:8] == b"ftyp":
        check_hidden_exif(data)


_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # the others stand alone, or are none
FRAMES, TABLES, SCAN, END = range(0xC0, 0xD0), (0xC4, 0xC8, 0xCC), 0xDA, 0xD9
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and payload of a JPEG's segments up to its end, as libjpeg finds them."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if not found or (marker := data[found.end() - 1]) == END:
            return
        at = found.end()
        if marker != 0xD8:
            length = max(2, int.from_bytes(data[at:at + 2], "big"))
            yield marker, data[at + 2:at + length]
            at += length
    raise too_costly("JPEG", f"is cut into more than {MAX_SEGMENTS} pieces")


def _check_jpeg(data: bytes, max_pixels: int) -> None:
    exif, photoshop, work, frame, passes = [], 0, 0, b"", False
    for marker, payload in _segments(data):
        if marker == SCAN:
            if not passes and payload[:1] == frame[5:6]:
                break  # all that it has in one scan, which is decoded as it is read
            passes, work, pixels = True, work + _work(payload), _pixels(frame)
            if work * pixels > MAX_SCANNED:
                raise too_costly("JPEG", "is built of too many scans")
            if pixels > max_pixels and _coefficients(frame) > MAX_COEFFICIENTS * max_pixels:
                raise PhotoError(f"This JPEG is progressive and has {pixels / 1e6:.0f} megapixels, which takes too "
                                 "much memory to open. Send a smaller one.")
        elif marker in FRAMES and marker not in TABLES:
            frame, passes = payload, marker in PROGRESSIVE
        elif marker == 0xE1 and payload.startswith(b"Exif\0\0"):
            exif.append(payload[6:])
        elif marker == 0xE2 and payload.startswith(b"MPF\0"):
            check_directory(payload[4:], "JPEG")
        elif marker == 0xED:
            photoshop += len(payload)
    if max(photoshop, sum(map(len, exif))) > MAX_METADATA:
        raise too_costly("JPEG", f"has more than {MAX_METADATA // 1_000_000} megabytes of metadata")
    check_exif(b"".join(exif))


def _pixels(frame: bytes) -> int:
    return int.from_bytes(frame[1:3], "big") * int.from_bytes(frame[3:5], "big")


def _coefficients(frame: bytes) -> float:
    """Return how many coefficients all scans of a JPEG fill, by its frame's header."""
    samplings = [(sampling >> 4) * (sampling & 15) for sampling in frame[7:6 + 3 * frame[5]:3]]
    return _pixels(frame) * sum(samplings) / max(1, *samplings)


def is_told_in_full(data: bytes) -> bool:
    """Return whether a JPEG that lacks its end has all its scans: one of all components, or every bit of every one.

    False for one of so many scans that it would take too long to decode it again.
    """
    exact: set[tuple[int, int]] = set()  # component, coefficient
    frame, progressive, work = b"", False, 0
    for marker, payload in _segments(data):
        if marker in FRAMES and marker not in TABLES:
            frame, progressive = payload, marker in PROGRESSIVE
        elif marker == SCAN and payload and frame and not progressive:
            return payload[0] == frame[5]
        elif marker == SCAN and len(payload) >= 4 + 2 * payload[0]:
            work += _work(payload)
            first, last, bits = payload[1 + 2 * payload[0]:4 + 2 * payload[0]]
            if not bits & 15:
                exact.update(product(payload[1:1 + 2 * payload[0]:2], range(first, min(63, last) + 1)))
    if work * _pixels(frame) > MAX_SCANNED / 2:
        return False
    return bool(frame) and len(exact) >= 64 * frame[5]


def _work(scan: bytes) -> int:
    """Return how long a pass over all of a JPEG takes at least, for a scan's header: 1 for one component.

    Where coefficients are refined, all of them are looked at, even where nothing changes.
    """
    components = scan[0] if scan else 1
    first, _, approximation = scan[1 + 2 * components:4 + 2 * components].ljust(3, b"\0")
    return components * (4 if first and approximation >> 4 else 1)


def _check_gif(data: bytes) -> None:
    """Walk to the first frame as Pillow does."""
    at = 13 + (3 << (data[10] & 7) + 1 if len(data) > 13 and data[10] & 128 else 0)
    blocks = comment = 0
    while at < len(data) and data[at:at + 1] not in (b",", b";"):
        extension, label = data[at:at + 1] == b"!", data[at + 1:at + 2]
        at += 2 if extension else 1
        while extension and at < len(data):
            size = data[at]
            at += size + 1
            blocks += 1
            comment += size * (label == b"\xfe")
            if not size or blocks > MAX_BLOCKS:
                break
        blocks += 1
        if blocks > MAX_BLOCKS or comment > MAX_COMMENT:
            raise too_costly("GIF", "has too much before its first frame")


def _check_bmp(data: bytes) -> None:
    header, width, height = struct.unpack_from("<Iii", data, 14)
    if header >= 40 and data[30] in (1, 2) and abs(width * height) > MAX_RUN_PIXELS:
        raise too_costly("BMP", f"is run-length encoded and has more than {MAX_RUN_PIXELS // 1_000_000} megapixels")
