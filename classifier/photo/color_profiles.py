"""Colour profiles: what a file's numbers mean as colours, and how they become sRGB.

    photo = to_srgb(photo, profile_of(photo, data))

Networks are trained on sRGB, which most photos are in; those of phones are in Display P3, of cameras in Adobe RGB, of
printers in CMYK. LittleCMS, inside Pillow, converts them as browsers do: with the perceptual intent, which of a
profile of primaries and curves is relative colorimetric, and with black point compensation, so that the darkest ink
is black. A profile that is damaged, does not fit the photo or would take long to read is ignored.
"""
import hashlib
import io
import math
import struct
from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE = 4_000_000  # bytes; those of printing presses have 0.5 to 2.5 million
MAX_TAGS = 100  # as LittleCMS
REMEMBERED = 16  # transforms; a photo library has a handful of cameras
SAME = 2  # of 255: a profile that moves no colour by more is taken for sRGB
LEAST_RANGE = 100  # of 255, between the black and the white of a profile that is not broken
CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")
MODES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}  # by the profile's colour space

SRGB_CURVE = b"para" + struct.pack(">4xHxx5i", 3, *(round(65536 * number) for number in (
    2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))
# red, green and blue as XYZ under D50, by the code that HEIC, AVIF and PNG name primaries with (ITU-T H.273)
PRIMARIES = {
    9: ((0.67348, 0.27904, -0.00194), (0.16566, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686)),  # BT.2020
    12: ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),  # Display P3
}
NAMED_CURVES = (1, 6, 13)  # BT.709, BT.601, sRGB: all shown with the curve of sRGB; not those of HDR


def profile_of(image: Image.Image, data: bytes) -> bytes | None:
    """Return the profile of an opened file that is not yet decoded; None where its colours are those of sRGB."""
    profile = image.info.get("icc_profile")
    if image.format == "PNG":
        at, size = data.find(b"cICP", 0, 4096) + 4, 1  # takes precedence over a profile
    elif image.format in ("HEIF", "AVIF") and not profile:
        at, size = data.find(b"colrnclx") + 8, 2
    else:
        return profile
    if at < 8:  # there is none
        return profile
    primaries, curve = (int.from_bytes(data[at + i * size:at + (i + 1) * size], "big") for i in (0, 1))
    return matrix_profile(PRIMARIES[primaries]) if primaries in PRIMARIES and curve in NAMED_CURVES else profile


def matrix_profile(primaries: tuple[tuple[float, float, float], ...], curve: bytes = SRGB_CURVE) -> bytes:
    """Return an ICC profile of three primaries, as XYZ under D50, and one curve, as such a tag has it."""
    tags = [(name, b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * number) for number in xyz)))
            for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)]
    tags += [(name, curve.ljust(-len(curve) // 4 * -4, b"\0")) for name in (b"rTRC", b"gTRC", b"bTRC")]
    table, body, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags:
        table += name + struct.pack(">II", at + len(body), len(tag))
        body += tag
    white = struct.pack(">3i", 63190, 65536, 54061)
    return (struct.pack(">I4xI4s4s4s12x4s28x", at + len(body), 0x04200000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
            + white).ljust(128, b"\0") + table + body


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image of mode L, RGB or CMYK in sRGB: in mode RGB, or the same one where there is nothing to do.

    An image of mode RGB is converted in place.
    """
    mode = MODES.get(profile[16:20]) if profile else None
    if mode == "RGB" and image.mode == "L":
        image = image.convert("RGB")
    if mode is None or mode != image.mode:
        return image
    transform = _transforms.get(profile, mode)
    if transform is None:
        return image
    if mode != "RGB":
        return ImageCms.applyTransform(image, transform)
    ImageCms.applyTransform(image, transform, inPlace=True)
    return image


def changes(profile: bytes | None) -> bool:
    """Return whether a profile changes the colours of a photo of its kind."""
    return bool(profile) and profile[16:20] in MODES and _transforms.get(profile, MODES[profile[16:20]]) is not None


class _Transforms:
    """The last few transforms to sRGB, by profile; None for a profile that changes nothing or is not taken."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, ImageCms.ImageCmsTransform | None] = OrderedDict()  # least recently used first
        self._lock = Lock()

    def get(self, profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
        if len(profile) > MAX_PROFILE:
            return None
        name = hashlib.sha256(profile).digest()
        with self._lock:
            if name in self._known:
                self._known.move_to_end(name)
                return self._known[name]
        transform = _build(profile, mode)
        with self._lock:
            self._known[name] = transform
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return transform


_transforms = _Transforms()


def _build(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform of a profile to sRGB; None where it changes nothing or cannot be read."""
    try:
        if not _is_plain(profile):
            return None
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), mode, "RGB",
            ImageCms.Intent.PERCEPTUAL, ImageCms.Flags.BLACKPOINTCOMPENSATION)
        darkest, whitest = np.asarray(ImageCms.applyTransform(_ends(mode), transform))[0].mean(-1)
        if whitest - darkest < LEAST_RANGE:
            return None
        probe = _probe(mode)
        moved = np.abs(np.asarray(ImageCms.applyTransform(probe, transform)).astype(int)
                       - np.asarray(probe.convert("RGB"))).max()
    except Exception:  # OSError, PyCMSError, struct.error, ...: a photo is worth more than its profile
        return None
    return transform if moved > SAME or mode == "CMYK" else None


def _ends(mode: str) -> Image.Image:
    """Return an image of two pixels, black and white."""
    ends = bytes(len(mode)) + b"\xff" * len(mode)
    return Image.frombytes(mode, (2, 1), ends[::-1] if mode == "CMYK" else ends)


def _probe(mode: str) -> Image.Image:
    """Return an image of colours from all over a mode's space."""
    if mode != "RGB":
        return Image.frombytes(mode, (256 // len(mode), 1), bytes(range(256)))
    grid = np.stack(np.meshgrid(*[np.linspace(0, 255, 9)] * 3), -1).round().astype(np.uint8)
    return Image.fromarray(grid.reshape(27, 27, 3))


def _is_plain(profile: bytes) -> bool:
    """Return whether a profile is an input, display or printer profile whose tables are no larger than their tags.

    LittleCMS takes half a gigabyte for the table that a header of some bytes promises. Its newer kind of pipeline
    (`mpet`) is left out: profiles that have it are rare, and it nests such tables.
    """
    n, = struct.unpack_from(">I", profile, 128)
    return (profile[36:40] == b"acsp" and profile[12:16] in CLASSES and n <= MAX_TAGS
            and all(_fits(tag) for tag in _tags(profile, n)))


def _tags(profile: bytes, n: int) -> Iterator[bytes]:
    for i in range(n):
        at, size = struct.unpack_from(">II", profile, 136 + 12 * i)
        yield profile[at:at + size]


def _fits(tag: bytes) -> bool:
    """Return whether a tag holds the table of colours that it promises."""
    kind = tag[:4]
    if kind in (b"mft1", b"mft2"):
        inputs, outputs, points = tag[8:11]
        return points ** inputs * outputs * int(kind[3:]) <= len(tag)
    if kind in (b"mAB ", b"mBA "):
        inputs, outputs = tag[8:10]
        at, = struct.unpack_from(">I", tag, 24)
        if not at:
            return True
        points, depth = tag[at:at + 16], tag[at + 16]
        return inputs <= 16 and math.prod(points[:inputs]) * outputs * depth <= len(tag)
    return kind != b"mpet"
