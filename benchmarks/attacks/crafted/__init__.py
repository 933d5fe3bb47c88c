"""Files made to hurt whoever opens photos: one idea each, written byte by byte, small where that is the point.

    for name, data in crafted(): ...

A name is kind/idea; each module has a dictionary of ideas of its kinds. Nothing is made before it is asked for, and
nothing is kept. `benchmarks.hostile_photos` runs them.
"""

from collections.abc import Iterator

from .bmp import BMPS
from .gif import GIFS
from .heif import AVIFS, HEICS
from .jpeg import JPEGS
from .png import PNGS
from .pnm import PPMS
from .polyglots import POLYGLOTS
from .profiles import PROFILES, coloured
from .tiff import TIFFS
from .webp import WEBPS

KINDS = {
    "jpeg": JPEGS,
    "png": PNGS,
    "webp": WEBPS,
    "gif": GIFS,
    "avif": AVIFS,
    "heic": HEICS,
    "tiff": TIFFS,
    "bmp": BMPS,
    "ppm": PPMS,
    "profile": {idea: lambda make=make: coloured(make()) for idea, make in PROFILES.items()},
    "other": POLYGLOTS,
}


def make(name: str) -> bytes:
    """Return the bytes of the one with this name."""
    kind, idea = name.split("/")
    return KINDS[kind][idea]()


def names() -> list[str]:
    return [f"{kind}/{idea}" for kind, files in KINDS.items() for idea in files]


def crafted() -> Iterator[tuple[str, bytes]]:
    """Yield the name and bytes of each, made when it is its turn."""
    return ((name, make(name)) for name in names())
