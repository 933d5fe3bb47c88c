"""Inspect a JPEG: whether it costs too much to decode, and whether all its scans and pixels are there."""

import re
from collections.abc import Iterator
from itertools import product

import numpy as np
from PIL import Image

from .errors import PhotoError, too_costly
from .tiff import check_directory, check_exif

MAX_SEGMENTS = 20_000
MAX_SCANNED = 5_000_000_000  # pixels times the work of the scans (see `_work`), which is about 30 as editors write them
MAX_COEFFICIENTS = 3  # for each pixel that may be decoded: a JPEG of many scans keeps all of them, with two bytes each
MAX_METADATA = 8_000_000  # bytes of EXIF, or of Photoshop blocks: Pillow's time for them grows faster than their size

_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # the others have no payload, or are no markers
FRAMES, TABLES, SCAN, END = range(0xC0, 0xD0), (0xC4, 0xC8, 0xCC), 0xDA, 0xD9
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and payload of a JPEG's segments up to its end, as libjpeg finds them."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if not found or (marker := data[found.end() - 1]) == END:
            return
        at = found.end()
        if marker != 0xD8:
            length = max(2, int.from_bytes(data[at : at + 2], "big"))
            yield marker, data[at + 2 : at + length]
            at += length
    raise too_costly("JPEG", f"is cut into more than {MAX_SEGMENTS} pieces")


def check_jpeg(data: bytes, max_pixels: int) -> None:
    """Raise PhotoError for a JPEG whose scans or metadata take far more time or memory than a photo's."""
    exif: list[bytes] = []
    photoshop, work, frame, passes = 0, 0, b"", False
    for marker, payload in _segments(data):
        if marker == SCAN:
            if not passes and payload[:1] == frame[5:6]:
                break  # everything is in one scan, which is decoded as it is read
            passes, work, pixels = True, work + _work(payload), _pixels(frame)
            if work * pixels > MAX_SCANNED:
                raise too_costly("JPEG", "is built of too many scans")
            if pixels > max_pixels and _coefficients(frame) > MAX_COEFFICIENTS * max_pixels:
                raise PhotoError(
                    f"This JPEG is progressive and has {pixels / 1e6:.0f} megapixels, which takes too "
                    "much memory to open. Send a smaller one."
                )
        elif marker in FRAMES and marker not in TABLES:
            frame, passes = payload, marker in PROGRESSIVE
        elif marker == 0xE1 and payload.startswith(b"Exif\0\0"):
            exif.append(payload[6:])
        elif marker == 0xE2 and payload.startswith(b"MPF\0"):
            check_directory(payload[4:], "JPEG")
        elif marker == 0xED:
            photoshop += len(payload)
    if max(photoshop, sum(map(len, exif))) > MAX_METADATA:
        raise too_costly("JPEG", f"has more than {MAX_METADATA // 1_000_000} megabytes of metadata")
    check_exif(b"".join(exif))


def _pixels(frame: bytes) -> int:
    """Return the pixels of a JPEG by its frame's header."""
    return int.from_bytes(frame[1:3], "big") * int.from_bytes(frame[3:5], "big")


def _coefficients(frame: bytes) -> float:
    """Return the coefficients of all components of a JPEG by its frame's header."""
    samplings = [(sampling >> 4) * (sampling & 15) for sampling in frame[7 : 6 + 3 * frame[5] : 3]]
    return _pixels(frame) * sum(samplings) / max(1, *samplings)


def has_all_scans(data: bytes) -> bool:
    """Return whether a truncated JPEG has all its scans: one of all components, or each coefficient to its last bit.

    False for one of so many scans that it would take too long to decode it again.
    """
    exact: set[tuple[int, int]] = set()  # component, coefficient
    frame, progressive, work = b"", False, 0
    for marker, payload in _segments(data):
        if marker in FRAMES and marker not in TABLES:
            frame, progressive = payload, marker in PROGRESSIVE
        elif marker == SCAN and payload and frame and not progressive:
            return payload[0] == frame[5]
        elif marker == SCAN and len(payload) >= 4 + 2 * payload[0]:
            work += _work(payload)
            first, last, bits = payload[1 + 2 * payload[0] : 4 + 2 * payload[0]]
            if not bits & 15:
                exact.update(product(payload[1 : 1 + 2 * payload[0] : 2], range(first, min(63, last) + 1)))
    if work * _pixels(frame) > MAX_SCANNED / 2:
        return False
    return bool(frame) and len(exact) >= 64 * frame[5]


def has_missing_pixels(image: Image.Image) -> bool:
    """Return whether more than 1% of a JPEG's pixels are missing: libjpeg makes pixels without data grey."""
    strip = np.asarray(image.crop((0, image.height - image.height // 8 - 1, image.width, image.height)))
    grey = (strip == 127) | (strip == 128)
    return int(grey.reshape(*grey.shape[:2], -1).all(-1).sum()) > max(image.width * image.height // 100, 256)


def _work(scan: bytes) -> int:
    """Return the time of a scan by its header, in passes over one component.

    A scan that refines coefficients reads all of them, even where nothing changes.
    """
    components = scan[0] if scan else 1
    first, _, approximation = scan[1 + 2 * components : 4 + 2 * components].ljust(3, b"\0")
    return components * (4 if first and approximation >> 4 else 1)
