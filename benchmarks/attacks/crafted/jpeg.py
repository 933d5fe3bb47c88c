"""JPEG files with too many pixels, scans or segments, and with EXIF, profiles or lists of pictures that are wrong."""

import struct
from collections.abc import Callable

from .basics import SIDE
from .exif import EXIF, circular_exif, directory, exif, greedy_directory


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


TABLES = segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC4, b"\0\1" + bytes(16)) + segment(0xC4, b"\x10\1" + bytes(16))
"""every code is one bit: 0 is a block without a change and its end"""


def frame(kind: int, width: int, height: int, components: int = 1, bits: int = 8, sampling: int = 0x11) -> bytes:
    return segment(
        kind,
        struct.pack(">BHHB", bits, height, width, components)
        + b"".join(bytes((i + 1, sampling if i == 0 else 0x11, 0)) for i in range(components)),
    )


def scan(components: int = 1, first: int = 0, last: int = 63, approximation: int = 0) -> bytes:
    return segment(
        0xDA,
        bytes((components,))
        + b"".join(bytes((i + 1, 0)) for i in range(components))
        + bytes((first, last, approximation)),
    )


def jpeg(
    width: int,
    height: int,
    components: int = 1,
    kind: int = 0xC0,
    before: bytes = b"",
    bits: int = 8,
    sampling: int = 0x11,
    data: bytes | None = None,
) -> bytes:
    """Return a grey JPEG of one colour. kind: 0xC0 baseline, 0xC2 progressive, 0xC9 arithmetic. before: segments."""
    data = bytes(width * height * components // 256 + 100) if data is None else data
    return (
        b"\xff\xd8"
        + before
        + TABLES
        + frame(kind, width, height, components, bits, sampling)
        + scan(components)
        + data
        + b"\xff\xd9"
    )


def progressive(
    width: int, height: int, scans: int, components: int = 1, between: bytes = b"", approximation: int = 0
) -> bytes:
    """Return a progressive JPEG of so many scans, each of which changes nothing and costs a pass over all of it.

    approximation: 0x10 for scans that refine, which look at every coefficient.
    """
    runs = segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")  # the one code: 16384 blocks or more without a change
    blocks = (width // 8 + 1) * (height // 8 + 1)
    again = scan(1, 1, 63, approximation) + bytes(blocks // 16384 * 2 + 4)
    return (
        b"\xff\xd8"
        + TABLES
        + frame(0xC2, width, height, components)
        + scan(components, 0, 0)
        + bytes(blocks * components // 8 + 8)
        + runs
        + (between + again) * scans
        + b"\xff\xd9"
    )


def sequential(width: int, height: int, scans: int) -> bytes:
    """Return a baseline JPEG whose one of three components is sent again and again."""
    again = scan(1) + bytes(width * height // 256 + 100)
    return b"\xff\xd8" + TABLES + frame(0xC0, width, height, 3) + again * scans + b"\xff\xd9"


def many_pictures(n: int, offset: int) -> bytes:
    """Return the segment by which a JPEG says that n pictures are in it."""
    entries = b"".join(struct.pack("<IIIHH", 0, 100, offset, 0, 0) for _ in range(n))
    body = (
        b"II*\0"
        + struct.pack("<I", 8)
        + directory([(0xB000, 7, 4, 0x30303130), (0xB001, 4, 1, n), (0xB002, 7, 16 * n, 50)])
    )
    return segment(0xE2, b"MPF\0" + body + entries)


def photoshop_blocks(n: int) -> bytes:
    return segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5400) * n


JPEGS: dict[str, Callable[[], bytes]] = {
    "declared-65500-square": lambda: jpeg(65_500, 65_500, data=b""),
    "250-megapixels": lambda: jpeg(20_000, 12_500, 3),
    "250-megapixels-cmyk": lambda: jpeg(20_000, 12_500, 4),
    "250-megapixels-turned": lambda: jpeg(20_000, 12_500, 3, before=segment(0xE1, EXIF + exif())),
    "250-megapixels-arithmetic": lambda: jpeg(20_000, 12_500, kind=0xC9),
    "250-megapixels-cut-off": lambda: jpeg(20_000, 12_500, 3, data=bytes(10)),
    "250-megapixels-without-end": lambda: jpeg(20_000, 12_500, 3)[:-2],
    "200-megapixels-progressive": lambda: progressive(20_000, 10_000, 5, 3),
    "250-megapixels-progressive-grey": lambda: progressive(20_000, 12_500, 9),
    "251-megapixels": lambda: jpeg(20_000, 12_550, 3, data=b""),
    "declared-65500-square-progressive": lambda: jpeg(65_500, 65_500, kind=0xC2, data=b""),
    "100-megapixels": lambda: jpeg(SIDE, SIDE, 3),
    "100-megapixels-cmyk": lambda: jpeg(SIDE, SIDE, 4),
    "100-megapixels-progressive": lambda: progressive(SIDE, SIDE, 9, 3),
    "100-megapixels-cut-off": lambda: jpeg(SIDE, SIDE, 3, data=bytes(10)),
    "100-megapixels-turned": lambda: jpeg(SIDE, SIDE, 3, before=segment(0xE1, EXIF + exif())),
    "24-megapixels-of-500-scans": lambda: progressive(6000, 4000, 500, 3),
    "24-megapixels-of-50-refining-scans": lambda: progressive(6000, 4000, 50, 3, approximation=0x10),
    "100-megapixels-of-11-refining-scans": lambda: progressive(SIDE, SIDE, 11, 3, approximation=0x10),
    "100-megapixels-of-11-refining-scans-without-end": lambda: progressive(SIDE, SIDE, 11, 3, approximation=0x10)[:-2],
    "24-megapixels-of-200-scans": lambda: progressive(6000, 4000, 200, 3),
    "2000-refining-scans": lambda: progressive(6000, 4000, 2000, 3, approximation=0x10),
    "20000-scans": lambda: progressive(3000, 3000, 20_000, 3),
    "20000-scans-behind-a-false-end": lambda: progressive(3000, 3000, 20_000, 3, segment(0xFE, b"\xff\xd9")),
    "100000-scans-of-a-small-picture": lambda: progressive(64, 48, 100_000),
    "2000-scans-of-one-component": lambda: sequential(2000, 2000, 2000),
    "one-row-of-65000": lambda: jpeg(65_000, 1),
    "one-column-of-65000": lambda: jpeg(1, 65_000),
    "arithmetic": lambda: jpeg(2000, 2000, kind=0xC9),
    "100-megapixels-arithmetic": lambda: jpeg(SIDE, SIDE, kind=0xC9),
    "lossless": lambda: jpeg(640, 480, kind=0xC3),
    "12-bit": lambda: jpeg(640, 480, kind=0xC1, bits=12),
    "odd-sampling": lambda: jpeg(640, 480, 3, sampling=0x43),
    "sampling-of-zero": lambda: jpeg(640, 480, 3, sampling=0),
    "2-components": lambda: jpeg(640, 480, 2),
    "200-components": lambda: jpeg(640, 480, 200),
    "two-sizes": lambda: jpeg(64, 48, before=frame(0xC0, 60_000, 60_000)),
    "no-tables": lambda: b"\xff\xd8" + frame(0xC0, 640, 480) + scan() + bytes(500) + b"\xff\xd9",
    "10-megabytes-of-padding": lambda: b"\xff\xd8" + b"\xff" * 10_000_000 + jpeg(64, 48)[2:],
    "10-megabytes-of-junk": lambda: b"\xff\xd8\xff\xfe\0\2" + bytes(10_000_000) + jpeg(64, 48)[2:],
    "2-million-empty-segments": lambda: jpeg(64, 48, before=segment(0xFE, b"") * 2_000_000),
    "restart-markers-without-end": lambda: jpeg(64, 48, before=segment(0xDD, b"\0\1"), data=b"\xff\xd0" * 3_000_000),
    "exif-of-quadratic-size": lambda: jpeg(
        64,
        48,
        before=b"".join(
            segment(0xE1, EXIF + greedy_directory(2_000_000)[i : i + 65_000]) for i in range(0, 2_000_000, 65_000)
        ),
    ),
    "exif-of-one-greedy-segment": lambda: jpeg(64, 48, before=segment(0xE1, EXIF + greedy_directory(65_000))),
    "exif-of-60-megabytes": lambda: jpeg(64, 48, before=segment(0xE1, EXIF + bytes(65_000)) * 900),
    "exif-that-begins-again-and-again": lambda: jpeg(64, 48, before=segment(0xE1, EXIF * 10_000) * 50),
    "exif-in-circles": lambda: jpeg(64, 48, before=segment(0xE1, EXIF + circular_exif())),
    "exif-orientation-as-text": lambda: jpeg(64, 48, before=segment(0xE1, EXIF + exif(2))),
    "exif-orientation-of-thousands": lambda: jpeg(
        64, 48, before=segment(0xE1, EXIF + exif(3, 30_000, 8).ljust(64_000, b"\6"))
    ),
    "colour-profile-of-16-megabytes": lambda: jpeg(
        64, 48, before=b"".join(segment(0xE2, b"ICC_PROFILE\0" + bytes((i, 255)) + bytes(65_000)) for i in range(255))
    ),
    "photoshop-blocks-of-50-megabytes": lambda: jpeg(64, 48, before=photoshop_blocks(770)),
    "pictures-at-lying-places": lambda: jpeg(64, 48, before=many_pictures(50, 2**32 - 1)),
    "4000-pictures-inside": lambda: jpeg(64, 48, before=many_pictures(4000, 10)),
    "greedy-list-of-pictures": lambda: jpeg(64, 48, before=segment(0xE2, b"MPF\0" + greedy_directory(65_000))),
}
