"""Error messages for photos that cannot be opened: one sentence each, for the person who sent the photo."""

FORMAT_NAMES = "JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF, BMP or PPM"


class PhotoError(ValueError):
    """Raised for a photo that cannot be opened, with one sentence for the person who sent it."""


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Raise PhotoError for a photo without pixels, or with more than `max_pixels`. size: width, height."""
    width, height = size
    if not width or not height:
        raise PhotoError("This photo has no pixels.")
    if width * height > max_pixels:
        raise PhotoError(
            f"This photo has {width} x {height} pixels, more than the {max_pixels / 1e6:.4g} megapixels "
            "that can be opened. Send a smaller one."
        )


def too_large(max_pixels: int) -> PhotoError:
    """Return the error for a photo of more than `max_pixels` whose size is not known."""
    return PhotoError(
        f"This photo has more than the {max_pixels / 1e6:.4g} megapixels that can be opened. Send a smaller one."
    )


def too_costly(name: str, why: str) -> PhotoError:
    """Return the error for a file that asks for more work than any photo needs."""
    return PhotoError(
        f"This {name} {why}, which takes too long to open. Save it again with an image editor and send that."
    )


_SEND = f"Send a photo as {FORMAT_NAMES}."
_OTHER_FORMATS = (  # (marker, whether the file must begin with it, what the file is)
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


def unknown_format(data: bytes) -> str:
    """Return the sentence for bytes that no decoder takes."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for marker, at_start, name in _OTHER_FORMATS:
        if head.startswith(marker) if at_start else marker in head:
            return f"This is {name}. {_SEND}"
    if (data[4:8] == b"ftyp" and data[8:12].startswith(_VIDEO_BRANDS)) or data[8:12] in (b"AVI ", b"WAVE"):
        return f"This is a video or a sound, not a photo. {_SEND}"
    if data.startswith(_PHOTO_STARTS) or data[4:8] == b"ftyp" or data[8:12] == b"WEBP":
        return f"This photo is damaged, cut off or of a kind that cannot be opened. {_SEND}"
    return f"This file is not a photo. {_SEND}"


def decode_failure(format: str | None, error: Exception) -> str:
    """Return the sentence for a photo whose header could be read and whose pixels could not. format: Pillow's name."""
    format = format or "photo"
    name = {"MPO": "JPEG", "HEIF": "HEIC"}.get(format, format)
    if "truncated" in str(error).lower():
        return f"This {name} is cut off before its end. Send the whole file again."
    return f"This {name} is damaged and cannot be decoded. Send another copy of it."
