"""A decoded photo of any mode, brought to RGB: transparency on white, deeper samples in 8 bits.

One tile at a time: what is computed of 100 megapixels takes a second and a third copy of them, 400 MB each, otherwise.
"""
from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image, ImageCms

TIFF_BITS_PER_SAMPLE, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339
MIN_IS_WHITE, UNSIGNED = 0, 1


def to_rgb(image: Image.Image, tags: Mapping) -> Image.Image:
    """Return the photo in mode RGB, transparency laid on white, deeper samples scaled to 8 bits.

    tags: a TIFF's, which tell what its samples are; empty for others.
    """
    if image.mode.startswith(("I", "F")):
        return _to_8_bits(image, tags)
    if image.mode == "LAB":
        return ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"),
                                         outputMode="RGB")
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _tiles(image: Image.Image, side: int = 2048) -> Iterator[tuple[tuple[int, int], Image.Image]]:
    """Yield a photo's tiles and where they lie, (left, top): what is computed of a tile takes little memory."""
    for top in range(0, image.height, side):
        for left in range(0, image.width, side):
            yield (left, top), image.crop((left, top, min(left + side, image.width), min(top + side, image.height)))


def _on_white(image: Image.Image) -> Image.Image:
    photo = Image.new("RGB", image.size)
    for at, tile in _tiles(image):
        if tile.mode in ("La", "RGBa"):  # colours already multiplied by their opacity
            tile = tile.convert(tile.mode.upper())
        white = Image.new("RGBA", tile.size, "white")
        photo.paste(Image.alpha_composite(white, tile.convert("RGBA")).convert("RGB"), at)
    return photo


def _to_8_bits(image: Image.Image, tags: Mapping) -> Image.Image:
    """Return mode RGB for 12-, 16- and 32-bit and float greyscale, which `convert` would clip to white."""
    unsigned = image.mode == "I" and _first(tags.get(TIFF_SAMPLE_FORMAT)) == UNSIGNED
    inverted = image.mode.startswith("I;16") and _first(tags.get(TIFF_PHOTOMETRIC)) == MIN_IS_WHITE
    transparent = image.info.get("transparency")
    top = _white(image, unsigned, _first(tags.get(TIFF_BITS_PER_SAMPLE)))
    photo = Image.new("RGB", image.size)
    for at, tile in _tiles(image):
        samples, floats = _samples(tile, unsigned)
        floats = floats.clip(0, top) * (255 / top)
        if inverted:
            floats = 255 - floats
        if isinstance(transparent, int):
            floats[samples == transparent] = 255  # laid on white
        photo.paste(Image.fromarray(floats.round().astype(np.uint8)).convert("RGB"), at)
    return photo


def _samples(tile: Image.Image, unsigned: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return (H, W) samples as they are, and as float32 without infinities."""
    samples = np.asarray(tile)
    if unsigned:
        samples = samples.view(np.uint32)
    return samples, np.nan_to_num(samples.astype(np.float32), posinf=0, neginf=0)


def _first(value):
    """Return the first of a TIFF tag's values, or the one it has."""
    return value[0] if isinstance(value, tuple) and value else value


def _white(image: Image.Image, unsigned: bool, bits: int | None) -> float:
    """Return the sample that stands for white: by definition where the type tells, else by the values."""
    if image.mode.startswith("I;16"):
        return 2 ** bits - 1 if bits in (10, 12, 14) else 65535
    top = max(float(_samples(tile, unsigned)[1].max()) for _, tile in _tiles(image))
    if 1 < top <= 255:
        return 255
    return 65535 if image.mode == "I" and 1 < top <= 65535 else max(top, 1.0)
