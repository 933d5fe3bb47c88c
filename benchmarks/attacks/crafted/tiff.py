"""TIFF files whose sizes, strips, tiles, compression or directories are not what they say."""

import random
import struct
from collections.abc import Callable

from .basics import FLOATS, SIDE, encoded, picture, zeros
from .exif import directory, greedy_directory
from .jpeg import jpeg, progressive

TIFF_MORE = 400
GREY = {262: (3, 1, 1), 277: (3, 1, 1)}
JPEG_IN_TIFF = {259: (3, 1, 7), 262: (3, 1, 6)}


def tiff(
    width: int, height: int, data: bytes = b"", tags: dict | None = None, more: bytes = b"", following: int = 0
) -> bytes:
    """Return an RGB TIFF of one strip, uncompressed unless `tags`, {tag: (type, count, value)}, says other things.

    more: what lies behind the directory, from `TIFF_MORE` on; the strip's data come after it.
    """
    base = {
        256: (4, 1, width),
        257: (4, 1, height),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 2),
        273: (4, 1, TIFF_MORE + len(more)),
        277: (3, 1, 3),
        278: (4, 1, height),
        279: (4, 1, len(data)),
    }
    entries = [(tag, *entry) for tag, entry in {**base, **(tags or {})}.items() if entry]
    head = b"II*\0" + struct.pack("<I", 8) + directory(entries, following=following)
    return head.ljust(TIFF_MORE, b"\0") + more + data


def chain_of_directories(n: int) -> bytes:
    """Return a TIFF of n directories, each 2 + 9 * 12 + 4 bytes, that name the next; the last names the first."""
    base = tiff(8, 8, bytes(192))[8 : 8 + 114]
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + b"".join(base[:-4] + struct.pack("<I", 8 + 114 * ((i + 1) % n)) for i in range(n))
        + bytes(1000)
    )


def big_tiff() -> bytes:
    """Return a BigTIFF whose one tag has 2**61 values."""
    return b"II+\0\x08\0\0\0" + struct.pack("<QQHHQQQ", 16, 1, 273, 16, 2**61, 16, 0)


