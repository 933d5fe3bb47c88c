"""Write files completely or not at all, and compute their SHA-256."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

FileState = tuple[int, int, int]
"""inode, time of the last change in nanoseconds, bytes"""


def file_state(path: str | os.PathLike[str]) -> FileState | None:
    """Return what changes when a file is replaced; None where there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to; it replaces `path` if the block ends without an error.

    Raises OSError for a full disk, a missing folder, a device and the like; `path` is then as it was. No other process
    or thread is given the same temporary path: in containers, processes that share a disk may all be number 1.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is there already, and no file", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{token_hex(4)}.part")
    try:
        yield temporary
        _own_as(path, temporary)
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _own_as(path: Path, other: Path) -> None:
    """Give a file the owner and the rights of one that it replaces, if that may be: its readers are to go on."""
    with suppress(OSError, AttributeError):  # AttributeError: on Windows
        before = path.stat()
        os.chown(other, before.st_uid, before.st_gid)
        os.chmod(other, before.st_mode & 0o777)


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file that survives a kill and a power cut once this returns; until then an older file stays.

    The file's folder and the folder above it are made durable too, so that both may be new. Raises OSError.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if os.name != "nt":  # a file's name is on the disk when its folder is; Windows cannot open folders
        for folder in (path.parent, path.parent.parent):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
