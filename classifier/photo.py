"""The one decoder: bytes, a path or a file object in, an upright RGB photo out.

Training, the page and the API all open photos with `open_photo`, so a photo is trained on as it
will be served: EXIF orientation applied, transparency on white, 8 bits, three channels.

    open_photo("IMG_0042.HEIC").size
"""
import io
import os
import stat
from collections.abc import Callable, Mapping
from os import PathLike
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms, ImageOps

MAX_PIXELS = 100_000_000
# Pillow knows more, some of them programs rather than pictures (EPS runs Ghostscript): only these.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP")
FORMAT_NAMES = "JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF or BMP"

JPEG_SCALES = (2, 4, 8)  # what libjpeg can decode at a fraction of the work

PhotoSource = str | PathLike | bytes | bytearray | memoryview | BinaryIO | Image.Image

Image.init()  # now, not in whichever thread meets the first WebP
pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own guard speaks first where it reads the size first


def set_max_pixels(n: int) -> None:
    """temporary"""


class PhotoError(ValueError):
    """What is wrong with a photo, in one sentence for the person who sent it."""


def open_photo(source: PhotoSource, max_pixels: int = MAX_PIXELS,
               spare: Callable[[tuple[int, int]], float] | None = None) -> Image.Image:
    """Return the photo upright, in mode RGB, fully decoded; the first frame of an animation.

    source: encoded bytes, a path, a binary file object, or a PIL image.
    spare: given the (width, height) of the upright photo, how many times smaller it may come back, 1 or more.
    A JPEG then comes at half, a quarter or an eighth of its size where that is enough, decoded several times
    faster; all else comes as it is.
    Raises PhotoError with a sentence for a person; a missing or unreadable path raises it too.
    A photo of more than `max_pixels` is refused from its header, before it is decoded.
    """
    image = source if isinstance(source, Image.Image) else _identify(read_source(source))
    width, height = image.size
    if not width or not height:
        raise PhotoError("This photo has no pixels.")
    if width * height > max_pixels:
        raise PhotoError(f"This photo has {width} x {height} pixels, more than the "
                         f"{max_pixels / 1e6:.0f} megapixels that can be opened. Send a smaller one.")
    try:
        if spare and image.format in ("JPEG", "MPO") and image.tile:
            _reduce(image, spare)
        image.load()
        tags = getattr(image, "tag_v2", {})  # of a TIFF: they tell what its samples are
        return _to_rgb(_upright(image), tags)
    except MemoryError:
        raise PhotoError("This photo takes more memory than there is. Send a smaller one.") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PhotoError(_decode_failure(image, error)) from error


def read_source(source: PhotoSource) -> bytes:
    """Return the encoded bytes behind any source but an opened image; a file object is read from its beginning.

    Raises PhotoError with a sentence for a person.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, PathLike)):
        data = _read_path(source)
    elif hasattr(source, "read"):
        try:
            if getattr(source, "seekable", bool)():
                source.seek(0)
            data = source.read()
        except Exception as error:  # any class may call itself a file
            raise PhotoError(f"This file could not be read: {str(error).rstrip('.')}.") from error
        if not isinstance(data, (bytes, bytearray)):
            raise PhotoError("A photo is expected, opened as a binary file, not as text.")
    else:
        raise PhotoError(f"A photo is expected (bytes, a path or a file), not {type(source).__name__}.")
    if not data:
        raise PhotoError("This file is empty. If it was sent over the network, send it again.")
    return bytes(data)


def _read_path(path: str | PathLike) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would never end
            raise PhotoError(f"{path} could not be read: it is no file.")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise PhotoError(f"There is no file {path}.") from None
    except OSError as error:
        raise PhotoError(f"{path} could not be read: {error.strerror or error}.") from error
    except ValueError as error:
        if isinstance(error, PhotoError):
            raise
        raise PhotoError(f"{path!r} could not be read: {error}.") from error


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
    if image.format == "PNG":
        _scale_png_transparency(image)
    return image


def _scale_png_transparency(image: Image.Image) -> None:
    """Bring a PNG's transparent colour to 8 bits, as Pillow brings the pixels it is compared with."""
    transparent = image.info.get("transparency")
    rawmode = image.tile[0].args if image.tile else None
    if isinstance(transparent, int) and rawmode in ("L;2", "L;4"):
        image.info["transparency"] = transparent * {"L;2": 85, "L;4": 17}[rawmode]
    elif isinstance(transparent, tuple) and rawmode == "RGB;16B":
        image.info["transparency"] = tuple(sample >> 8 for sample in transparent)


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
_VIDEO_BRANDS = (b"isom", b"iso", b"mp4", b"mp7", b"avc1", b"M4V", b"M4A", b"qt  ", b"3gp", b"3g2", b"dash", b"MSNV")
_PHOTO_STARTS = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")


