"""How a photo lies, and how it is turned upright: by EXIF, or by what stands in for it."""
from PIL import ExifTags, Image

from .tiff import check_exif

TURNS = {1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
         4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270,
         7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90}
"""what makes a photo of each EXIF orientation upright"""


def keep_heic_orientation(image: Image.Image, data: bytes) -> None:
    """Put EXIF orientation back where it alone tells how a HEIC lies.

    HEIC files turn themselves (their `irot` and `imir` properties), so pillow-heif resets EXIF; but
    converters write files that have the EXIF tag and not the property.
    """
    properties = data[:data.find(b"mdat")]
    told = image.info.get("original_orientation")
    if told and b"irot" not in properties and b"imir" not in properties:
        image.getexif()[ExifTags.Base.Orientation] = told


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8: from 5 on width and height change places."""
    try:
        as_hex = image.info.get("Raw profile type exif", "")  # how ImageMagick put it into a PNG's text
        check_exif(image.info.get("exif") or bytes.fromhex("".join(as_hex.split("\n")[3:])))
        told = image.getexif().get(ExifTags.Base.Orientation, 1)
        return int(told) if told in TURNS else 1
    except Exception:  # EXIF is written by anything: a photo is worth more than its metadata
        return 1


def upright(image: Image.Image, ours: bool) -> Image.Image:
    """Return the photo turned as its EXIF orientation says, without the encoded file.

    ours: nobody else has the image, so its pixels may be taken over.
    """
    turn = TURNS[orientation(image)]
    if turn is not None:
        return image.transpose(turn)
    return image._new(image.im) if ours else image.copy()  # the same, and not a second time 400 MB
