"""The one decoder: bytes, a path or a file object in, an upright RGB photo out.

Training, the page and the API all open photos with `open_photo`, so a photo is trained on as it
will be served: EXIF orientation applied, transparency on white, 8 bits, three channels.

    open_photo("IMG_0042.HEIC").size
"""
import io
from os import PathLike
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms, ImageOps

MAX_PIXELS = 100_000_000
# Pillow knows more, some of them programs rather than pictures (EPS runs Ghostscript): only these.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP")
FORMAT_NAMES = "JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF or BMP"

PhotoSource = str | PathLike | bytes | bytearray | memoryview | BinaryIO | Image.Image

Image.init()  # now, not in whichever thread meets the first WebP
pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own guard speaks first where it reads the size first


class PhotoError(ValueError):
    """What is wrong with a photo, in one sentence for the person who sent it."""


def open_photo(source: PhotoSource, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return the photo upright, in mode RGB, fully decoded; the first frame of an animation.

    source: encoded bytes, a path, a binary file object, or a PIL image.
    Raises PhotoError with a sentence for a person; a missing or unreadable path raises it too.
    A photo of more than `max_pixels` is refused from its header, before it is decoded.
    """
    image = source if isinstance(source, Image.Image) else _identify(_read(source))
    width, height = image.size
    if width * height > max_pixels:
        raise PhotoError(f"This photo has {width} x {height} pixels, more than the "
                         f"{max_pixels / 1e6:.0f} megapixels that can be opened. Send a smaller one.")
    try:
        image.load()
        return _to_rgb(_upright(image))
    except MemoryError:
        raise PhotoError("This photo takes more memory than there is. Send a smaller one.") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PhotoError(_decode_failure(image, error)) from error


def _read(source: PhotoSource) -> bytes:
    """Return the encoded bytes behind any source."""
    try:
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
        elif isinstance(source, (str, PathLike)):
            with open(source, "rb") as file:
                data = file.read()
        elif hasattr(source, "read"):
            data = source.read()
        else:
            raise PhotoError(f"A photo is expected (bytes, a path or a file), not {type(source).__name__}.")
    except FileNotFoundError:
        raise PhotoError(f"There is no file {source}.") from None
    except (OSError, ValueError) as error:
        if isinstance(error, PhotoError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise PhotoError(f"This file could not be read: {reason}.") from error
    if not isinstance(data, bytes):
        raise PhotoError("A photo is expected, opened as a binary file, not as text.")
    if not data:
        raise PhotoError("This file is empty. If it was sent over the network, send it again.")
    return data


def _identify(data: bytes) -> Image.Image:
    """Return the photo with its header read and its pixels not yet decoded."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise PhotoError(f"This photo has more than the {MAX_PIXELS / 1e6:.0f} megapixels "
                         "that can be opened. Send a smaller one.") from None
    except Exception as error:  # not a photo, or a broken header: each plugin has its own way to fail
        raise PhotoError(_what_it_is_instead(data)) from error
    if image.format == "HEIF":
        _keep_heic_orientation(image, data)
    return image


def _keep_heic_orientation(image: Image.Image, data: bytes) -> None:
    """Put EXIF orientation back where it alone tells how a HEIC lies.

    HEIC files turn themselves (their `irot` and `imir` properties), so pillow-heif resets EXIF; but
    converters write files that have the EXIF tag and not the property.
    """
    properties = data[:data.find(b"mdat")]
    orientation = image.info.get("original_orientation")
    if orientation and b"irot" not in properties and b"imir" not in properties:
        image.getexif()[ExifTags.Base.Orientation] = orientation


_SEND = f"Send a photo as {FORMAT_NAMES}."
_STRANGERS = (  # (marker, must the file begin with it, what the file is)
    (b"%pdf", True, "a PDF document"),
    (b"pk\x03\x04", True, "a zip archive or an office document"),
    (b"8bps", True, "a Photoshop file"),
    (b"%!ps", True, "a PostScript drawing"),
    (b"version https://git-lfs", True, "a Git LFS pointer, not the photo itself (`git lfs pull` fetches it)"),
    (b"\x1aE\xdf\xa3".lower(), True, "a video"),
    (b"<svg", False, "an SVG drawing, not a photo"),
    (b"<!doctype html", False, "a web page, not a photo"),
    (b"<html", False, "a web page, not a photo"),
)
_PHOTO_STARTS = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")


def _what_it_is_instead(data: bytes) -> str:
    """Return the sentence for bytes that no decoder claims."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for marker, at_start, name in _STRANGERS:
        if head.startswith(marker) if at_start else marker in head:
            return f"This is {name}. {_SEND}"
    if data[4:8] == b"ftyp":
        if data[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"):
            return f"This photo is damaged or cut off. {_SEND}"
        return f"This is a video, not a photo. {_SEND}"
    if data.startswith(_PHOTO_STARTS):
        return f"This photo is damaged or cut off. {_SEND}"
    return f"This file is not a photo. {_SEND}"


def _decode_failure(image: Image.Image, error: Exception) -> str:
    name = {"MPO": "JPEG", "HEIF": "HEIC"}.get(image.format, image.format) or "photo"
    if "truncated" in str(error).lower():
        return f"This {name} is cut off before its end. Send the whole file again."
    return f"This {name} is damaged and cannot be decoded. Send another copy of it."


def _upright(image: Image.Image) -> Image.Image:
    """Return the photo turned as its EXIF orientation says; unreadable EXIF turns nothing."""
    try:
        return ImageOps.exif_transpose(image)  # a copy in any case: it lets go of the encoded file
    except Exception:  # EXIF is written by anything: a photo is worth more than its metadata
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return the photo in mode RGB, transparency laid on white, deeper samples scaled to 8 bits."""
    if image.mode.startswith(("I", "F")):
        image = _to_8_bits(image)
    elif image.mode == "LAB":
        image = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"),
                                          ImageCms.createProfile("sRGB"), outputMode="RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Return mode L for 16-bit, 32-bit and float greyscale, which `convert` would clip to white."""
    samples = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0, neginf=0)
    # 16 bits span 0..65535 by definition; of wider types only the values tell the range
    top = 65535 if image.mode.startswith("I;16") else max(float(samples.max(initial=0)), 1.0)
    if image.mode == "I" and 255 < top <= 65535:
        top = 65535
    elif image.mode in ("I", "F") and 1 < top <= 255:
        top = 255
    return Image.fromarray((samples.clip(0, top) * (255 / top)).round().astype(np.uint8))
