"""Photos made on the spot, from fixed seeds."""
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}


def noisy_photo(colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Return a photo of one colour under noise; size is width, height."""
    noise = np.random.default_rng(seed).normal(0, 40, (size[1], size[0], 3))
    return Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8))


def make_photos(folder: Path, n: int = 10, seed: int = 0, size: tuple[int, int] = (80, 60)) -> Path:
    """Write n photos of each label, one folder a label, and return the folder."""
    for label_index, label in enumerate(COLOURS):
        (folder / label).mkdir(parents=True)
        for i in range(n):
            noisy_photo(COLOURS[label], seed + 100 * label_index + i, size).save(folder / label / f"{i:02}.png")
    return folder


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def png_of_declared_size(width: int, height: int) -> bytes:
    """A PNG whose header promises any size in a few bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
