"""Decode a photo of any format to an upright RGB image.

    open_photo("IMG_0042.HEIC").size

Training, the page and the API all open photos with `open_photo`, so that the model is trained on the same pixels that
it is served with: EXIF orientation applied, transparency on white, 8 bits, three channels.
"""

import ctypes
import logging
import warnings
from collections.abc import Callable
from contextlib import suppress

import pillow_heif
from PIL import Image, ImageFile, JpegImagePlugin, _imaging

from .chunks import without_side_data
from .color import to_rgb
from .color_profiles import changes_colors, profile_of
from .errors import PhotoError, check_size, decode_failure, too_large, unknown_format
from .formats import FORMATS
from .jpeg import has_all_scans, has_missing_pixels
from .limits import LimitedReader, check_headers
from .netpbm import decode_netpbm, is_slow
from .orientation import keep_heic_orientation, orientation, upright
from .sources import PhotoSource, read_source

USUAL_PIXELS = 100_000_000
MAX_PIXELS = USUAL_PIXELS
"""how many pixels a photo may have once it is decoded; `set_max_pixels` changes it"""
# Phones make JPEGs of 108 and 200 megapixels. They are decoded at half their size, so that they take no more memory
# than others; not where the limit was lowered, which is to save time too.
MAX_JPEG_PIXELS = 250_000_000
SCALES = (2, 4, 8)  # how many times smaller libjpeg can decode, at a fraction of the work
# how much smaller still a photo may come whose colours are converted, which takes 20 to 35 ns a pixel
COLOR_REDUCTION = 1.6
END = b"\xff\xd9"  # of a JPEG

Reduction = Callable[[tuple[int, int]], float]

Image.init()  # now, not in whichever thread meets the first WebP
pillow_heif.register_heif_opener()
# Pillow warns of odd metadata, and of photos up to twice the limit, which are refused here
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)
with suppress(OSError, AttributeError):  # libtiff, inside Pillow, writes a line for each row that it cannot read
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def set_max_pixels(n: int) -> None:
    """Set the largest photo that is opened in this process, in pixels."""
    global MAX_PIXELS
    MAX_PIXELS = n
    Image.MAX_IMAGE_PIXELS = n  # for formats whose size Pillow checks first


set_max_pixels(MAX_PIXELS)


def open_photo(
    source: PhotoSource,
    max_pixels: int | None = None,
    max_reduction: Reduction | None = None,
) -> Image.Image:
    """Return the photo upright, in mode RGB and sRGB colours, fully decoded; the first frame of an animation.

    source: encoded bytes, a path, a binary file object, or a PIL image.
    max_pixels: a lower limit than that of `set_max_pixels`. A photo of more is refused from its header, before it
    is decoded. Without one, a JPEG of up to MAX_JPEG_PIXELS comes smaller instead.
    max_reduction: returns how many times smaller a photo of a (width, height) may come back, 1 or more. A JPEG then
    comes at a half, a quarter or an eighth of its size, decoded several times faster, and so does any photo whose
    colours are to be converted; all others come as they are.
    Raises PhotoError with a sentence for a person, also for a missing or unreadable file.
    """
    limit = MAX_PIXELS if max_pixels is None else min(max_pixels, MAX_PIXELS)
    image: Image.Image
    if isinstance(source, Image.Image):
        data, image, ours = b"", source, False
    else:
        data, ours = read_source(source), True
        image = _identify(data, limit)
    check_size(image.size, _format_limit(image, limit) if ours else limit)
    try:
        profile = profile_of(image, data)
        image, scale = _decoded(image, data, limit, max_reduction, profile)
        check_size(image.size, limit)  # a HEIC's is known for certain only now
        tags = getattr(image, "tag_v2", {})  # of a TIFF: they describe its samples
        image = upright(image, ours)  # from here on nothing refers to the file and its decoder, which may be large
        if scale > 1:
            image = image.reduce(scale)
        photo = to_rgb(image, tags, profile)
        photo.info = {}  # orientation and profile are applied, and must not be applied again
        return photo
    except PhotoError:
        raise
    except (MemoryError, Image.DecompressionBombError):
        raise PhotoError("This photo takes more memory than there is. Send a smaller one.") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PhotoError(decode_failure(image.format, error)) from error


