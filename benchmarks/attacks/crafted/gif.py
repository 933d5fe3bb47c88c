"""GIF files whose screen, frames, extensions or data are too large or wrong."""

import struct
from collections.abc import Callable

from PIL import Image

from .basics import SIDE, encoded


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
