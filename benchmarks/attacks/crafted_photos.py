"""Files made to hurt whoever opens photos: one idea each, written byte by byte, small where that is the point.

    for name, data in crafted(): ...

A name is kind/idea. Nothing is made before it is asked for, and nothing is kept. `benchmarks.hostile_photos` runs them.
"""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import product

import pillow_heif
from PIL import Image

from classifier.photo.color_profiles import PRIMARIES, SRGB_CURVE, matrix_profile

pillow_heif.register_heif_opener()

SIDE = 9_999  # 100 megapixels, less a little
EXIF = b"Exif\0\0"


def picture(size: tuple[int, int] = (64, 48), mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Return a small picture with something in it; size is width, height."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (8, 6), random.Random(seed).randbytes(48 * bands)).resize(size)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def zeros(n: int) -> bytes:
    """Return what inflates to n zero bytes, made from one block repeated: a bomb that takes no time to make."""
    million = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = million.compress(bytes(1_000_000)) + million.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, zlib.DEFLATED, -15)
    last = rest.compress(bytes(n % 1_000_000)) + rest.flush()
    return b"\x78\xda" + block * (n // 1_000_000) + last + struct.pack(">I", (n % 65521) << 16 | 1)


# colour profiles


def profile(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"Lab ", kind: bytes = b"prtr") -> bytes:
    """Return an ICC profile of any tags. space: RGB, GRAY or CMYK in four bytes. pcs: what it leads to."""
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", at + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    return (
        (
            struct.pack(">I4xI4s4s4s12x4s28x", at + len(body), 0x02400000, kind, space, pcs, b"acsp")
            + struct.pack(">3i", 63190, 65536, 54061)
        ).ljust(128, b"\0")
        + table
        + body
    )


def lut(inputs: int, points: int, table: bytes) -> bytes:
    """Return a table of colours with curves that change nothing, as such a tag has it; its colours are 3 bytes each."""
    curve = bytes(range(256))
    return (
        b"mft1\0\0\0\0"
        + bytes((inputs, 3, points, 0))
        + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
        + curve * inputs
        + table
        + curve * 3
    )


