"""Files that are no photo, or two things at once."""

import random
from collections.abc import Callable

from .basics import encoded, picture
from .gif import gif


def polyglots() -> dict[str, Callable[[], bytes]]:
    html = b"<html><script>alert(1)</script></html>"
    noise = random.Random(0).randbytes
    return {
        "empty": lambda: b"",
        "one-byte": lambda: b"\xff",
        "a-megabyte-of-zeros": lambda: bytes(1_000_000),
        "noise-of-20-megabytes": lambda: noise(20_000_000),
        "noise-of-200-megabytes": lambda: noise(1_000_000) * 200,
        "jpeg-start-and-noise": lambda: b"\xff\xd8\xff\xe0" + noise(3_000_000),
        "png-start-and-noise": lambda: b"\x89PNG\r\n\x1a\n" + noise(3_000_000),
        "gif-start-and-noise": lambda: b"GIF89a" + noise(3_000_000),
        "webp-start-and-noise": lambda: b"RIFF\0\0\0\1WEBPVP8 " + noise(3_000_000),
        "tiff-start-and-noise": lambda: b"II*\0\x08\0\0\0" + noise(3_000_000),
        "bmp-start-and-noise": lambda: b"BM" + noise(3_000_000),
        "heic-start-and-noise": lambda: b"\0\0\0\x18ftypheic" + noise(3_000_000),
        "avif-start-and-noise": lambda: b"\0\0\0\x18ftypavif" + noise(3_000_000),
        "jpeg-with-a-page-behind": lambda: encoded(picture(), "JPEG") + html,
        "jpeg-with-a-video-behind": lambda: encoded(picture(), "JPEG", progressive=True) + noise(10_000_000),
        "gif-that-is-a-script": lambda: b"GIF89a/*" + html + b"*/=1;" + gif(64, 48)[13:],
        "png-and-zip": lambda: encoded(picture(), "PNG") + b"PK\3\4" + bytes(100) + b"PK\5\6" + bytes(18),
        "pdf-with-a-jpeg-inside": lambda: b"%PDF-1.7\n" + encoded(picture(), "JPEG"),
        "bmp-that-is-a-gif": lambda: b"BM" + gif(64, 48),
        "photo-behind-a-page": lambda: html + encoded(picture(), "PNG"),
    }


POLYGLOTS = polyglots()
