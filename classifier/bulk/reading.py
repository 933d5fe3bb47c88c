"""Read a photo of a list: a file, an object of a store or an address on the web.

Gives  its bytes, or PhotoError with a sentence; OutOfReach where another try may succeed
"""

import os

from fastcore.script import CliError

from classifier.photo import PhotoError
from classifier.photo.download import MAX_BYTES, Downloader, DownloadError, run_async
from classifier.photo.sources import read_source

from .photo_list import UNKNOWN
from .places import STORES, as_os_error, file_system, local_path, scheme_of, why

WEB = ("http", "https")
MAX_PHOTO_BYTES = 200_000_000  # of a file or an object; an address on the web has less


class OutOfReach(PhotoError):
    """Raised for a photo that may be well: its store, its server or this machine's rights to it keep it away."""


def read_photo(file: str, n_bytes: int) -> bytes:
    """Return the bytes of a file, an object or an address on the web.

    n_bytes: as listed; UNKNOWN of an address in a table. What was listed and is not there may be behind a network drive
    that this machine does not have at the moment, so it is out of reach.
    """
    if n_bytes > MAX_PHOTO_BYTES:
        raise _too_large(n_bytes)
    scheme = scheme_of(file)
    if scheme in WEB:
        return _download(file)
    if n_bytes == UNKNOWN and scheme not in {"", *STORES}:  # others reach any host, and fsspec may run what they name
        raise PhotoError(f"{file} is not read: a table names files, objects such as s3://…, and http:// or https://.")
    path = local_path(file)
    return _read_object(file, n_bytes) if path is None else _read_local(path, n_bytes)


def _read_object(file: str, n_bytes: int) -> bytes:
    try:
        files, path = file_system(file)
        with as_os_error():
            size = n_bytes if n_bytes >= 0 else int(files.info(path).get("size") or 0)
            data = b"" if size > MAX_PHOTO_BYTES else bytes(files.cat_file(path))
    except FileNotFoundError:
        raise _missing(file, n_bytes != UNKNOWN) from None
    except OSError as error:
        raise OutOfReach(f"{file} could not be read: {why(error)}.") from None
    except CliError as error:  # a package that this worker lacks
        raise OutOfReach(str(error)) from None
    if size > MAX_PHOTO_BYTES:
        raise _too_large(size)
    return read_source(data)


def _read_local(file: str, n_bytes: int) -> bytes:
    size = 0
    try:
        size = os.stat(file).st_size
    except FileNotFoundError:
        raise _missing(file, n_bytes != UNKNOWN or not _has_entries(os.path.dirname(file) or ".")) from None
    except (OSError, ValueError):
        pass  # read_source says why
    if size > MAX_PHOTO_BYTES:
        raise _too_large(size)
    try:
        return read_source(file)
    except PhotoError as error:
        if isinstance(error.__cause__, OSError):
            raise OutOfReach(str(error)) from None
        raise


def _has_entries(folder: str) -> bool:
    """Return whether a folder is there and has anything in it: where a drive is not mounted it has not."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except (OSError, ValueError):
        return False


def _missing(file: str, was_there: bool) -> PhotoError:
    """Return the error of a file that is not there. was_there: whether it may come back."""
    return (OutOfReach if was_there else PhotoError)(f"There is no file {file}.")


def _download(address: str) -> bytes:
    """Return the bytes at an address on the public web, as the app fetches those that clients send."""
    try:
        return run_async(Downloader(max_bytes=MAX_BYTES).fetch(address))
    except DownloadError as error:
        kind = PhotoError if error.final else OutOfReach
        raise kind(f"{address} could not be downloaded: {error}.") from None


def _too_large(n_bytes: int) -> PhotoError:
    return PhotoError(f"This file has {n_bytes / 1e6:.0f} MB, more than the {MAX_PHOTO_BYTES / 1e6:.0f} MB of a photo.")
