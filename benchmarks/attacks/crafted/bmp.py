"""BMP files whose header, palette or runs are not what they say."""

import struct
from collections.abc import Callable

from .basics import SIDE, encoded, picture


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