def printer(points: int = 2, space: bytes = b"CMYK") -> bytes:
    """Return a profile of a printer whose four inks take light away one after the other."""
    inputs = {b"CMYK": 4, b"RGB ": 3}[space]
    return profile(
        space,
        {
            b"A2B0": lut(
                inputs,
                points,
                b"".join(
                    bytes((255 * sum(node) // (inputs * (points - 1)) ^ (255 if inputs == 4 else 0), 128, 128))
                    for node in product(range(points), repeat=inputs)
                ),
            )
        },
    )


def pipeline(points: bytes, inputs: int = 3) -> bytes:
    """Return a table of colours of the newer kind that promises so many points each way and has none."""
    return b"mAB \0\0\0\0" + struct.pack(">BBxx5I", inputs, 3, 0, 0, 0, 32, 0) + points.ljust(16, b"\0") + b"\2\0\0\0"


def curve(n: int, value: bytes = b"\0\1") -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">I", n) + value * min(n, 1_000_000)


def with_curve(tag: bytes) -> bytes:
    return matrix_profile(PRIMARIES[12], tag)


PROFILES: dict[str, Callable[[], bytes]] = {
    "table-of-a-gigabyte": lambda: profile(b"RGB ", {b"A2B0": lut(3, 255, b"")}),
    "table-of-15-inputs": lambda: profile(b"RGB ", {b"A2B0": lut(15, 9, b"")}),
    "table-of-4-gigabytes": lambda: profile(b"RGB ", {b"A2B0": pipeline(b"\xff" * 4, 4)}),
    "100-tables": lambda: profile(b"RGB ", {b"A2%02d" % i: pipeline(b"\x90" * 3) for i in range(100)}),
    "table-of-3-megabytes": lambda: printer(30),
    "table-of-one-point": lambda: profile(b"RGB ", {b"A2B0": lut(3, 1, bytes(3))}),
    "newest-pipeline": lambda: profile(b"RGB ", {b"D2B0": b"mpet" + bytes(1000)}),
    "2-billion-tags": lambda: profile(b"RGB ", {})[:128] + b"\x7f\xff\xff\xff" + bytes(5000),
    "tags-behind-the-end": lambda: matrix_profile(PRIMARIES[12])[:200].ljust(2000, b"\xff"),
    "curve-of-a-million": lambda: with_curve(curve(1_000_000)),
    "curve-of-4-billion": lambda: with_curve(curve(2**32 - 1, b"")),
    "curve-of-32767-that-falls": lambda: with_curve(curve(32_767, b"\xff\0")),
    "curve-of-extremes": lambda: with_curve(SRGB_CURVE[:12] + b"\x7f\xff\xff\xff\x80\0\0\0" * 3),
    "primaries-of-nothing": lambda: matrix_profile(((0, 0, 0),) * 3),
    "primaries-of-extremes": lambda: matrix_profile(((32767, -32768, 32767),) * 3),
    "link-of-devices": lambda: profile(b"RGB ", {b"A2B0": lut(3, 2, bytes(24))}, b"RGB ", b"link"),
    "names-of-colours": lambda: profile(b"RGB ", {b"ncl2": b"ncl2" + b"\xff" * 80}, kind=b"nmcl"),
    "only-its-header": lambda: profile(b"RGB ", {})[:128],
    "of-8-megabytes": lambda: matrix_profile(PRIMARIES[12]).ljust(8_000_000, b"\0"),
}


def coloured(data: bytes) -> bytes:
    """Return a JPEG with a colour profile, in the mode that it is for."""
    return encoded(picture(mode="CMYK" if data[16:20] == b"CMYK" else "RGB"), "JPEG", icc_profile=data)


# PNG


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


# TIFF and EXIF, which is a TIFF's directory


def directory(entries: list[tuple[int, int, int, int]], at: int = 8, following: int = 0) -> bytes:
    """Return a little-endian TIFF directory of (tag, type, count, value or offset)."""
    return (
        struct.pack("<H", len(entries))
        + b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
        + struct.pack("<I", following)
    )


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


TIFF_MORE = 400


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


FLOATS = struct.pack("<4f", float("inf"), float("-inf"), float("nan"), 1e38) * 768
GREY = {262: (3, 1, 1), 277: (3, 1, 1)}
JPEG_IN_TIFF = {259: (3, 1, 7), 262: (3, 1, 6)}

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


# JPEG


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


# GIF


def gif(
    width: int, height: int, before: bytes = b"", frame_at: tuple = (0, 0, 1, 1), data: bytes | None = None
) -> bytes:
    """Return a GIF of one frame (left, top, width, height) on a screen of any size. before: extension blocks."""
    data = b"\2\2\x4c\1\0" if data is None else data
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + b"\xff\0\0\0\0\xff"
        + before
        + b","
        + struct.pack("<HHHHB", *frame_at, 0)
        + data
        + b";"
    )


def gif_of_one_colour(width: int, height: int) -> bytes:
    return encoded(Image.new("P", (width, height)), "GIF", optimize=False)


def gif_frames(n: int) -> bytes:
    one = gif(64, 48)
    return one[:19] + one[19:-1] * n + b";"


