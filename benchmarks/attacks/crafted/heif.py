"""AVIF and HEIC files whose container and stream differ, or that hold too much beside the picture."""

import struct
from collections.abc import Callable

from .basics import SIDE, encoded, picture
from .exif import EXIF, circular_exif, directory, greedy_directory


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
