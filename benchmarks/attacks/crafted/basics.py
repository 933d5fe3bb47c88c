"""What crafted photos of several formats begin with: a small picture, its encoding, zeros that inflate, a size."""

import io
import random
import struct
import zlib

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

SIDE = 9_999  # 100 megapixels, less a little
FLOATS = struct.pack("<4f", float("inf"), float("-inf"), float("nan"), 1e38) * 768


def picture(size: tuple[int, int] = (64, 48), mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Return a small picture with something in it; size is width, height."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, (8, 6), random.Random(seed).randbytes(48 * bands)).resize(size)


def encoded(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def zeros(n: int) -> bytes:
    """Return what inflates to n zero bytes, made from one block repeated: a bomb that takes no time to make."""
    million = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = million.compress(bytes(1_000_000)) + million.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, zlib.DEFLATED, -15)
    last = rest.compress(bytes(n % 1_000_000)) + rest.flush()
    return b"\x78\xda" + block * (n // 1_000_000) + last + struct.pack(">I", (n % 65521) << 16 | 1)