GIFS: dict[str, Callable[[], bytes]] = {
    "declared-65535-square": lambda: gif(65_535, 65_535),
    "100-megapixels-of-screen-for-one-pixel": lambda: gif(SIDE, SIDE),
    "100-megapixels-transparent": lambda: gif(SIDE, SIDE, before=b"!\xf9\4\1\0\0\0\0"),
    "100-megapixels": lambda: gif_of_one_colour(SIDE, SIDE),
    "frame-larger-than-the-screen": lambda: gif(1, 1, frame_at=(0, 0, 65_535, 65_535)),
    "frame-that-disposes-gigapixels": lambda: gif(64, 48, before=b"!\xf9\4\x0c\0\0\0\0", frame_at=(0, 0, 65_535, 3000)),
    "100000-frames": lambda: gif_frames(100_000),
    "100000-extensions-before-the-first-frame": lambda: gif(64, 48, before=b"!\xf9\4\0\0\0\0\0" * 100_000),
    "3-million-blocks-in-one-extension": lambda: gif(64, 48, before=b"!\x01" + b"\1\0" * 3_000_000 + b"\0"),
    "comment-of-20-megabytes": lambda: gif(64, 48, before=b"!\xfe" + (b"\xff" + bytes(255)) * 80_000 + b"\0"),
    "100000-comments": lambda: gif(64, 48, before=(b"!\xfe\xff" + bytes(255) + b"\0") * 100_000),
    "5-megabytes-of-nothing": lambda: gif(64, 48, before=bytes(5_000_000)),
    "data-that-never-ends": lambda: gif(64, 48, frame_at=(0, 0, 64, 48), data=b"\2" + (b"\xff" + bytes(255)) * 40_000),
    "data-of-clear-codes": lambda: gif(
        64, 48, frame_at=(0, 0, 64, 48), data=(b"\2" + (b"\xff" + b"\x24\x49\x92" * 85) * 40_000 + b"\0")
    ),
    "code-size-of-255": lambda: gif(64, 48, frame_at=(0, 0, 64, 48), data=b"\xff\2\x4c\1\0"),
    "no-frame": lambda: gif(64, 48)[:19] + b";",
    "frame-of-no-size": lambda: gif(64, 48, frame_at=(0, 0, 0, 0)),
}


# WebP


def bits_to_bytes(*fields: tuple[int, int]) -> bytes:
    """Return (value, width) fields, lowest bit first."""
    number, at = 0, 0
    for value, width in fields:
        number, at = number | value << at, at + width
    return number.to_bytes((at + 7) // 8, "little")


def vp8l(width: int, height: int, alpha: int = 0) -> bytes:
    """Return a lossless WebP stream in which a pixel takes no bits at all."""
    codes = [(1, 4)] * 5  # simple, one symbol, of one bit, 0
    return b"\x2f" + bits_to_bytes((width - 1, 14), (height - 1, 14), (alpha, 1), (0, 3), (0, 3), *codes) + bytes(8)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def canvas(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    return b"VP8X", bytes((flags, 0, 0, 0)) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def webp_frame(width: int, height: int, stream: bytes | None = None) -> tuple[bytes, bytes]:
    stream = vp8l(width, height, 1) if stream is None else stream
    inner = b"VP8L" + struct.pack("<I", len(stream)) + stream + bytes(len(stream) % 2)
    return b"ANMF", bytes(6) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + bytes(4) + inner


ANIMATION = (b"ANIM", bytes(6))

WEBPS: dict[str, Callable[[], bytes]] = {
    "declared-268-megapixels": lambda: riff((b"VP8L", vp8l(16_384, 16_384))),
    "100-megapixels": lambda: riff((b"VP8L", vp8l(16_384, 6_100))),
    "100-megapixels-transparent": lambda: riff((b"VP8L", vp8l(16_384, 6_100, 1))),
    "canvas-of-4-gigapixels": lambda: riff(canvas(65_535, 65_535, 2), ANIMATION, webp_frame(1, 1)),
    "canvas-of-16-million-by-1": lambda: riff(canvas(2**24, 1, 2), ANIMATION, webp_frame(1, 1)),
    "canvas-of-100-megapixels-for-one-pixel": lambda: riff(canvas(SIDE, SIDE, 2), ANIMATION, webp_frame(1, 1)),
    "50000-frames": lambda: riff(canvas(64, 48, 2), ANIMATION, *[webp_frame(64, 48)] * 50_000),
    "frame-outside-the-canvas": lambda: riff(canvas(64, 48, 2), ANIMATION, webp_frame(1000, 1000)),
    "frame-of-another-size-than-it-says": lambda: riff(
        canvas(64, 48, 2), ANIMATION, webp_frame(64, 48, vp8l(16_384, 16_384))
    ),
    "exif-of-quadratic-size": lambda: riff(
        canvas(64, 48, 8), (b"VP8L", vp8l(64, 48)), (b"EXIF", greedy_directory(3_000_000))
    ),
    "colour-profile-of-20-megabytes": lambda: riff(
        canvas(64, 48, 32), (b"ICCP", bytes(20_000_000)), (b"VP8L", vp8l(64, 48))
    ),
    "a-million-unknown-chunks": lambda: riff(canvas(64, 48, 8), (b"VP8L", vp8l(64, 48)), *[(b"TEST", b"")] * 1_000_000),
    "says-it-has-4-gigabytes": lambda: b"RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff" + vp8l(64, 48),
    "one-row-of-16384": lambda: riff((b"VP8L", vp8l(16_384, 1))),
}


# BMP


def bmp(
    width: int,
    height: int,
    bits: int = 24,
    compression: int = 0,
    data: bytes = b"",
    colours: int = 0,
    palette: bytes = b"",
    header: int = 40,
) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 54 + len(palette) + len(data), 0, 0, 54 + len(palette))
        + struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 0, 0, colours, 0)
        + palette
        + data
    )


