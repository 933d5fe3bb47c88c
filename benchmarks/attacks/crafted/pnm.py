"""PPM files and their kin with sizes, numbers, comments or digits that are wrong or too many."""

from collections.abc import Callable

from .basics import FLOATS, SIDE

PPMS: dict[str, Callable[[], bytes]] = {
    "declared-gigapixels": lambda: b"P6\n999999999 999999999\n255\n" + bytes(100),
    "declared-100-megapixels": lambda: b"P6\n9999 9999\n255\n" + bytes(100),
    "number-of-a-million-digits": lambda: b"P6\n" + b"9" * 1_000_000 + b" 1\n255\n",
    "negative-size": lambda: b"P6\n-64 -48\n255\n" + bytes(9216),
    "zero-size": lambda: b"P6\n0 0\n255\n",
    "white-of-zero": lambda: b"P6\n64 48\n0\n" + bytes(9216),
    "white-of-3": lambda: b"P6\n64 48\n3\n" + bytes(range(4)) * 2304,
    "16-bit": lambda: b"P6\n64 48\n65535\n" + bytes(18_432),
    "16-bit-cut-off": lambda: b"P6\n64 48\n65535\n" + bytes(100),
    "100-megapixels-of-16-bit-grey": lambda: b"P5\n9999 9999\n4095\n" + bytes(2 * SIDE * SIDE),
    "comment-of-10-megabytes": lambda: b"P6\n#" + bytes(10_000_000) + b"\n64 48\n255\n" + bytes(9216),
    "digits": lambda: b"P3\n64 48\n255\n" + b"7 " * 9216,
    "2-megapixels-of-digits": lambda: b"P3\n2000 1000\n255\n" + b"7 " * 6_000_000,
    "24-megapixels-of-digits": lambda: b"P2\n6000 4000\n255\n" + b"7 " * 24_000_000,
    "more-digits-than-pixels": lambda: b"P3\n64 48\n255\n" + b"7 " * 10_000_000,
    "digits-without-end": lambda: b"P2\n64 48\n255\n" + b"7" * 10_000_000,
    "comments-in-digits": lambda: b"P2\n64 48\n255\n" + b"#\n" * 5_000_000,
    "comment-without-end-in-digits": lambda: b"P2\n64 48\n255\n#" + bytes(10_000_000),
    "bits-in-digits": lambda: b"P1\n64 48\n" + b"1" * 3072,
    "floats-of-no-scale": lambda: b"Pf\n64 48\nnan\n" + bytes(12_288),
    "floats": lambda: b"Pf\n64 48\n-1.0\n" + FLOATS,
    "pillows-own": lambda: b"PyRGBA\n64 48\n255\n" + bytes(12_288),
}
