"""Open a photo of any format as an upright RGB image, within limits of memory and time."""

from .decode import n_pixels, open_photo, photo_format, set_max_pixels
from .errors import PhotoError
from .sources import PhotoSource, read_source

__all__ = ["PhotoError", "PhotoSource", "n_pixels", "open_photo", "photo_format", "read_source", "set_max_pixels"]
