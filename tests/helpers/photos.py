"""Photos made on the spot, from fixed seeds."""

import io
import itertools
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from training.data.labels import ListedPhoto, write_labels

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
            photo = noisy_photo(COLOURS[label], seed + 100 * label_index + i, size)
            (folder / label / f"{i:02}.png").write_bytes(stored_png(photo))
    return folder


def make_pairs(folder: Path, n: int = 10, seed: int = 0, size: tuple[int, int] = (80, 60)) -> Path:
    """Write n photos of each colour alone, of each pair of colours, and of none, with labels.csv; return the folder."""
    (folder / "photos").mkdir(parents=True)
    names = sorted(COLOURS)
    kinds = [*((name,) for name in names), *itertools.combinations(names, 2), ()]
    listed = {}
    for i, labels in enumerate(kind for kind in kinds for _ in range(n)):
        halves = [COLOURS[label] for label in labels] or [(120, 120, 120)]
        photo = Image.new("RGB", size)
        for k in range(2):
            half = noisy_photo(halves[k % len(halves)], seed + 10 * i + k, (size[0] // 2, size[1]))
            photo.paste(half, (k * size[0] // 2, 0))
        file = folder / "photos" / f"{i:03}.png"
        file.write_bytes(stored_png(photo))
        listed[file] = ListedPhoto(labels)
    write_labels(folder, listed)
    return folder


def add_broken(photos: Path) -> Path:
    """Add a file that cannot be opened to the red ones, and return the folder."""
    (photos / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a photo")
    return photos


def stored_png(image: Image.Image) -> bytes:
    """Return an RGB image as an uncompressed PNG: its bytes, and so its SHA-256, are the same with every zlib."""
    lines = b"".join(b"\0" + line.tobytes() for line in np.asarray(image))
    parts = [lines[i : i + 65_535] for i in range(0, len(lines), 65_535)]
    blocks = b"".join(struct.pack("<BHH", part is parts[-1], len(part), 65_535 - len(part)) + part for part in parts)
    header = struct.pack(">IIBBBBB", *image.size, 8, 2, 0, 0, 0)
    data = b"\x78\x01" + blocks + struct.pack(">I", zlib.adler32(lines))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


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
