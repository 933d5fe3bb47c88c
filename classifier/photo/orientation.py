"""Turn a photo upright, as its EXIF orientation or its format's equivalent says."""

from PIL import ExifTags, Image

from .tiff import check_exif

TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""the transpose that turns a photo of each EXIF orientation upright"""


def keep_heic_orientation(image: Image.Image, data: bytes) -> None:
    """Restore the EXIF orientation of a HEIC whose format properties do not give one.

    HEIC decoders apply the `irot` and `imir` properties, so pillow-heif resets EXIF; but converters write files
    that have the EXIF tag and not the properties.
    """
    properties = data[: data.find(b"mdat")]
    original = image.info.get("original_orientation")
    if original and b"irot" not in properties and b"imir" not in properties:
        image.getexif()[ExifTags.Base.Orientation] = original


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8: from 5 on, width and height change places."""
    try:
        as_hex = image.info.get("Raw profile type exif", "")  # of a PNG: how ImageMagick stores EXIF in its text
        check_exif(image.info.get("exif") or bytes.fromhex("".join(as_hex.split("\n")[3:])))
        tag = image.getexif().get(ExifTags.Base.Orientation, 1)
        return int(tag) if tag in TURNS else 1
    except Exception:  # EXIF data are often damaged, and the photo can be used without them
        return 1


def upright(image: Image.Image, ours: bool) -> Image.Image:
    """Return the photo turned as its EXIF orientation says; it keeps no reference to the encoded file.

    ours: whether the image belongs to the caller alone, so that its pixels may be shared instead of copied.
    """
    turn = TURNS[orientation(image)]
    if turn is not None:
        return image.transpose(turn)
    return image._new(image.im) if ours else image.copy()  # `_new` saves a copy of up to 400 MB