GREYS = b"".join(bytes((i, 255 - i, i, 0)) for i in range(256))

BMPS: dict[str, Callable[[], bytes]] = {
    "declared-gigapixels": lambda: bmp(2**31 - 1, 2**31 - 1),
    "declared-100-megapixels": lambda: bmp(SIDE, SIDE),
    "declared-100-megapixels-upside-down": lambda: bmp(SIDE, -SIDE),
    "negative-height": lambda: bmp(64, -48, data=bytes(9216)),
    "negative-width": lambda: bmp(-64, 48, data=bytes(9216)),
    "lowest-height": lambda: bmp(64, -(2**31), data=bytes(9216)),
    "runs-that-jump": lambda: bmp(64, 48, 8, 1, b"\0\2\xff\xff" * 100_000, palette=GREYS),
    "runs-that-jump-over-a-row-of-90-million": lambda: bmp(90_000_000, 1, 8, 1, b"\0\2\xff\xff" * 10, palette=GREYS),
    "runs-that-jump-over-10000-square": lambda: bmp(SIDE, SIDE, 8, 1, b"\0\2\xff\xff" * 1000, palette=GREYS),
    "runs-that-end-rows-of-90-million": lambda: bmp(90_000_000, 1, 8, 1, b"\1\1\0\0", palette=GREYS),
    "runs-of-no-pixels": lambda: bmp(3000, 3000, 8, 1, b"\1\1" * 3000 + b"\1\1" * 3_000_000, palette=GREYS),
    "24-megapixels-of-runs-of-4-bits": lambda: bmp(6000, 4000, 4, 2, b"\xff\x12" * 100_000, palette=GREYS[:64]),
    "24-megapixels-of-runs-of-one": lambda: bmp(6000, 4000, 8, 1, b"\1\7" * 24_000_000, palette=GREYS),
    "palette-of-65536": lambda: bmp(64, 48, 8, data=bytes(3072), colours=65_536),
    "palette-of-4-billion": lambda: bmp(64, 48, 8, data=bytes(3072), colours=2**32 - 1),
    "header-of-4-gigabytes": lambda: bmp(64, 48, header=2**32 - 1),
    "jpeg-inside": lambda: bmp(64, 48, 0, 4, encoded(picture(), "JPEG")),
    "one-row-of-90-million-1-bit": lambda: bmp(90_000_000, 1, 1, data=bytes(11_250_000), palette=GREYS[:8]),
    "one-row-of-25-million": lambda: bmp(25_000_000, 1, data=bytes(75_000_000)),
}


# AVIF and HEIC


