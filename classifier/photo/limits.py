"""Limit the work of decoding a photo by its headers, before a decoder reads them.

    check_headers(data, max_pixels)
    image = Image.open(LimitedReader(data))

A file of some kilobytes can make a decoder pass over 100 megapixels 20,000 times. `check_headers` finds what is costly
within one call of a decoder; `LimitedReader` stops a decoder that reads a file in many small pieces. The limits lie far
above what cameras and editors write, where decoding takes a second or two.
"""

import io
import struct

from .errors import check_size, too_costly
from .jpeg import check_jpeg
from .tiff import check_hidden_exif, check_tiff

MAX_COMPRESSED_TEXTS = 256  # of a PNG: each may inflate to a megabyte
MAX_BLOCKS = 100_000  # of a GIF, before its first frame
MAX_COMMENT = 500_000  # bytes of a GIF's: Pillow's time for them grows with their square
MAX_RUN_PIXELS = 10_000_000  # of a BMP of runs, which Pillow decodes in Python


class LimitedReader(io.BytesIO):
    """A file in memory that raises PhotoError when it is read in too many pieces, or too many times."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads_left = 200_000 + len(data) // 256
        self._bytes_left = 6 * len(data) + 1_000_000

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes, as BytesIO does."""
        data = super().read(size)
        self._reads_left -= 1
        self._bytes_left -= len(data)
        if self._reads_left < 0 or self._bytes_left < 0:
            raise too_costly("photo", "is cut into too many pieces")
        return data


def check_headers(data: bytes, max_pixels: int) -> None:
    """Raise PhotoError, with a sentence, for a file whose headers ask for more work than any photo needs."""
    if data.startswith(b"\xff\xd8"):
        check_jpeg(data, max_pixels)
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
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        check_size((width, height), max_pixels)
    elif data[4:8] == b"ftyp":
        check_hidden_exif(data)


def _check_gif(data: bytes) -> None:
    """Raise PhotoError for a GIF with too many blocks before its first frame, which Pillow reads one by one."""
    at = 13 + (3 << (data[10] & 7) + 1 if len(data) > 13 and data[10] & 128 else 0)
    blocks = comment = 0
    while at < len(data) and data[at : at + 1] not in (b",", b";"):
        extension, label = data[at : at + 1] == b"!", data[at + 1 : at + 2]
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
    """Raise PhotoError for a large BMP that is run-length encoded."""
    header, width, height = struct.unpack_from("<Iii", data, 14)
    if header >= 40 and data[30] in (1, 2) and abs(width * height) > MAX_RUN_PIXELS:
        raise too_costly("BMP", f"is run-length encoded and has more than {MAX_RUN_PIXELS // 1_000_000} megapixels")