def n_pixels(data: bytes) -> int:
    """Return how many pixels a photo has by its header, without decoding it; raises PhotoError as `open_photo` does."""
    image = _identify(data, MAX_PIXELS)
    check_size(image.size, _format_limit(image, MAX_PIXELS))
    return image.width * image.height


def photo_format(data: bytes) -> str:
    """Return Pillow's name for the format of a photo, such as JPEG or HEIF; raises PhotoError as `open_photo` does."""
    return str(_identify(data, MAX_PIXELS).format)


def _format_limit(image: Image.Image, limit: int) -> int:
    """Return how many pixels a file of the image's format may have."""
    return max(limit, MAX_JPEG_PIXELS) if image.format in ("JPEG", "MPO") and limit >= USUAL_PIXELS else limit


def _identify(data: bytes, limit: int) -> ImageFile.ImageFile:
    """Return the photo with its header read and its pixels not yet decoded."""
    check_headers(data, limit)
    data = without_side_data(data)
    image: ImageFile.ImageFile
    try:
        if data.startswith(b"\xff\xd8\xff"):
            image = JpegImagePlugin.jpeg_factory(LimitedReader(data))  # not `Image.open`, whose limit JPEGs may exceed
        else:
            image = Image.open(LimitedReader(data), formats=tuple(FORMATS))
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_large(limit) from None
    except Exception as error:  # not a photo, or a damaged header: plugins raise many classes
        raise PhotoError(unknown_format(data)) from error
    # pass a decoder that waits for a whole row few pieces: for each, Pillow copies all that wait
    image.decodermaxblock = max(image.decodermaxblock, 8 * image.width, len(data) // 64)
    if image.format == "HEIF":
        keep_heic_orientation(image, data)
    if image.format == "PNG":
        _scale_png_transparency(image)
    return image


def _decoded(
    image: Image.Image,
    data: bytes,
    limit: int,
    max_reduction: Reduction | None,
    profile: bytes | None,
) -> tuple[Image.Image, int]:
    """Return the photo with its pixels decoded, and how many times smaller it is to be made afterwards."""
    encoded = isinstance(image, ImageFile.ImageFile) and bool(image.tile)
    scale = _scale(image, limit, max_reduction, profile) if encoded or image.format == "HEIF" else 1
    if image.format not in ("JPEG", "MPO"):
        if isinstance(image, ImageFile.ImageFile) and is_slow(image):
            image = decode_netpbm(image, data)
        image.load()
        plain = image.mode in ("L", "RGB", "RGBA", "CMYK") and "transparency" not in image.info
        return image, scale if plain and changes_colors(profile) else 1
    size = max(1, image.width // scale), max(1, image.height // scale)
    image.draft(None, size)
    try:
        image.load()
    except OSError as error:
        if "truncated" not in str(error) or not data or not has_all_scans(data):
            raise
        image.close()  # before there are two of them
        image = _identify(data + END, limit)
        image.draft(None, size)
        image.load()
        if has_missing_pixels(image):
            raise error
    return image, 1


def _scale(image: Image.Image, limit: int, max_reduction: Reduction | None, profile: bytes | None) -> int:
    """Return how many times smaller a photo is to be: as `max_reduction` allows and the limit requires."""
    width, height = image.size
    allowed = 1.0
    if max_reduction:
        allowed = max_reduction((height, width) if orientation(image) >= 5 else (width, height))
        allowed *= COLOR_REDUCTION if allowed >= 2 and changes_colors(profile) else 1
    required = next((scale for scale in (1, *SCALES) if width * height <= limit * scale**2), SCALES[-1])
    return max([required, *(scale for scale in SCALES if scale <= allowed)])


def _scale_png_transparency(image: ImageFile.ImageFile) -> None:
    """Scale a PNG's transparent colour to 8 bits, as Pillow scales the pixels that it is compared with."""
    transparent = image.info.get("transparency")
    rawmode = image.tile[0].args if image.tile else None
    if isinstance(transparent, int) and rawmode in ("L;2", "L;4"):
        image.info["transparency"] = transparent * (85 if rawmode == "L;2" else 17)
    elif isinstance(transparent, tuple) and rawmode == "RGB;16B":
        image.info["transparency"] = tuple(sample >> 8 for sample in transparent)
