"""The one decoder: bytes, a path or a file object in, an upright RGB photo out.

Training, the page and the API all open photos with `open_photo`, so a photo is trained on as it
will be served: EXIF orientation applied, transparency on white, 8 bits, three channels.

    open_photo("IMG_0042.HEIC").size
"""
import ctypes
import logging
import os
import stat
import warnings
from collections.abc import Callable
from contextlib import suppress
from os import PathLike
from typing import BinaryIO

import pillow_heif
from PIL import ExifTags, Image

from .directories import check_exif
from .headers import Rationed, check
from .refusals import PhotoError, check_size, decode_failure, too_large, what_it_is_instead
from .samples import to_rgb

MAX_PIXELS = 100_000_000
"""how many pixels a photo may have; `set_max_pixels` changes it"""
# Pillow knows more, some of them programs rather than pictures (EPS runs Ghostscript): only these.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP")

JPEG_SCALES = (2, 4, 8)  # what libjpeg can decode at a fraction of the work

PhotoSource = str | PathLike | bytes | bytearray | memoryview | BinaryIO | Image.Image

Image.init()  # now, not in whichever thread meets the first WebP
pillow_heif.register_heif_opener()
# Pillow warns of odd metadata, and of photos up to twice the limit, which are refused here: no news for a server's log
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)
with suppress(OSError, AttributeError):  # libtiff, inside Pillow, writes a line for each row that it cannot read
    ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler(None)


def set_max_pixels(n: int) -> None:
    """Have photos of up to n pixels opened in this process from now on."""
    global MAX_PIXELS
    MAX_PIXELS = n
    Image.MAX_IMAGE_PIXELS = n  # Pillow's own guard speaks first where it reads the size first


set_max_pixels(MAX_PIXELS)


def open_photo(source: PhotoSource, max_pixels: int | None = None,
               spare: Callable[[tuple[int, int]], float] | None = None) -> Image.Image:
    """Return the photo upright, in mode RGB, fully decoded; the first frame of an animation.

    source: encoded bytes, a path, a binary file object, or a PIL image.
    max_pixels: a lower limit than that of `set_max_pixels`. A photo of more is refused from its header, before it
    is decoded.
    spare: given the (width, height) of the upright photo, how many times smaller it may come back, 1 or more.
    A JPEG then comes at half, a quarter or an eighth of its size where that is enough, decoded several times
    faster; all else comes as it is.
    Raises PhotoError with a sentence for a person; a missing or unreadable path raises it too.
    """
    limit = MAX_PIXELS if max_pixels is None else min(max_pixels, MAX_PIXELS)
    ours = not isinstance(source, Image.Image)
    image = _identify(read_source(source), limit) if ours else source
    check_size(image.size, limit)
    try:
        if spare and image.format in ("JPEG", "MPO") and image.tile:
            _reduce(image, spare)
        image.load()
        check_size(image.size, limit)  # a HEIC's is known for certain only now
        tags = getattr(image, "tag_v2", {})  # of a TIFF: they tell what its samples are
        image = _upright(image, ours)  # nothing holds the file and its decoder from here on: they may be large
        return to_rgb(image, tags)
    except PhotoError:
        raise
    except (MemoryError, Image.DecompressionBombError):
        raise PhotoError("This photo takes more memory than there is. Send a smaller one.") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PhotoError(decode_failure(image.format, error)) from error


def n_pixels(data: bytes) -> int:
    """Return how many pixels a photo's header promises; raises PhotoError as `open_photo` does, decodes nothing."""
    image = _identify(data, MAX_PIXELS)
    check_size(image.size, MAX_PIXELS)
    return image.width * image.height


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


def _identify(data: bytes, limit: int) -> Image.Image:
    """Return the photo with its header read and its pixels not yet decoded."""
    check(data, limit)
    try:
        image = Image.open(Rationed(data), formats=FORMATS)
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_large(limit) from None
    except Exception as error:  # not a photo, or a broken header: each plugin has its own way to fail
        raise PhotoError(what_it_is_instead(data)) from error
    # a decoder that waits for a whole row is to get it in few pieces: Pillow copies all that wait for each new one
    image.decodermaxblock = max(image.decodermaxblock, 8 * image.width, len(data) // 64)
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
        as_hex = image.info.get("Raw profile type exif", "")  # how ImageMagick put it into a PNG's text
        check_exif(image.info.get("exif") or bytes.fromhex("".join(as_hex.split("\n")[3:])))
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return int(orientation) if orientation in TURNS else 1
    except Exception:  # EXIF is written by anything: a photo is worth more than its metadata
        return 1


TURNS = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
         4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270,
         7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90}
"""what makes a photo of each EXIF orientation upright"""


def _upright(image: Image.Image, ours: bool) -> Image.Image:
    """Return the photo turned as its EXIF orientation says, without the encoded file.

    ours: nobody else has the image, so its pixels may be taken over.
    """
    turn = TURNS[_orientation(image)]
    if turn is not None:
        return image.transpose(turn)
    return image._new(image.im) if ours else image.copy()  # the same, and not a second time 400 MB