def resized(data: bytes, width: int, height: int) -> bytes:
    """Return an AVIF or HEIC whose container declares another size than its stream has."""
    at = data.find(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def boxes(format: str) -> bytes:
    return encoded(picture(), format)


def animation(format: str, n: int) -> bytes:
    frames = [picture(seed=i) for i in range(n)]
    return encoded(frames[0], format, save_all=True, append_images=frames[1:])


def grid(rows: int, columns: int, width: int, height: int) -> bytes:
    """Return a HEIC whose photo is put together of the same tile again and again."""
    tile = boxes("HEIF")
    return tile.replace(b"hvc1", b"grid", 1) + struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)


def with_exif(format: str, data: bytes) -> bytes:
    """Return a picture with EXIF that encoders themselves would never finish with."""
    tags = directory([(274, 3, 1, 1), (37500, 7, len(data), 38)])
    harmless = encoded(picture(), format, exif=EXIF + b"II*\0" + struct.pack("<I", 8) + tags + bytes(len(data)))
    at = harmless.find(b"II*\0")
    return harmless[:at] + data + harmless[at + len(data) :]


def in_all(format: str) -> dict[str, Callable[[], bytes]]:
    return {
        "declared-gigapixels": lambda: resized(boxes(format), 2**31 - 1, 2**31 - 1),
        "declared-60000-square": lambda: resized(boxes(format), 60_000, 60_000),
        "declared-100-megapixels-of-a-small-stream": lambda: resized(boxes(format), SIDE, SIDE),
        "declared-smaller-than-its-stream": lambda: resized(encoded(picture((1600, 1200)), format), 8, 8),
        "declared-zero": lambda: resized(boxes(format), 0, 0),
        "60-pictures-inside": lambda: animation(format, 60),
        "exif-of-quadratic-size": lambda: with_exif(format, greedy_directory(3_000_000)),
        "exif-that-begins-again-and-again": lambda: with_exif(format, EXIF * 500_000),
        "exif-in-circles": lambda: with_exif(format, circular_exif()),
        "colour-profile-of-10-megabytes": lambda: encoded(picture(), format, icc_profile=bytes(10_000_000)),
        "box-of-4-gigabytes": lambda: boxes(format).replace(struct.pack(">I", len(boxes(format))), b"\xff" * 4),
        "boxes-inside-boxes": lambda: (
            boxes(format)[:32] + b"".join(struct.pack(">I4sI", 12 * (2000 - i), b"meta", 0) for i in range(2000))
        ),
        "no-stream": lambda: boxes(format)[: boxes(format).find(b"mdat") + 4],
        "turned-by-everything": lambda: boxes(format).replace(b"pixi", b"irot").replace(b"colr", b"clap"),
    }


AVIFS = in_all("AVIF")
HEICS = {**in_all("HEIF"), "grid-of-65536-tiles": lambda: grid(256, 256, 16_384, 12_288)}


# PPM and its kin

PPMS: dict[str, Callable[[], bytes]] = {
    "declared-gigapixels": lambda: b"P6\n999999999 999999999\n255\n" + bytes(100),
    "declared-100-megapixels": lambda: b"P6\n9999 9999\n255\n" + bytes(100),
    "number-of-a-million-digits": lambda: b"P6\n" + b"9" * 1_000_000 + b" 1\n255\n",
    "negative-size": lambda: b"P6\n-64 -48\n255\n" + bytes(9216),
    "zero-size": lambda: b"P6\n0 0\n255\n",
    "white-of-zero": lambda: b"P6\n64 48\n0\n" + bytes(9216),
    "white-of-3": lambda: b"P6\n64 48\n3\n" + bytes(range(4)) * 2304,
    "16-bit": lambda: b"P6\n64 48\n65535\n" + bytes(18_432),
    "16-bit-cut-off": lambda: b"P6\n64 48\n65535\n" + bytes(100),
    "100-megapixels-of-16-bit-grey": lambda: b"P5\n9999 9999\n4095\n" + bytes(2 * SIDE * SIDE),
    "comment-of-10-megabytes": lambda: b"P6\n#" + bytes(10_000_000) + b"\n64 48\n255\n" + bytes(9216),
    "digits": lambda: b"P3\n64 48\n255\n" + b"7 " * 9216,
    "2-megapixels-of-digits": lambda: b"P3\n2000 1000\n255\n" + b"7 " * 6_000_000,
    "24-megapixels-of-digits": lambda: b"P2\n6000 4000\n255\n" + b"7 " * 24_000_000,
    "more-digits-than-pixels": lambda: b"P3\n64 48\n255\n" + b"7 " * 10_000_000,
    "digits-without-end": lambda: b"P2\n64 48\n255\n" + b"7" * 10_000_000,
    "comments-in-digits": lambda: b"P2\n64 48\n255\n" + b"#\n" * 5_000_000,
    "comment-without-end-in-digits": lambda: b"P2\n64 48\n255\n#" + bytes(10_000_000),
    "bits-in-digits": lambda: b"P1\n64 48\n" + b"1" * 3072,
    "floats-of-no-scale": lambda: b"Pf\n64 48\nnan\n" + bytes(12_288),
    "floats": lambda: b"Pf\n64 48\n-1.0\n" + FLOATS,
    "pillows-own": lambda: b"PyRGBA\n64 48\n255\n" + bytes(12_288),
}