def _what_it_is_instead(data: bytes) -> str:
    """Return the sentence for bytes that no decoder claims."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for marker, at_start, name in _STRANGERS:
        if head.startswith(marker) if at_start else marker in head:
            return f"This is {name}. {_SEND}"
    if (data[4:8] == b"ftyp" and data[8:12].startswith(_VIDEO_BRANDS)) or data[8:12] in (b"AVI ", b"WAVE"):
        return f"This is a video or a sound, not a photo. {_SEND}"
    if data.startswith(_PHOTO_STARTS) or data[4:8] == b"ftyp" or data[8:12] == b"WEBP":
        return f"This photo is damaged, cut off or of a kind that cannot be opened. {_SEND}"
    return f"This file is not a photo. {_SEND}"


def _decode_failure(image: Image.Image, error: Exception) -> str:
    name = {"MPO": "JPEG", "HEIF": "HEIC"}.get(image.format, image.format) or "photo"
    if "truncated" in str(error).lower():
        return f"This {name} is cut off before its end. Send the whole file again."
    return f"This {name} is damaged and cannot be decoded. Send another copy of it."


def _reduce(image: Image.Image, spare: Callable[[tuple[int, int]], float]) -> None:
    """Have a JPEG decoded at half, a quarter or an eighth of its size, as far as `spare` allows."""
    width, height = image.size
    by = spare((height, width) if _orientation(image) >= 5 else (width, height))
    scale = max((scale for scale in JPEG_SCALES if scale <= by), default=1)
    if scale > 1:
        image.draft(None, (width // scale, height // scale))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8: from 5 on width and height change places."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # as in `_upright`
        return 1
    return orientation if isinstance(orientation, int) else 1


def _upright(image: Image.Image) -> Image.Image:
    """Return the photo turned as its EXIF orientation says; unreadable EXIF turns nothing."""
    try:
        return ImageOps.exif_transpose(image)  # a copy in any case: it lets go of the encoded file
    except Exception:  # EXIF is written by anything: a photo is worth more than its metadata
        return image


def _to_rgb(image: Image.Image, tags: Mapping) -> Image.Image:
    """Return the photo in mode RGB, transparency laid on white, deeper samples scaled to 8 bits."""
    if image.mode.startswith(("I", "F")):
        image = _to_8_bits(image, tags)
    elif image.mode == "LAB":
        image = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"),
                                          ImageCms.createProfile("sRGB"), outputMode="RGB")
    if image.mode in ("La", "RGBa"):  # colours already multiplied by their opacity
        image = image.convert(image.mode.upper())
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bits(image: Image.Image, tags: Mapping) -> Image.Image:
    """Return mode L for 12-, 16- and 32-bit and float greyscale, which `convert` would clip to white."""
    samples = np.asarray(image)
    if image.mode == "I" and _first(tags.get(TIFF_SAMPLE_FORMAT)) == UNSIGNED:
        samples = samples.view(np.uint32)
    floats = np.nan_to_num(samples.astype(np.float32), posinf=0, neginf=0)
    top = _white(image.mode, floats, _first(tags.get(TIFF_BITS_PER_SAMPLE)))
    floats = floats.clip(0, top) * (255 / top)
    if image.mode.startswith("I;16") and _first(tags.get(TIFF_PHOTOMETRIC)) == MIN_IS_WHITE:
        floats = 255 - floats
    if isinstance(image.info.get("transparency"), int):
        floats[samples == image.info["transparency"]] = 255  # laid on white
    return Image.fromarray(floats.round().astype(np.uint8))


TIFF_BITS_PER_SAMPLE, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339
MIN_IS_WHITE, UNSIGNED = 0, 1


def _first(value):
    """Return the first of a TIFF tag's values, or the one it has."""
    return value[0] if isinstance(value, tuple) and value else value


def _white(mode: str, samples: np.ndarray, bits: int | None) -> float:
    """Return the sample that stands for white: by definition where the type tells, else by the values."""
    if mode.startswith("I;16"):
        return 2 ** bits - 1 if bits in (10, 12, 14) else 65535
    top = max(float(samples.max(initial=0)), 1.0)
    if 1 < top <= 255:
        return 255
    return 65535 if mode == "I" and top <= 65535 and top > 1 else top
