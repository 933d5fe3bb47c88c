"""The one decoder: bytes, a path or a file object in, an upright RGB photo out.

Training, the page and the API all open photos with `open_photo`, so a photo is trained on as it
will be served: EXIF orientation applied, transparency on white, 8 bits, three channels.

    open_photo("IMG_0042.HEIC").size
"""
import ctypes
import logging
import warnings
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pillow_heif
from PIL import Image, JpegImagePlugin

from . import netpbm as ppm
from .chunks import needed
from .color import to_rgb
from .color_profiles import changes, profile_of
from .errors import PhotoError, check_size, decode_failure, too_large, what_it_is_instead
from .limits import Rationed, check, is_told_in_full
from .orientation import keep_heic_orientation, orientation, upright
from .sources import PhotoSource, read_source

__all__ = ["MAX_PIXELS", "PhotoError", "PhotoSource", "n_pixels", "open_photo", "photo_format", "read_source",
           "set_max_pixels"]

USUAL_PIXELS = 100_000_000
MAX_PIXELS = USUAL_PIXELS
"""how many pixels a photo may have once it is decoded; `set_max_pixels` changes it"""
# Phones make JPEGs of 108 and 200 megapixels. They are decoded at half their size, so that they take no more memory
# than others; not where the limit was lowered, which is to save time too.
MAX_JPEG_PIXELS = 250_000_000
# Pillow knows more, some of them programs rather than pictures (EPS runs Ghostscript): only these.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP", "PPM")

SCALES = (2, 4, 8)  # what libjpeg can decode at a fraction of the work
SPARE_COLOURS = 1.6  # how much smaller still a photo may come whose colours are converted, at 20 to 35 ns a pixel
END = b"\xff\xd9"  # of a JPEG

Spare = Callable[[tuple[int, int]], float]

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


def open_photo(source: PhotoSource, max_pixels: int | None = None, spare: Spare | None = None) -> Image.Image:
    """Return the photo upright, in mode RGB and sRGB colours, fully decoded; the first frame of an animation.

    source: encoded bytes, a path, a binary file object, or a PIL image.
    max_pixels: a lower limit than that of `set_max_pixels`. A photo of more is refused from its header, before it
    is decoded. Without one, a JPEG of up to MAX_JPEG_PIXELS comes smaller instead.
    spare: given the (width, height) of the upright photo, how many times smaller it may come back, 1 or more.
    A JPEG then comes at half, a quarter or an eighth of its size where that is enough, decoded several times
    faster, and so does any photo whose colours are to be converted; all else comes as it is.
    Raises PhotoError with a sentence for a person; a missing or unreadable path raises it too.
    """
    limit = MAX_PIXELS if max_pixels is None else min(max_pixels, MAX_PIXELS)
    ours = not isinstance(source, Image.Image)
    data = b"" if not ours else read_source(source)
    image = _identify(data, limit) if ours else source
    check_size(image.size, _most(image, limit) if ours else limit)
    try:
        profile = profile_of(image, data)
        image, scale = _decoded(image, data, limit, spare, profile)
        check_size(image.size, limit)  # a HEIC's is known for certain only now
        tags = getattr(image, "tag_v2", {})  # of a TIFF: they tell what its samples are
        image = upright(image, ours)  # nothing holds the file and its decoder from here on: they may be large
        if scale > 1:
            image = image.reduce(scale)
        photo = to_rgb(image, tags, profile)
        photo.info = {}  # orientation and profile are applied: nobody is to apply them again
        return photo
    except PhotoError:
        raise
    except (MemoryError, Image.DecompressionBombError):
        raise PhotoError("This photo takes more memory than there is. Send a smaller one.") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PhotoError(decode_failure(image.format, error)) from error


def n_pixels(data: bytes) -> int:
    """Return how many pixels a photo's header promises; raises PhotoError as `open_photo` does, decodes nothing."""
    image = _identify(data, MAX_PIXELS)
    check_size(image.size, _most(image, MAX_PIXELS))
    return image.width * image.height


def photo_format(data: bytes) -> str:
    """Return Pillow's name for the format of a photo, such as JPEG or HEIF; raises PhotoError as `open_photo` does."""
    return _identify(data, MAX_PIXELS).format


def _most(image: Image.Image, limit: int) -> int:
    """Return how many pixels a file of this format may have."""
    return max(limit, MAX_JPEG_PIXELS) if image.format in ("JPEG", "MPO") and limit >= USUAL_PIXELS else limit


def _identify(data: bytes, limit: int) -> Image.Image:
    """Return the photo with its header read and its pixels not yet decoded."""
    check(data, limit)
    data = needed(data)
    try:
        if data.startswith(b"\xff\xd8\xff"):
            image = JpegImagePlugin.jpeg_factory(Rationed(data))  # as `Image.open`, whose limit JPEGs may exceed
        else:
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
        keep_heic_orientation(image, data)
    if image.format == "PNG":
        _scale_png_transparency(image)
    return image


def _decoded(image: Image.Image, data: bytes, limit: int, spare: Spare | None, profile: bytes | None,
             ) -> tuple[Image.Image, int]:
    """Return the photo with its pixels decoded, and how many times smaller it is still to become."""
    tile = getattr(image, "tile", None)
    scale = _scale(image, limit, spare, profile) if tile or image.format == "HEIF" else 1
    if image.format not in ("JPEG", "MPO"):
        if tile and ppm.is_special(image):
            image = ppm.decoded(image, data)
        image.load()
        plain = image.mode in ("L", "RGB", "RGBA", "CMYK") and "transparency" not in image.info
        return image, scale if plain and changes(profile) else 1
    size = max(1, image.width // scale), max(1, image.height // scale)
    image.draft(None, size)
    try:
        image.load()
    except OSError as error:
        if "truncated" not in str(error) or not data or not is_told_in_full(data):
            raise
        image.close()  # before there are two of them
        image = _identify(data + END, limit)
        image.draft(None, size)
        image.load()
        if _lacks(image):
            raise error
    return image, 1


def _scale(image: Image.Image, limit: int, spare: Spare | None, profile: bytes | None) -> int:
    """Return how many times smaller a photo is to be: as far as `spare` allows and as the limit asks."""
    width, height = image.size
    by = 1.0
    if spare:
        by = spare((height, width) if orientation(image) >= 5 else (width, height))
        by *= SPARE_COLOURS if by >= 2 and changes(profile) else 1
    asked = next((scale for scale in (1, *SCALES) if width * height <= limit * scale ** 2), SCALES[-1])
    return max([asked, *(scale for scale in SCALES if scale <= by)])


def _lacks(image: Image.Image) -> bool:
    """Return whether more than a sliver of a JPEG's pixels are missing: libjpeg makes what it has no data for grey."""
    strip = np.asarray(image.crop((0, image.height - image.height // 8 - 1, image.width, image.height)))
    grey = (strip == 127) | (strip == 128)
    return grey.reshape(*grey.shape[:2], -1).all(-1).sum() > max(image.width * image.height // 100, 256)


def _scale_png_transparency(image: Image.Image) -> None:
    """Bring a PNG's transparent colour to 8 bits, as Pillow brings the pixels it is compared with."""
    transparent = image.info.get("transparency")
    rawmode = image.tile[0].args if image.tile else None
    if isinstance(transparent, int) and rawmode in ("L;2", "L;4"):
        image.info["transparency"] = transparent * {"L;2": 85, "L;4": 17}[rawmode]
    elif isinstance(transparent, tuple) and rawmode == "RGB;16B":
        image.info["transparency"] = tuple(sample >> 8 for sample in transparent)
