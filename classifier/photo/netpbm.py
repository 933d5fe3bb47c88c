"""Decode PPM, PGM and PBM files in digits, in 16 bits or with an unusual white, which Pillow decodes slowly."""

import re

import numpy as np
from PIL import Image, ImageFile

from .errors import too_costly

MAX_DIGIT_PIXELS = 1_000_000  # of a file of digits, each of which takes half a microsecond
MAX_DIGITS = 64  # characters of a sample, with the space around it: what follows is not read
MAX_COMMENTS = 10_000


def is_slow(image: ImageFile.ImageFile) -> bool:
    """Return whether Pillow decodes an opened file sample by sample, in Python."""
    return image.format == "PPM" and bool(image.tile) and (image.tile[0][0] != "raw" or image.mode == "I")


def decode_netpbm(image: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """Return the photo in such a file, in mode L or RGB, with its white at 255.

    Raises OSError where there are fewer samples than its header promises, PhotoError for a large one in digits.
    """
    codec, _, start, args = image.tile[0]
    row, white = image.width * len(image.getbands()), args[1] if isinstance(args, tuple) else 65_535
    if codec == "ppm_plain":
        if image.width * image.height > MAX_DIGIT_PIXELS or data.count(b"#") > MAX_COMMENTS:
            raise too_costly("PPM", "is written in digits and large")
        digits = re.sub(rb"#[^\n]*", b" ", data[start:])
        if image.mode == "1":
            white, samples = 1, np.frombuffer(digits.translate(None, b" \t\n\r\v\f"), "u1") == ord("0")
        else:
            samples = np.fromstring(digits[: MAX_DIGITS * row * image.height], np.float32, sep=" ")
    else:
        depth = 2 if white > 255 else 1
        samples = np.frombuffer(data, f">u{depth}", max(0, len(data) - start) // depth, min(start, len(data)))
    if len(samples) < row * image.height:
        raise OSError("image file is truncated")
    scaled = np.empty((image.height, row), np.uint8)
    for y in range(image.height):  # row by row, to use little memory
        scaled[y] = (samples[y * row : (y + 1) * row].astype(np.float32).clip(0, white) * (255 / white)).round()
    return Image.frombytes("RGB" if image.mode == "RGB" else "L", image.size, scaled)
