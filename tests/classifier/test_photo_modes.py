"""classifier/photo/color.py and tiff.py: transparency, shades of any depth and other modes become RGB on white."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from classifier.photo import open_photo
from helpers.photos import chunk, encoded


def transparent(mode: str) -> bytes:
    """A PNG of one fully transparent black pixel area beside an opaque black one, in a mode."""
    image = Image.new("LA" if mode == "LA" else "RGBA", (8, 4), (0, 0) if mode == "LA" else (0, 0, 0, 0))
    image.paste((0, 255) if mode == "LA" else (0, 0, 0, 255), (0, 0, 4, 4))
    if mode in ("LA", "RGBA"):
        return encoded(image, "PNG")
    if mode == "P":
        palette = Image.new("P", (8, 4), 1)
        palette.putpalette([0, 0, 0, 10, 20, 30])
        palette.paste(0, (0, 0, 4, 4))
        return encoded(palette, "PNG", transparency=1)
    plain = Image.new(mode, (8, 4), 7 if mode == "L" else (7, 7, 7))
    plain.paste(0 if mode == "L" else (0, 0, 0), (0, 0, 4, 4))
    return encoded(plain, "PNG", transparency=7 if mode == "L" else (7, 7, 7))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
def test_transparency_is_laid_on_white(mode):
    photo = open_photo(transparent(mode))
    assert (photo.mode, photo.getpixel((0, 0)), photo.getpixel((7, 0))) == ("RGB", (0, 0, 0), (255, 255, 255))


def test_half_transparency_is_blended_with_white():
    assert open_photo(encoded(Image.new("RGBA", (2, 2), (0, 0, 0, 128)), "PNG")).getpixel((0, 0)) == (127,) * 3


@pytest.mark.parametrize(
    "mode, colour, expected",
    [
        ("1", 1, 255),
        ("L", 100, 100),
        ("P", 0, 0),
        ("CMYK", (0, 0, 0, 255), 0),
        ("LAB", (128, 128, 128), 119),
    ],
    ids=["1", "L", "P", "CMYK", "LAB"],
)
def test_other_modes_become_rgb(mode, colour, expected):
    format = "PNG" if mode in ("1", "L", "P") else "TIFF"
    photo = open_photo(encoded(Image.new(mode, (4, 4), colour), format))
    assert photo.mode == "RGB"
    assert np.abs(np.array(photo.getpixel((0, 0))) - expected).max() <= 2


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_greyscale_keeps_its_shades(format):
    ramp = np.array([[0, 16384, 32768, 65535]] * 4, dtype=np.uint16)
    photo = open_photo(encoded(Image.fromarray(ramp), format))
    assert [photo.getpixel((x, 0))[0] for x in range(4)] == [0, 64, 128, 255]


@pytest.mark.parametrize(
    "samples, expected",
    [
        (np.array([[0, 0.5, 1.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[0, 100, 255]], dtype=np.float32), [0, 100, 255]),
        (np.array([[0, np.nan, 1.0]], dtype=np.float32), [0, 0, 255]),
        (np.array([[0, 32768, 65535]], dtype=np.int32), [0, 128, 255]),
    ],
    ids=["unit", "byte", "nan", "int32"],
)
def test_float_and_32_bit_tiffs_keep_their_shades(samples, expected):
    photo = open_photo(encoded(Image.fromarray(samples), "TIFF"))
    assert [photo.getpixel((x, 0))[0] for x in range(3)] == expected


def tiff(samples: np.ndarray, bits: int, photometric: int = 1, sample_format: int = 1) -> bytes:
    """A greyscale TIFF written by hand, since Pillow writes none of 12 bits, MinIsWhite or unsigned 32."""
    height, width = samples.shape
    if bits == 12:
        pairs = samples.reshape(-1, 2).astype(int)
        data = b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)
    else:
        data = samples.astype(f"<u{bits // 8}").tobytes()
    tags = [
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 8),
        (277, 1),
        (278, height),
        (279, len(data)),
        (339, sample_format),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    "data, expected",
    [
        (tiff(np.array([[0, 2048, 4095, 0]]), 12), [0, 128, 255]),
        (tiff(np.array([[0, 32768, 65535]]), 16, photometric=0), [255, 127, 0]),
        (tiff(np.array([[0, 2**31, 2**32 - 1]]), 32), [0, 128, 255]),
    ],
    ids=["12-bit", "min-is-white", "unsigned-32"],
)
def test_shades_are_read_as_a_tiffs_header_says(data, expected):
    photo = open_photo(data)
    assert [photo.getpixel((x, 0))[0] for x in range(3)] == pytest.approx(expected, abs=1)


def png(bits: int, colour_type: int, row: bytes, width: int, transparent: bytes) -> bytes:
    """A one-row PNG of any depth with a transparent colour."""
    header = struct.pack(">IIBBBBB", width, 1, bits, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tRNS", transparent)
        + chunk(b"IDAT", zlib.compress(b"\0" + row))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "data",
    [
        png(2, 0, bytes([0b01_10_00_00]), 2, b"\0\x01"),
        png(4, 0, bytes([0x1_5]), 2, b"\0\x01"),
        png(8, 0, bytes([1, 80]), 2, b"\0\x01"),
        png(16, 0, struct.pack(">HH", 300, 20000), 2, struct.pack(">H", 300)),
        png(16, 2, struct.pack(">6H", 40000, 0, 0, 0, 0, 9000), 2, struct.pack(">3H", 40000, 0, 0)),
    ],
    ids=["grey-2", "grey-4", "grey-8", "grey-16", "rgb-16"],
)
def test_transparent_colour_of_any_depth_is_laid_on_white(data):
    photo = open_photo(data)
    assert photo.getpixel((0, 0)) == (255, 255, 255)
    assert photo.getpixel((1, 0)) != (255, 255, 255)


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_images_are_laid_on_white(mode):
    image = Image.new(mode.upper(), (2, 2), (0,) * len(mode)).convert(mode)
    assert open_photo(image).getpixel((0, 0)) == (255, 255, 255)