# what is no photo, or two things at once


def polyglots() -> dict[str, Callable[[], bytes]]:
    html = b"<html><script>alert(1)</script></html>"
    noise = random.Random(0).randbytes
    return {
        "empty": lambda: b"",
        "one-byte": lambda: b"\xff",
        "a-megabyte-of-zeros": lambda: bytes(1_000_000),
        "noise-of-20-megabytes": lambda: noise(20_000_000),
        "noise-of-200-megabytes": lambda: noise(1_000_000) * 200,
        "jpeg-start-and-noise": lambda: b"\xff\xd8\xff\xe0" + noise(3_000_000),
        "png-start-and-noise": lambda: b"\x89PNG\r\n\x1a\n" + noise(3_000_000),
        "gif-start-and-noise": lambda: b"GIF89a" + noise(3_000_000),
        "webp-start-and-noise": lambda: b"RIFF\0\0\0\1WEBPVP8 " + noise(3_000_000),
        "tiff-start-and-noise": lambda: b"II*\0\x08\0\0\0" + noise(3_000_000),
        "bmp-start-and-noise": lambda: b"BM" + noise(3_000_000),
        "heic-start-and-noise": lambda: b"\0\0\0\x18ftypheic" + noise(3_000_000),
        "avif-start-and-noise": lambda: b"\0\0\0\x18ftypavif" + noise(3_000_000),
        "jpeg-with-a-page-behind": lambda: encoded(picture(), "JPEG") + html,
        "jpeg-with-a-video-behind": lambda: encoded(picture(), "JPEG", progressive=True) + noise(10_000_000),
        "gif-that-is-a-script": lambda: b"GIF89a/*" + html + b"*/=1;" + gif(64, 48)[13:],
        "png-and-zip": lambda: encoded(picture(), "PNG") + b"PK\3\4" + bytes(100) + b"PK\5\6" + bytes(18),
        "pdf-with-a-jpeg-inside": lambda: b"%PDF-1.7\n" + encoded(picture(), "JPEG"),
        "bmp-that-is-a-gif": lambda: b"BM" + gif(64, 48),
        "photo-behind-a-page": lambda: html + encoded(picture(), "PNG"),
    }


KINDS = {
    "jpeg": JPEGS,
    "png": PNGS,
    "webp": WEBPS,
    "gif": GIFS,
    "avif": AVIFS,
    "heic": HEICS,
    "tiff": TIFFS,
    "bmp": BMPS,
    "ppm": PPMS,
    "profile": {idea: lambda make=make: coloured(make()) for idea, make in PROFILES.items()},
    "other": polyglots(),
}


def make(name: str) -> bytes:
    """Return the bytes of the one with this name."""
    kind, idea = name.split("/")
    return KINDS[kind][idea]()


def names() -> list[str]:
    return [f"{kind}/{idea}" for kind, files in KINDS.items() for idea in files]


def crafted() -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of each, made when it is its turn."""
    return ((name, make(name)) for name in names())
