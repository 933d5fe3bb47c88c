"""Open a photo of any kind as an upright RGB image, within limits of memory and time."""
from .decode import PhotoError, PhotoSource, n_pixels, open_photo, photo_format, read_source, set_max_pixels

__all__ = ["PhotoError", "PhotoSource", "n_pixels", "open_photo", "photo_format", "read_source", "set_max_pixels"]
