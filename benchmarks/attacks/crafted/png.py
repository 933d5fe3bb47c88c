"""PNG files with too many pixels, too much text, too many chunks, or damage."""

import random
import struct
import zlib
from collections.abc import Callable

from .basics import SIDE, zeros
from .exif import EXIF, exif, greedy_directory


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int,
    height: int,
    colour: int = 2,
    bits: int = 8,
    before: bytes = b"",
    after: bytes = b"",
    data: bytes | None = None,
    interlaced: int = 0,
) -> bytes:
    """Return a PNG of zeros; colour: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA. before, after: more chunks."""
    row = (width * bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8 + 1
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    # of an interlaced picture a little too much data, which decoders leave
    data = zeros(row * height + (row * height // 8 + 8 * height if interlaced else 0)) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", data) + after + chunk(b"IEND", b"")


def png_with_tiny_data_chunks(n: int) -> bytes:
    noise = zlib.compress(random.Random(0).randbytes(n), 0)
    row = struct.pack(">IIBBBBB", 3000, n // 9001 or 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", row)
        + b"".join(chunk(b"IDAT", noise[i : i + 1]) for i in range(n))
        + chunk(b"IEND", b"")
    )


def text_bomb(kind: bytes, n: int, whole: bool = True) -> bytes:
    """Return a compressed text or colour profile of n bytes; whole: or one that ends in an error."""
    head = {b"zTXt": b"key\0\0", b"iTXt": b"key\0\1\0\0\0", b"iCCP": b"key\0\0"}[kind]
    data = zeros(n)
    return chunk(kind, head + (data if whole else data[:-4] + b"\1\2\3\4"))


PNGS: dict[str, Callable[[], bytes]] = {
    "declared-gigapixels": lambda: png(2**31 - 1, 2**31 - 1, data=zeros(10)),
    "declared-60000-square": lambda: png(60_000, 60_000, data=zeros(10)),
    "declared-12000-square": lambda: png(12_000, 12_000, data=zeros(10)),
    "declared-one-row-of-4-gigapixels": lambda: png(2**31 - 1, 2, data=zeros(10)),
    "zero-size": lambda: png(0, 0, data=zeros(10)),
    "100-megapixels-rgb": lambda: png(SIDE, SIDE),
    "100-megapixels-rgba": lambda: png(SIDE, SIDE, colour=6),
    "100-megapixels-grey-alpha-16-bit": lambda: png(SIDE, SIDE, colour=4, bits=16),
    "100-megapixels-grey-16-bit": lambda: png(SIDE, SIDE, colour=0, bits=16),
    "100-megapixels-1-bit": lambda: png(SIDE, SIDE, colour=0, bits=1),
    "100-megapixels-interlaced": lambda: png(SIDE, SIDE, colour=6, interlaced=1),
    "100-megapixels-palette-transparent": lambda: png(
        SIDE, SIDE, colour=3, before=chunk(b"PLTE", bytes(768)) + chunk(b"tRNS", bytes(range(256)))
    ),
    "24-megapixels-rgba": lambda: png(6000, 4000, colour=6),
    "24-megapixels-interlaced": lambda: png(6000, 4000, interlaced=1),
    "one-row-of-65000": lambda: png(65_000, 1),
    "one-column-of-65000": lambda: png(1, 65_000),
    "one-row-of-50-million": lambda: png(50_000_000, 1),
    "one-column-of-20-million": lambda: png(1, 20_000_000),
    "inflates-to-more-than-it-has-rows": lambda: png(64, 48, data=zeros(1_000_000_000)),
    "ztxt-bomb": lambda: png(64, 48, before=text_bomb(b"zTXt", 500_000_000)),
    "itxt-bomb": lambda: png(64, 48, before=text_bomb(b"iTXt", 500_000_000)),
    "iccp-bomb": lambda: png(64, 48, before=text_bomb(b"iCCP", 500_000_000)),
    "ztxt-bomb-after-the-data": lambda: png(64, 48, after=text_bomb(b"zTXt", 500_000_000)),
    "5000-ztxt-that-end-in-an-error": lambda: png(64, 48, before=text_bomb(b"zTXt", 1_000_000, False) * 5000),
    "5000-colour-profiles": lambda: png(64, 48, before=text_bomb(b"iCCP", 1_000_000) * 5000),
    "text-of-100-megabytes": lambda: png(64, 48, before=chunk(b"tEXt", b"key\0" + bytes(1_000_000)) * 100),
    "a-million-empty-chunks": lambda: png(64, 48, before=chunk(b"teSt", b"") * 1_000_000),
    "a-million-chunks-after-the-data": lambda: png(64, 48, after=chunk(b"teSt", b"") * 1_000_000),
    "a-million-data-chunks": lambda: png_with_tiny_data_chunks(1_000_000),
    "chunk-that-says-it-has-4-gigabytes": lambda: png(64, 48, before=b"\xff\xff\xff\xfftEXtkey\0"),
    "chunk-names-a-method": lambda: png(64, 48, before=chunk(b"crc_", b"")),
    "animation-of-4-billion-frames": lambda: png(64, 48, before=chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "animation-frame-outside": lambda: png(
        64,
        48,
        before=chunk(b"acTL", struct.pack(">II", 2, 0))
        + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 9999, 9999, 9999, 9999, 0, 0, 0, 0)),
    ),
    "animation-frames-without-end": lambda: png(
        64,
        48,
        after=b"".join(chunk(b"fcTL", struct.pack(">IIIIIHHBB", i, 64, 48, 0, 0, 0, 0, 0, 0)) for i in range(30_000)),
        before=chunk(b"acTL", struct.pack(">II", 30_000, 0)),
    ),
    "itxt-of-2-megabytes": lambda: png(
        64, 48, before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"x" * 2_000_000)
    ),
    "1000-side-chunks": lambda: png(64, 48, before=chunk(b"tIME", bytes(7)) * 1000),
    "200-orientations": lambda: png(64, 48, before=chunk(b"eXIf", exif()) * 200),
    "wrong-check-sums": lambda: png(
        64,
        48,
        before=b"".join(
            chunk(kind, bytes(20))[:-1] + b"?"
            for kind in (b"pHYs", b"gAMA", b"cHRM", b"iCCP", b"eXIf", b"tRNS", b"tEXt")
        ),
    ),
    "palette-of-a-megabyte": lambda: png(64, 48, colour=3, before=chunk(b"PLTE", bytes(1_000_000))),
    "palette-missing": lambda: png(64, 48, colour=3),
    "transparency-too-short": lambda: png(64, 48, before=chunk(b"tRNS", b"\0")),
    "exif-of-quadratic-size": lambda: png(64, 48, before=chunk(b"eXIf", greedy_directory(3_000_000))),
    "exif-of-10-megabytes": lambda: png(64, 48, before=chunk(b"eXIf", bytes(10_000_000))),
    "exif-in-text-of-quadratic-size": lambda: png(
        64, 48, before=chunk(b"tEXt", b"Raw profile type exif\0\n\n\n" + greedy_directory(3_000_000).hex().encode())
    ),
    "exif-that-begins-again-and-again": lambda: png(64, 48, before=chunk(b"eXIf", EXIF * 500_000)),
    "data-of-no-deflate": lambda: png(64, 48, data=random.Random(0).randbytes(5000)),
}
