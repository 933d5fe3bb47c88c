"""Small photos of every kind, damaged at random: bits, lengths, parts."""

import random
from collections.abc import Callable, Iterator
from functools import cache

from PIL import Image

from classifier.photo.color_profiles import PRIMARIES, matrix_profile

from .crafted.basics import encoded, picture
from .crafted.exif import EXIF, exif
from .crafted.profiles import printer

P3 = matrix_profile(PRIMARIES[12])
EXTREMES = [
    bytes(4),
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\1",
    b"\1\0\0\0",
    b"\0\0\xff\xff",
    b"\x80\0\0\0",
    b"\0\1\0\0",
]
OPTIONS: dict[str, list[tuple[str, str, dict]]] = {  # kind: (mode, Pillow's format, options)
    "jpeg": [
        ("RGB", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True, "exif": EXIF + exif()}),
        ("L", "JPEG", {}),
        ("CMYK", "JPEG", {"subsampling": 0}),
        ("RGB", "JPEG", {"icc_profile": P3}),
        ("CMYK", "JPEG", {"icc_profile": printer()}),
        ("RGB", "JPEG", {"restart_marker_blocks": 1}),
    ],
    "png": [
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("P", "PNG", {"transparency": 3}),
        ("I;16", "PNG", {}),
        ("1", "PNG", {}),
        ("LA", "PNG", {"exif": exif()}),
        ("RGBA", "PNG", {"icc_profile": P3}),
    ],
    "webp": [("RGB", "WEBP", {}), ("RGBA", "WEBP", {}), ("RGB", "WEBP", {"lossless": True, "exif": exif()})],
    "gif": [("P", "GIF", {}), ("L", "GIF", {"interlace": 0}), ("P", "GIF", {"transparency": 2, "comment": b"bear"})],
    "avif": [("RGB", "AVIF", {}), ("RGBA", "AVIF", {"exif": exif()})],
    "heic": [("RGB", "HEIF", {}), ("RGBA", "HEIF", {"exif": exif()})],
    "tiff": [
        ("RGB", "TIFF", {}),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        ("F", "TIFF", {}),
        ("LAB", "TIFF", {}),
        ("RGB", "TIFF", {"compression": "jpeg"}),
        ("CMYK", "TIFF", {"compression": "packbits"}),
        ("1", "TIFF", {"compression": "packbits"}),
        ("RGBA", "TIFF", {"compression": "tiff_adobe_deflate", "exif": exif()}),
    ],
    "bmp": [("RGB", "BMP", {}), ("P", "BMP", {}), ("1", "BMP", {})],
    "ppm": [("RGB", "PPM", {}), ("L", "PPM", {}), ("1", "PPM", {}), ("I;16", "PPM", {})],
}
ANIMATED = ("png", "webp", "gif", "avif", "heic", "tiff")


@cache
def photos() -> dict[str, list[bytes]]:
    """Return small photos by kind of file, whole and well."""
    made = {
        kind: [encoded(in_mode(mode), format, **options) for mode, format, options in ways]
        for kind, ways in OPTIONS.items()
    }
    for kind in ANIMATED:
        made[kind].append(encoded(picture(), OPTIONS[kind][0][1], save_all=True, append_images=[picture(seed=1)]))
    return made


def in_mode(mode: str) -> Image.Image:
    if mode in ("RGBA", "LA", "CMYK", "LAB"):
        return picture(mode=mode)
    return picture(mode="L").convert(mode) if mode in ("I;16", "F") else picture().convert(mode)


def flip_bits(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    for _ in range(rng.choice((1, 1, 4, 32))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def cut(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    at = rng.randrange(len(data))
    return data[:at] if rng.random() < 0.5 else data[:at] + data[at + rng.randrange(1, 64) :]


def splice(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def edit_length(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    at, n = rng.randrange(min(len(data), rng.choice((64, 300, len(data))))), rng.choice((1, 2, 4))
    data[at : at + n] = rng.choice(EXTREMES)[:n]
    return data


def repeat_part(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    at = rng.randrange(len(data))
    part = data[at : at + rng.choice((1, 12, 64, 400))]
    return data[:at] + part * rng.choice((2, 10, 300)) + data[at + len(part) :]


def overwrite(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    at, n = rng.randrange(len(data)), rng.choice((4, 40, 400))
    data[at : at + n] = rng.choice((bytes(n), b"\xff" * n, rng.randbytes(n)))
    return data


MUTATIONS: tuple[Callable, ...] = (flip_bits, cut, splice, edit_length, edit_length, repeat_part, overwrite)


def mutant(i: int, seed: int = 0) -> tuple[str, bytes]:
    """Return the name, kind/mutated-seed-i, and the bytes of a small photo that up to three things happened to."""
    rng = random.Random(f"{seed}/{i}")
    kind = rng.choice(sorted(OPTIONS))
    data, other = (bytearray(rng.choice(photos()[kind])) for _ in range(2))
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice(MUTATIONS)(data, rng, other) or bytearray(1)
    return f"{kind}/mutated-{seed}-{i}", bytes(data)


def mutated(n: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield n of them, each made when it is its turn."""
    return (mutant(i, seed) for i in range(n))
