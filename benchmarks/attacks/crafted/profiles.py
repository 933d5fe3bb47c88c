"""Colour profiles that are too large, wrong or strange, each in a JPEG."""

import struct
from collections.abc import Callable
from itertools import product

from classifier.photo.color_profiles import PRIMARIES, SRGB_CURVE, matrix_profile

from .basics import encoded, picture


def profile(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"Lab ", kind: bytes = b"prtr") -> bytes:
    """Return an ICC profile of any tags. space: RGB, GRAY or CMYK in four bytes. pcs: what it leads to."""
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", at + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    return (
        (
            struct.pack(">I4xI4s4s4s12x4s28x", at + len(body), 0x02400000, kind, space, pcs, b"acsp")
            + struct.pack(">3i", 63190, 65536, 54061)
        ).ljust(128, b"\0")
        + table
        + body
    )


def lut(inputs: int, points: int, table: bytes) -> bytes:
    """Return a table of colours with curves that change nothing, as such a tag has it; its colours are 3 bytes each."""
    curve = bytes(range(256))
    return (
        b"mft1\0\0\0\0"
        + bytes((inputs, 3, points, 0))
        + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
        + curve * inputs
        + table
        + curve * 3
    )


def printer(points: int = 2, space: bytes = b"CMYK") -> bytes:
    """Return a profile of a printer whose four inks take light away one after the other."""
    inputs = {b"CMYK": 4, b"RGB ": 3}[space]
    return profile(
        space,
        {
            b"A2B0": lut(
                inputs,
                points,
                b"".join(
                    bytes((255 * sum(node) // (inputs * (points - 1)) ^ (255 if inputs == 4 else 0), 128, 128))
                    for node in product(range(points), repeat=inputs)
                ),
            )
        },
    )


def pipeline(points: bytes, inputs: int = 3) -> bytes:
    """Return a table of colours of the newer kind that promises so many points each way and has none."""
    return b"mAB \0\0\0\0" + struct.pack(">BBxx5I", inputs, 3, 0, 0, 0, 32, 0) + points.ljust(16, b"\0") + b"\2\0\0\0"


def curve(n: int, value: bytes = b"\0\1") -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">I", n) + value * min(n, 1_000_000)


def with_curve(tag: bytes) -> bytes:
    return matrix_profile(PRIMARIES[12], tag)


PROFILES: dict[str, Callable[[], bytes]] = {
    "table-of-a-gigabyte": lambda: profile(b"RGB ", {b"A2B0": lut(3, 255, b"")}),
    "table-of-15-inputs": lambda: profile(b"RGB ", {b"A2B0": lut(15, 9, b"")}),
    "table-of-4-gigabytes": lambda: profile(b"RGB ", {b"A2B0": pipeline(b"\xff" * 4, 4)}),
    "100-tables": lambda: profile(b"RGB ", {b"A2%02d" % i: pipeline(b"\x90" * 3) for i in range(100)}),
    "table-of-3-megabytes": lambda: printer(30),
    "table-of-one-point": lambda: profile(b"RGB ", {b"A2B0": lut(3, 1, bytes(3))}),
    "newest-pipeline": lambda: profile(b"RGB ", {b"D2B0": b"mpet" + bytes(1000)}),
    "2-billion-tags": lambda: profile(b"RGB ", {})[:128] + b"\x7f\xff\xff\xff" + bytes(5000),
    "tags-behind-the-end": lambda: matrix_profile(PRIMARIES[12])[:200].ljust(2000, b"\xff"),
    "curve-of-a-million": lambda: with_curve(curve(1_000_000)),
    "curve-of-4-billion": lambda: with_curve(curve(2**32 - 1, b"")),
    "curve-of-32767-that-falls": lambda: with_curve(curve(32_767, b"\xff\0")),
    "curve-of-extremes": lambda: with_curve(SRGB_CURVE[:12] + b"\x7f\xff\xff\xff\x80\0\0\0" * 3),
    "primaries-of-nothing": lambda: matrix_profile(((0, 0, 0),) * 3),
    "primaries-of-extremes": lambda: matrix_profile(((32767, -32768, 32767),) * 3),
    "link-of-devices": lambda: profile(b"RGB ", {b"A2B0": lut(3, 2, bytes(24))}, b"RGB ", b"link"),
    "names-of-colours": lambda: profile(b"RGB ", {b"ncl2": b"ncl2" + b"\xff" * 80}, kind=b"nmcl"),
    "only-its-header": lambda: profile(b"RGB ", {})[:128],
    "of-8-megabytes": lambda: matrix_profile(PRIMARIES[12]).ljust(8_000_000, b"\0"),
}


def coloured(data: bytes) -> bytes:
    """Return a JPEG with a colour profile, in the mode that it is for."""
    return encoded(picture(mode="CMYK" if data[16:20] == b"CMYK" else "RGB"), "JPEG", icc_profile=data)
