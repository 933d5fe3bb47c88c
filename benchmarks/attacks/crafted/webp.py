"""WebP files whose canvas, frames or chunks are too large or wrong; a pixel takes no bits in them."""

import struct
from collections.abc import Callable

from .basics import SIDE
from .exif import greedy_directory


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
