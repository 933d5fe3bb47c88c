"""Read an encoded photo from its source: bytes, a path or an open file."""

import os
import stat
from os import PathLike
from typing import BinaryIO

from PIL import Image

from .errors import PhotoError

PhotoSource = str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image


def read_source(source: PhotoSource) -> bytes:
    """Return the encoded bytes of any source but a PIL image; a file object is read from its beginning.

    Raises PhotoError with a sentence for a person.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, PathLike)):
        data = _read_path(source)
    elif hasattr(source, "read"):
        try:
            if getattr(source, "seekable", bool)():
                source.seek(0)
            data = source.read()
        except Exception as error:  # an object with a method `read` may raise anything
            raise PhotoError(f"This file could not be read: {str(error).rstrip('.')}.") from error
        if not isinstance(data, (bytes, bytearray)):
            raise PhotoError("A photo is expected, opened as a binary file, not as text.")
    else:
        raise PhotoError(f"A photo is expected (bytes, a path or a file), not {type(source).__name__}.")
    if not data:
        raise PhotoError("This file is empty. If it was sent over the network, send it again.")
    return bytes(data)


def _read_path(path: str | PathLike[str]) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would never end
            raise PhotoError(f"{path} could not be read: it is no file.")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise PhotoError(f"There is no file {path}.") from None
    except OSError as error:
        raise PhotoError(f"{path} could not be read: {error.strerror or error}.") from error
    except ValueError as error:
        if isinstance(error, PhotoError):
            raise
        raise PhotoError(f"{path!r} could not be read: {error}.") from error