TIFFS: dict[str, Callable[[], bytes]] = {
    "declared-gigapixels": lambda: tiff(2**31, 2**31),
    "declared-60000-square": lambda: tiff(60_000, 60_000),
    "negative-size": lambda: tiff(64, 48, bytes(9216), {256: (9, 1, 2**32 - 64), 257: (9, 1, 2**32 - 48)}),
    "size-of-two-numbers": lambda: tiff(64, 48, bytes(9216), {256: (3, 2, 64 << 16 | 64)}),
    "size-as-text": lambda: tiff(64, 48, bytes(9216), {256: (2, 4, 0x34363436)}),
    "directory-names-itself": lambda: tiff(64, 48, bytes(9216), following=8),
    "20000-directories-in-a-circle": lambda: chain_of_directories(20_000),
    "circular-sub-directories": lambda: tiff(
        64, 48, bytes(9216), {34665: (4, 1, 8), 34853: (4, 1, 8), 330: (4, 1, 8), 40965: (4, 1, 8)}
    ),
    "directory-of-quadratic-size": lambda: greedy_directory(3_000_000),
    "directory-in-the-last-byte": lambda: b"II*\0" + struct.pack("<I", 9) + b"\xff\xff",
    "big-tiff-of-2-to-the-61-values": big_tiff,
    "3-million-strips": lambda: tiff(
        64,
        48,
        tags={273: (4, 3_000_000, TIFF_MORE), 279: (4, 3_000_000, TIFF_MORE), 278: (4, 1, 1)},
        more=bytes(12_000_000),
    ),
    "100-megapixels-in-single-rows-of-one-strip": lambda: tiff(
        SIDE,
        SIDE,
        bytes(SIDE * 3),
        tags={273: (4, SIDE, TIFF_MORE), 279: (4, SIDE, TIFF_MORE), 278: (4, 1, 1)},
        more=struct.pack("<I", TIFF_MORE + 4 * SIDE) * SIDE,
    ),
    "3-million-bits-per-sample": lambda: tiff(
        64, 48, tags={258: (3, 3_000_000, TIFF_MORE)}, more=b"\x08\0" * 3_000_000
    ),
    "12-million-sample-formats": lambda: tiff(
        64, 48, tags={339: (3, 12_000_000, TIFF_MORE)}, more=random.Random(0).randbytes(24_000_000)
    ),
    "sub-directory-of-millions-of-fractions": lambda: tiff(
        64,
        48,
        bytes(9216),
        {34665: (4, 1, TIFF_MORE)},
        more=(directory([(37380, 5, 3_000_000, TIFF_MORE)]).ljust(24_000_000, b"\1")),
    ),
    "60000-samples-a-pixel": lambda: tiff(64, 48, bytes(9216), {277: (3, 1, 60_000)}),
    "wrong-strip-sizes": lambda: tiff(64, 48, bytes(9216), {279: (4, 1, 2**32 - 1)}),
    "strip-behind-the-end": lambda: tiff(64, 48, bytes(9216), {273: (4, 1, 2**32 - 1)}),
    "rows-per-strip-zero": lambda: tiff(64, 48, bytes(9216), {278: (4, 1, 0)}),
    "tile-of-4-gigapixels": lambda: tiff(
        64,
        48,
        bytes(9216),
        {
            322: (4, 1, 65_520),
            323: (4, 1, 65_520),
            273: None,
            278: None,
            279: None,
            324: (4, 1, TIFF_MORE),
            325: (4, 1, 9216),
        },
    ),
    "deflated-tile-of-500-megapixels": lambda: tiff(
        64,
        48,
        zeros(1_500_000_000),
        {
            259: (3, 1, 8),
            322: (4, 1, 25_008),
            323: (4, 1, 20_000),
            273: None,
            278: None,
            279: None,
            324: (4, 1, TIFF_MORE),
            325: (4, 1, len(zeros(1_500_000_000))),
        },
    ),
    "tile-of-width-zero": lambda: tiff(
        64,
        48,
        bytes(9216),
        {322: (4, 1, 0), 323: (4, 1, 16), 273: None, 278: None, 324: (4, 1, TIFF_MORE), 325: (4, 1, 9216)},
    ),
    "tiles-wider-than-memory-uncompressed": lambda: tiff(
        64,
        48,
        bytes(9216),
        {322: (4, 1, 2**31 - 16), 323: (4, 1, 16), 273: None, 278: None, 324: (4, 1, TIFF_MORE), 325: (4, 1, 9216)},
    ),
    "100-megapixels-deflated": lambda: tiff(SIDE, SIDE, zeros(3 * SIDE * SIDE), {259: (3, 1, 8)}),
    "100-megapixels-of-floats": lambda: tiff(
        SIDE, SIDE, zeros(4 * SIDE * SIDE), {**GREY, 259: (3, 1, 8), 258: (3, 1, 32), 339: (3, 1, 3)}
    ),
    "100-megapixels-of-32-bit": lambda: tiff(
        SIDE, SIDE, zeros(4 * SIDE * SIDE), {**GREY, 259: (3, 1, 8), 258: (3, 1, 32)}
    ),
    "100-megapixels-of-lab": lambda: tiff(SIDE, SIDE, zeros(3 * SIDE * SIDE), {259: (3, 1, 8), 262: (3, 1, 8)}),
    "100-megapixels-turned": lambda: tiff(SIDE, SIDE, zeros(3 * SIDE * SIDE), {259: (3, 1, 8), 274: (3, 1, 6)}),
    "deflate-bomb": lambda: tiff(64, 48, zeros(1_000_000_000), {259: (3, 1, 8)}),
    "one-row-of-25-million": lambda: tiff(25_000_000, 1, bytes(75_000_000)),
    "one-tile-wider-than-the-picture": lambda: tiff(
        64,
        48,
        bytes(60_000_000),
        {322: (4, 1, 24_000_000), 323: (4, 1, 1), 273: None, 278: None, 324: (4, 1, TIFF_MORE)},
    ),
    "lzw-bomb": lambda: tiff(SIDE, SIDE, b"\x80" + bytes(2_000_000), {259: (3, 1, 5)}),
    "packbits-bomb": lambda: tiff(SIDE, SIDE, b"\x81\0" * 2_300_000, {259: (3, 1, 32773)}),
    "fax-to-libtiff-alone": lambda: tiff(64, 48, bytes(9216), {259: (3, 2, 4)}),
    "fax-of-other-peoples-memory": lambda: tiff(64, 48, b"\x5a" * 40, {**GREY, 259: (3, 1, 4), 258: (3, 1, 1)}),
    "fax-of-nothing": lambda: tiff(SIDE, SIDE, bytes(2_000_000), {**GREY, 259: (3, 1, 4), 258: (3, 1, 1)}),
    "jpeg-inside": lambda: tiff(64, 48, encoded(picture(), "JPEG"), JPEG_IN_TIFF),
    "jpeg-inside-of-another-size": lambda: tiff(64, 48, jpeg(60_000, 60_000), JPEG_IN_TIFF),
    "jpeg-inside-of-thousands-of-scans": lambda: tiff(
        4000, 4000, progressive(4000, 4000, 5000), {**GREY, 259: (3, 1, 7)}
    ),
    "old-jpeg-inside": lambda: tiff(
        64,
        48,
        encoded(picture(), "JPEG"),
        {259: (3, 1, 6), 262: (3, 1, 6), 513: (4, 1, TIFF_MORE), 514: (4, 1, 2**32 - 1)},
    ),
    "floats-of-no-number": lambda: tiff(64, 48, FLOATS, {**GREY, 258: (3, 1, 32), 339: (3, 1, 3)}),
    "32-bit-extremes": lambda: tiff(
        64, 48, struct.pack("<2I", 2**31, 2**32 - 1) * 1536, {**GREY, 258: (3, 1, 32), 339: (3, 1, 2)}
    ),
    "palette-too-short": lambda: tiff(
        64, 48, bytes(3072), {277: (3, 1, 1), 262: (3, 1, 3), 320: (3, 3, TIFF_MORE)}, more=bytes(8)
    ),
    "orientation-as-a-fraction": lambda: tiff(64, 48, bytes(9216), {274: (5, 1, TIFF_MORE)}, more=bytes(8)),
    "orientation-of-a-million-numbers": lambda: tiff(
        64, 48, bytes(9216), {274: (3, 1_000_000, TIFF_MORE)}, more=bytes(2_000_000)
    ),
    "colour-profile-of-20-megabytes": lambda: tiff(
        64, 48, bytes(9216), {34675: (7, 20_000_000, TIFF_MORE)}, more=bytes(20_000_000)
    ),
    "layers-apart": lambda: tiff(64, 48, bytes(9216), {284: (3, 1, 2)}),
}
