"""One bear in each format, orientation and colour space that a photo comes in, and files that are none or cut off."""

import io
import re
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image, ImageCms

from classifier.photo.color_profiles import PRIMARIES, matrix_profile
from helpers.paths import EXAMPLE

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ADOBE = matrix_profile(
    ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    b"curv" + struct.pack(">4xIH", 1, round(2.2 * 256)),
)
TABLE = matrix_profile(  # ProPhoto's primaries, and a curve of 1024 samples
    ((0.79767, 0.28804, 0), (0.13519, 0.71187, 0), (0.03134, 0.00009, 0.82491)),
    b"curv" + struct.pack(">4xI", 1024) + np.round(np.linspace(0, 1, 1024) ** 1.8 * 65535).astype(">u2").tobytes(),
)
PROFILES = {"P3": matrix_profile(PRIMARIES[12]), "Adobe RGB": ADOBE, "table": TABLE}


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


@cache
def photos() -> dict[str, bytes]:
    """Return the files that every browser answers, with the same pixels as Python."""
    bear = Image.open(EXAMPLE).convert("RGB").resize((400, 300))
    grey, jpeg = bear.convert("L"), encoded(bear, "JPEG", quality=92)
    files = {
        "JPEG": jpeg,
        "JPEG 4:4:4": encoded(bear, "JPEG", quality=95, subsampling=0),
        "progressive JPEG": encoded(bear, "JPEG", progressive=True),
        "grey JPEG": encoded(grey, "JPEG"),
        "CMYK JPEG": encoded(bear.convert("CMYK"), "JPEG"),
        "JPEG without its end": jpeg[:-2],
        "JPEG and more": jpeg + b"x" * 5000,
        "PNG": encoded(bear, "PNG"),
        "grey PNG": encoded(grey, "PNG"),
        "palette PNG": encoded(bear.quantize(), "PNG"),
        "PNG with opacity": encoded(grey.convert("LA"), "PNG"),
        "GIF": encoded(bear.quantize(), "GIF"),
        "moving GIF": encoded(bear, "GIF", save_all=True, append_images=[bear.rotate(90)]),
        "BMP": encoded(bear, "BMP"),
        "BMP of OS/2": os2_bmp(bear),
        "WebP": encoded(bear, "WEBP"),
        "moving WebP": encoded(bear, "WEBP", save_all=True, append_images=[bear.rotate(90)]),
        "one pixel": encoded(bear.resize((1, 1)), "PNG"),
        "a strip": encoded(bear.resize((2000, 3)), "JPEG"),
    }
    for orientation in range(1, 9):
        exif = turned(orientation)
        files[f"JPEG {orientation}"] = encoded(bear, "JPEG", exif=exif)
        files[f"PNG {orientation}"] = encoded(bear, "PNG", exif=exif)
        files[f"WebP {orientation}"] = encoded(bear, "WEBP", lossless=True, exif=exif)
    for name, profile in {"sRGB": SRGB, **PROFILES}.items():
        for format in ("JPEG", "PNG", "WEBP"):
            files[f"{format} in {name}"] = encoded(bear, format, icc_profile=profile)
    return files


@cache
def nearly() -> dict[str, bytes]:
    """Return files whose decoders differ by a few levels: they enlarge the colours in ways of their own."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    bear = Image.open(EXAMPLE).convert("RGB").resize((400, 300))
    return {
        "HEIC": encoded(bear, "HEIF", quality=90),
        "turned HEIC": encoded(bear, "HEIF", quality=90, exif=turned(6)),
        "AVIF": encoded(bear, "AVIF", quality=80),
        "turned AVIF": encoded(bear, "AVIF", quality=80, exif=turned(6)),
        "AVIF in P3": encoded(bear, "AVIF", quality=80, icc_profile=PROFILES["P3"]),
    }


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a part of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_profile_bomb(png: bytes, megabytes: int) -> bytes:
    """Return a PNG with a colour profile of zeros, which is a thousandth as large in the file."""
    packer = zlib.compressobj(9)
    first, other = (packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return png[:33] + chunk(b"iCCP", b"bomb\0\0" + first + other * (megabytes - 1) + packer.flush()) + png[33:]


def empty_png(width: int, height: int) -> bytes:
    """Return a small PNG that says it is large."""

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def os2_bmp(image: Image.Image) -> bytes:
    """Return a BMP with the header of OS/2, whose sides have 16 bits; the width has to be a multiple of 4."""
    pixels = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGR")
    return struct.pack("<2sIHHIIHHHH", b"BM", 26 + len(pixels), 0, 0, 26, 12, *image.size, 1, 24) + pixels


def without_width(heic: bytes) -> bytes:
    """Return a HEIC that says it is 0 pixels wide."""
    return re.sub(rb"(ispe....)....", rb"\1\0\0\0\0", heic, flags=re.DOTALL)


def ftyp(brand: bytes, boxes: bytes) -> bytes:
    """Return an AVIF or HEIC of a few boxes."""
    return struct.pack(">I4s4sI", 16, b"ftyp", brand, 0) + boxes


@cache
def refused() -> dict[str, tuple[bytes, str]]:
    """Return files that no browser answers, with words of the sentence that their senders read."""
    bear = Image.open(EXAMPLE).convert("RGB").resize((400, 300))
    whole = {"JPEG": encoded(bear, "JPEG"), "PNG": encoded(bear, "PNG"), "WebP": encoded(bear, "WEBP")}
    whole |= {"GIF": encoded(bear.quantize(), "GIF"), "BMP": encoded(bear, "BMP")}
    progressive = encoded(bear, "JPEG", progressive=True)
    cut = {f"half a {name}": (data[: len(data) // 2], "cut off") for name, data in whole.items()}
    return {
        **cut,
        "half a progressive JPEG": (progressive[: len(progressive) // 2], "cut off"),
        "a JPEG of two bytes": (b"\xff\xd8", "cut off"),
        "a PNG of eight bytes": (b"\x89PNG\r\n\x1a\n", "cut off"),
        "a JPEG whose frame ends early": (b"\xff\xd8\xff\xc0\0\2\xff\xd9", "damaged, cut off"),
        "an AVIF whose colours end early": (ftyp(b"avif", b"\0\0\0\x10colrnclx"), "damaged, cut off"),
        "a HEIC without width": (without_width(nearly()["HEIC"]), "damaged"),
        "damaged HEIC": (nearly()["HEIC"][:1000], "damaged"),
        "60000 x 60000 pixels": (empty_png(60_000, 60_000), "more than the 100 megapixels"),
        "nothing": (b"", "empty"),
        "one byte": (b"\xff", "not a photo"),
        "text": (b"hello", "not a photo"),
        "PDF": (b"%PDF-1.4 and more", "a PDF document"),
        "zip": (b"PK\x03\x04" + bytes(30), "a zip archive"),
        "SVG": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        "HTML": (b"\n <!DOCTYPE html>", "a web page"),
        "video": (b"\0\0\0\x18ftypisom" + bytes(30), "a video"),
        "TIFF": (encoded(bear, "TIFF"), "a TIFF"),
        "JPEG 2000": (encoded(bear, "JPEG2000"), "a JPEG 2000"),
        "PPM": (encoded(bear, "PPM"), "a PPM"),
    }
