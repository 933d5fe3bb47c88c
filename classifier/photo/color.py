"""Convert a decoded photo of any mode to sRGB in 8 bits, with transparency laid on white.

Conversions work tile by tile: for 100 megapixels at once, they would take two more copies of 400 MB each.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from .color_profiles import to_srgb

TIFF_BITS_PER_SAMPLE, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339
MIN_IS_WHITE, UNSIGNED = 0, 1


def to_rgb(image: Image.Image, tags: Mapping[int, Any], profile: bytes | None = None) -> Image.Image:
    """Return the photo in mode RGB and sRGB colours, transparency laid on white, deeper samples scaled to 8 bits.

    tags: those of a TIFF, which describe its samples; empty for other formats. profile: the ICC profile of its
    colours, None for sRGB. An image of mode RGB is converted in place.
    """
    if image.mode.startswith(("I", "F")):
        return _to_8_bits(image, tags, profile)
    if image.mode == "LAB":
        converted = ImageCms.profileToProfile(
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        return image if converted is None else converted  # None: in place
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        return _on_white(image, profile)
    if profile and image.mode in ("L", "CMYK"):
        return _in_tiles(image, profile)
    return to_srgb(image if image.mode == "RGB" else image.convert("RGB"), profile)


def _in_tiles(image: Image.Image, profile: bytes) -> Image.Image:
    """Return a photo with a profile in sRGB, converted tile by tile."""
    photo = Image.new("RGB", image.size)
    for position, tile in _tiles(image):
        photo.paste(to_srgb(tile, profile).convert("RGB"), position)
    return photo


def _tiles(image: Image.Image, side: int = 2048) -> Iterator[tuple[tuple[int, int], Image.Image]]:
    """Yield the position (left, top) and the image of each tile of a photo."""
    for top in range(0, image.height, side):
        for left in range(0, image.width, side):
            yield (left, top), image.crop((left, top, min(left + side, image.width), min(top + side, image.height)))


def _on_white(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a photo in sRGB, its transparency laid on white."""
    photo = Image.new("RGB", image.size)
    for position, tile in _tiles(image):
        if tile.mode in ("La", "RGBa"):  # colours already multiplied by their opacity
            tile = tile.convert(tile.mode.upper())
        white, colours = Image.new("RGBA", tile.size, "white"), tile.convert("RGBA")
        if profile:
            opacity = colours.getchannel("A")
            colours = to_srgb(tile.convert("L") if tile.mode in ("L", "LA") else colours.convert("RGB"), profile)
            colours = colours.convert("RGB")
            colours.putalpha(opacity)
        photo.paste(Image.alpha_composite(white, colours).convert("RGB"), position)
    return photo


def _to_8_bits(image: Image.Image, tags: Mapping[int, Any], profile: bytes | None) -> Image.Image:
    """Return mode RGB for 12-, 16- and 32-bit and float greyscale, which `convert` would clip to white."""
    unsigned = image.mode == "I" and _first(tags.get(TIFF_SAMPLE_FORMAT)) == UNSIGNED
    inverted = image.mode.startswith("I;16") and _first(tags.get(TIFF_PHOTOMETRIC)) == MIN_IS_WHITE
    transparent = image.info.get("transparency")
    top = _white(image, unsigned, _first(tags.get(TIFF_BITS_PER_SAMPLE)))
    photo = Image.new("RGB", image.size)
    for position, tile in _tiles(image):
        samples, floats = _samples(tile, unsigned)
        floats = floats.clip(0, top) * (255 / top)
        if inverted:
            floats = 255 - floats
        if isinstance(transparent, int):
            floats[samples == transparent] = 255  # laid on white
        photo.paste(to_srgb(Image.fromarray(floats.round().astype(np.uint8)), profile).convert("RGB"), position)
    return photo


def _samples(tile: Image.Image, unsigned: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return (H, W) samples as they are, and as float32 without infinities."""
    samples = np.asarray(tile)
    if unsigned:
        samples = samples.view(np.uint32)
    return samples, np.nan_to_num(samples.astype(np.float32), posinf=0, neginf=0)


def _first(value: Any) -> Any:
    """Return the first of a TIFF tag's values, or its only one."""
    return value[0] if isinstance(value, tuple) and value else value


def _white(image: Image.Image, unsigned: bool, bits: int | None) -> float:
    """Return the value of white: by the sample's type where that defines it, otherwise by the largest sample."""
    if image.mode.startswith("I;16"):
        return 2**bits - 1 if bits is not None and bits in (10, 12, 14) else 65535
    top = max(float(_samples(tile, unsigned)[1].max()) for _, tile in _tiles(image))
    if 1 < top <= 255:
        return 255
    return 65535 if image.mode == "I" and 1 < top <= 65535 else max(top, 1.0)
