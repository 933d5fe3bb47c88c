"""Convert photos with a colour profile to sRGB.

    photo = to_srgb(photo, profile_of(photo, data))

Networks are trained on sRGB, which most photos are in; phones write Display P3, cameras Adobe RGB, print shops CMYK.
LittleCMS, inside Pillow, converts them as browsers do: with the perceptual intent, which for a profile of primaries and
curves is relative colorimetric, and with black point compensation, so that the darkest ink is black. A profile that is
damaged, does not fit the photo or would take long to read is ignored.
"""

import hashlib
import io
import struct
from collections import OrderedDict
from threading import Lock

import numpy as np
from PIL import Image, ImageCms

from .profile_checks import is_plain

MAX_PROFILE = 4_000_000  # bytes; those of printing presses have 0.5 to 2.5 million
CACHE_SIZE = 16  # transforms; a photo library has a handful of cameras
MAX_SAME = 2  # of 255: a profile that changes no colour by more counts as sRGB
MIN_RANGE = 100  # of 255, between the black and the white of a profile that is not damaged
MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}  # by the profile's colour space

SRGB_CURVE = b"para" + struct.pack(
    ">4xHxx5i", 3, *(round(65536 * number) for number in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)
# red, green and blue as XYZ under D50, by the code that HEIC, AVIF and PNG use (ITU-T H.273)
PRIMARIES = {
    9: ((0.67348, 0.27904, -0.00194), (0.16566, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686)),  # BT.2020
    12: ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),  # Display P3
}
NAMED_CURVES = (1, 6, 13)  # BT.709, BT.601, sRGB: all shown with the curve of sRGB; not those of HDR


def profile_of(image: Image.Image, data: bytes) -> bytes | None:
    """Return the ICC profile of an opened file that is not yet decoded; None where its colours are sRGB."""
    profile: bytes | None = image.info.get("icc_profile")
    if image.format == "PNG":
        start, size = data.find(b"cICP", 0, 4096) + 4, 1  # takes precedence over a profile
    elif image.format in ("HEIF", "AVIF") and not profile:
        start, size = data.find(b"colrnclx") + 8, 2
    else:
        return profile
    if start < 8:  # not found
        return profile
    primaries, curve = (int.from_bytes(data[start + i * size : start + (i + 1) * size], "big") for i in (0, 1))
    return matrix_profile(PRIMARIES[primaries]) if primaries in PRIMARIES and curve in NAMED_CURVES else profile


def matrix_profile(primaries: tuple[tuple[float, float, float], ...], curve: bytes = SRGB_CURVE) -> bytes:
    """Return an ICC profile of three primaries, as XYZ under D50, and one curve, as the content of its tag."""
    tags = [
        (name, b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * number) for number in xyz)))
        for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    ]
    tags += [(name, curve.ljust(-len(curve) // 4 * -4, b"\0")) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, body, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags:
        table += name + struct.pack(">II", at + len(body), len(tag))
        body += tag
    white = struct.pack(">3i", 63190, 65536, 54061)
    return (
        (
            struct.pack(">I4xI4s4s4s12x4s28x", at + len(body), 0x04200000, b"mntr", b"RGB ", b"XYZ ", b"acsp") + white
        ).ljust(128, b"\0")
        + table
        + body
    )


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image of mode L, RGB or CMYK in sRGB: in mode RGB, or the same image where nothing is to convert.

    An image of mode RGB is converted in place.
    """
    mode = MODES.get(profile[16:20]) if profile else None
    if mode == "RGB" and image.mode == "L":
        image = image.convert("RGB")
    if profile is None or mode is None or mode != image.mode:
        return image
    transform = _transforms.get(profile, mode)
    if transform is None:
        return image
    converted = ImageCms.applyTransform(image, transform, inPlace=mode == "RGB")
    return image if converted is None else converted


def changes_colors(profile: bytes | None) -> bool:
    """Return whether a profile changes the colours of a photo of its colour space."""
    mode = MODES.get(profile[16:20]) if profile else None
    return profile is not None and mode is not None and _transforms.get(profile, mode) is not None


class _TransformCache:
    """The transforms to sRGB used last, by profile; None for a profile that changes nothing or is ignored."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, ImageCms.ImageCmsTransform | None] = OrderedDict()  # least recently used first
        self._lock = Lock()

    def get(self, profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
        """Return the transform of a profile for photos of a mode."""
        if len(profile) > MAX_PROFILE:
            return None
        key = hashlib.sha256(profile).digest()
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        transform = _build(profile, mode)
        with self._lock:
            self._known[key] = transform
            while len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
        return transform


_transforms = _TransformCache()


def _build(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform of a profile to sRGB; None where it changes nothing or cannot be read."""
    try:
        if not is_plain(profile):
            return None
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.PERCEPTUAL,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        darkest, whitest = np.asarray(ImageCms.applyTransform(_black_and_white(mode), transform))[0].mean(-1)
        if whitest - darkest < MIN_RANGE:
            return None
        probe = _probe(mode)
        change = np.abs(
            np.asarray(ImageCms.applyTransform(probe, transform)).astype(int) - np.asarray(probe.convert("RGB"))
        ).max()
    except Exception:  # OSError, PyCMSError, struct.error, ...: the photo can be used without it
        return None
    return transform if change > MAX_SAME or mode == "CMYK" else None


def _black_and_white(mode: str) -> Image.Image:
    """Return an image of two pixels, black and white."""
    samples = bytes(len(mode)) + b"\xff" * len(mode)
    return Image.frombytes(mode, (2, 1), samples[::-1] if mode == "CMYK" else samples)


def _probe(mode: str) -> Image.Image:
    """Return an image of colours from all over the colour space of a mode."""
    if mode != "RGB":
        return Image.frombytes(mode, (256 // len(mode), 1), bytes(range(256)))
    grid = np.stack(np.meshgrid(*[np.linspace(0, 255, 9)] * 3), -1).round().astype(np.uint8)
    return Image.fromarray(grid.reshape(27, 27, 3))
