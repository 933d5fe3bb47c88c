"""Files in a folder or under any address that fsspec knows (s3://, gs://, hf://), read and written as a whole.

place = Place.of("s3://bucket/answers")
place.write("parts/a.parquet", data)
"""

import posixpath
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from classifier.files import replacing


@dataclass(frozen=True)
class Place:
    """A folder, of this machine or of an object store."""

    address: str
    """as its user writes it"""
    files: Any
    """the fsspec file system"""
    root: str
    """the folder's path in that file system"""
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
        return bool(self.files.exists(self.path(name)))

    def names(self, folder: str) -> set[str]:
        """Return the names of the files in one of its folders; none where there is no such folder."""
        self.files.invalidate_cache()
        try:
            found = self.files.ls(self.path(folder), detail=False)
        except FileNotFoundError:
            return set()
        return {posixpath.basename(name.rstrip("/")) for name in found}

    def read(self, name: str) -> bytes:
        """Return a file's bytes; FileNotFoundError where there is none."""
        return bytes(self.files.cat_file(self.path(name)))

    def write(self, name: str, data: bytes) -> None:
        """Write a file in whole or not at all; it takes the place of an older one. Raises OSError."""
        if not self.is_local:
            self.files.pipe_file(self.path(name), data)  # one put: an object is there in whole or not at all
            return
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(data)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens where there is none."""
        with suppress(FileNotFoundError):
            self.files.rm_file(self.path(name))


def file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it; CliError where a package is missing."""
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise CliError(f"{address}: {str(error).rstrip('.')}.") from None
    except ValueError as error:
        raise CliError(f"{address} is no address that can be opened: {str(error).rstrip('.')}.") from None
    return files, str(root)
