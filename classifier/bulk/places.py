"""Files in a folder or under any address that fsspec knows (s3://, gs://, hf://), read and written as a whole.

place = Place.of("s3://bucket/answers")
place.write("parts/a.parquet", data)
"""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier.files import atomic_write

STORES = frozenset(
    ("abfs", "abfss", "adl", "az", "file", "gcs", "gs", "hf", "local", "memory", "oci", "oss", "s3", "s3a")
)
"""schemes of fsspec whose addresses name a file, in a bucket perhaps, and nothing that it is to be opened by"""


@dataclass(frozen=True)
class Place:
    """A folder, of this machine or of an object store. Whatever goes wrong raises OSError."""

    address: str
    """as its user writes it"""
    files: Any
    """the fsspec file system"""
    root: str
    """the folder's path in that file system; of this machine: from the root"""
    is_local: bool

    @classmethod
    def of(cls, address: str) -> "Place":
        """Return the folder at an address; CliError for one that no installed package knows."""
        files, root = file_system(address)
        local = type(files).__name__ == "LocalFileSystem"
        return cls(address, files, root.rstrip("/") or "/", local)

    def path(self, name: str) -> str:
        """Return the path of a file in the folder; name: with / between folders."""
        return posixpath.join(self.root, name)

    def has(self, name: str) -> bool:
        """Return whether a file is there."""
        with as_os_error():
            self.files.invalidate_cache(self.path(name))  # another process may have written it
            return bool(self.files.exists(self.path(name)))

    def names(self, folder: str) -> set[str]:
        """Return the names of the files in one of its folders; none where there is no such folder."""
        try:
            with as_os_error():
                self.files.invalidate_cache(self.path(folder))
                found = self.files.ls(self.path(folder), detail=False)
        except FileNotFoundError:
            return set()
        return {posixpath.basename(name.rstrip("/")) for name in found}

    def read(self, name: str) -> bytes:
        """Return a file's bytes; FileNotFoundError where there is none."""
        with as_os_error():
            return bytes(self.files.cat_file(self.path(name)))

    def read_to_decode(self, name: str) -> bytes:
        """Return a file's bytes; FileNotFoundError where there is none, CliError where they are out of reach.

        For files of which a person is told to remove them where they are damaged: what is out of reach may be well.
        """
        try:
            return self.read(name)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise CliError(f"{self.address}/{name} cannot be read: {why(error)}.") from None

    def write(self, name: str, data: bytes) -> None:
        """Write a file in whole or not at all; it takes the place of an older one."""
        if not self.is_local:
            with as_os_error():
                self.files.pipe_file(self.path(name), data)  # one put: an object is there in whole or not at all
            return
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        if data:
            atomic_write(path, data)
        else:  # a mark, which need not survive a power cut
            path.touch()

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        with suppress(FileNotFoundError), as_os_error():
            self.files.rm_file(self.path(name))


@contextmanager
def as_os_error() -> Iterator[None]:
    """Raise OSError for what the package of a file system raises: botocore and aiohttp have classes of their own."""
    try:
        yield
    except (OSError, CliError):
        raise
    except Exception as error:
        raise OSError(why(error)) from error


def why(error: BaseException) -> str:
    """Return the reason that an error gives, in one line without a full stop."""
    text = (isinstance(error, OSError) and error.strerror) or str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300].rstrip(". ")


def scheme_of(address: str) -> str:
    """Return the scheme of an address, in small letters; "" of a path."""
    return address.partition("://")[0].lower() if "://" in address else ""


def unchained(address: str) -> tuple[str, str]:
    """Return an address of fsspec and what it is in: zip://in::s3://bucket/photos.zip. Most are in nothing: "".

    The names of objects may have :: too; those are no chain.
    """
    first, _, inner = address.partition("::") if scheme_of(address) not in {"", *STORES} else (address, "", "")
    return first, inner


def local_path(address: str) -> str | None:
    """Return the path of a file of this machine, with or without file://; None for any other address."""
    scheme = scheme_of(address)
    return file_system(address)[1] if scheme in ("file", "local") else None if scheme else address


def file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it; CliError where a package is missing.

    All threads share one file system, so that they share its connections: fsspec itself keeps one for each thread.
    """
    first, inner = unchained(address)
    scheme, separator, rest = first.partition("://")
    scheme = scheme.lower()
    host = "" if inner else rest.partition("/")[0].partition("::")[0]  # zip://folder/photo.jpg::… has none
    try:
        files = _opened(f"{scheme}://{host}{f'::{inner}' if inner else ''}" if separator else "file://")
    except ImportError as error:
        raise CliError(f"{address} needs a package that is not installed: {why(error)}.") from None
    except Exception as error:  # each package has its own for an address, a file or credentials that it does not take
        raise CliError(f"{address} cannot be opened: {why(error)}.") from None
    return files, str(files._strip_protocol(f"{scheme}{separator}{rest}"))


@lru_cache
def _opened(address: str) -> Any:
    import fsspec

    # with more than one, s3fs asks for the size of each object before it reads it: twice the requests
    options = {"max_concurrency": 1} if address.startswith(("s3://", "s3a://")) else {}
    return fsspec.core.url_to_fs(address, **options)[0]
