"""Change photos as users do, so that a model is trained and measured on such photos too.

Gives  `VIEWS`: functions that give a changed copy of a photo
"""

import io
import random
from collections.abc import Callable

from PIL import Image, ImageOps

from classifier.photo import open_photo

THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 225, 75  # of the pictures that a web search shows
CROPPED_AREA = 0.5  # share of the photo


def as_thumbnail(photo: Image.Image) -> Image.Image:
    """Return the photo as a web search's thumbnail: small, and compressed."""
    photo, buffer = photo.copy(), io.BytesIO()
    photo.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    photo.save(buffer, "JPEG", quality=THUMBNAIL_QUALITY)
    return open_photo(buffer.getvalue())


def cropped(photo: Image.Image, rng: random.Random) -> Image.Image:
    """Return a random crop of half of the photo's area, as another photographer would have framed it."""
    width, height = (max(1, round(side * CROPPED_AREA**0.5)) for side in photo.size)
    left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
    return photo.crop((left, top, left + width, top + height))


# a view is a changed copy of a photo. Each photo has its own random crop, the same one in every run
VIEWS: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "plain": lambda photo, rng: photo,
    "mirrored": lambda photo, rng: ImageOps.mirror(photo),
    "thumbnail": lambda photo, rng: as_thumbnail(photo),
    "cropped": cropped,
    "cropped thumbnail": lambda photo, rng: as_thumbnail(cropped(photo, rng)),
}
