"""Unpack a zip or tar archive of photos: its photos and tables alone, and nothing outside of the folder it goes to.

Limits hold for what is unpacked, not for what the archive weighs: a file of 20 MB, as for every photo that is gathered,
and the disk's free space but a reserve.
"""

import errno
import lzma
import re
import shutil
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from fastcore.script import CliError

from classifier.photo.download import MAX_BYTES
from training.progress import progress_bar

from .candidates import some

Member = tuple[str, int, Callable[[], IO[bytes]]]  # name, size, and what opens it

MAX_TABLE_BYTES = 500_000_000
MAX_FILES = 2_000_000
RESERVE_BYTES = 1_000_000_000  # of the disk, that an archive never fills
ARCHIVE_SUFFIXES = {".zip", ".tar", ".tgz", ".gz", ".7z", ".rar"}
BAD_NAMES = {errno.ENAMETOOLONG, errno.EISDIR, errno.EEXIST, errno.ENOTDIR, errno.EINVAL}
DAMAGE = (  # what the libraries raise for a damaged archive
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError),
    *(RuntimeError, NotImplementedError),
)
TABLE_SUFFIXES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".json"}


def is_archive(file: Path) -> bool:
    """Return whether a file is a zip or tar archive, whatever its name."""
    try:
        return file.is_file() and (zipfile.is_zipfile(file) or tarfile.is_tarfile(file))
    except OSError:
        return False


def unpack(archive: Path, folder: Path) -> list[str]:
    """Unpack the files of an archive into a folder; return sentences on what was left out.

    Raises CliError for an archive that is damaged, encrypted, or larger than the disk.
    """
    left_out: Counter[str] = Counter()
    try:
        for n, (name, n_bytes, opened) in enumerate(_members(archive)):
            if n >= MAX_FILES:
                raise CliError(f"{archive} has more than {MAX_FILES:,} files.")
            if why := _obstacle(archive, folder, name, n_bytes) or _write(opened, n_bytes, folder / _path(name)):
                left_out[why] += 1
    except DAMAGE as error:
        said = " ".join(str(error).split())[:150]
        what = "is encrypted" if "encrypted" in said else f"cannot be unpacked: it is damaged ({said})"
        raise CliError(f"{archive} {what}.") from error
    if (folder / "[Content_Types].xml").exists():
        raise CliError(f"{archive} is a file of Excel or Word. Save the table as csv, and give that.")
    reasons = [f"{n} for {why}" for why, n in left_out.most_common()]
    return [f"Files of the archive left out: {some(reasons)}."] if reasons else []


def _path(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))


def _obstacle(archive: Path, folder: Path, name: str, n_bytes: int) -> str:
    """Return why a member is not unpacked, or ""; CliError where the disk has no room for it."""
    path = _path(name)
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name) or "\0" in name:
        return "a path out of the archive"
    if n_bytes > (MAX_TABLE_BYTES if path.suffix.lower() in TABLE_SUFFIXES else MAX_BYTES):
        return "too large"
    if shutil.disk_usage(folder).free - n_bytes < RESERVE_BYTES:
        raise CliError(f"{archive} has more photos than the disk has room for. Unpack a part of it.")
    if path.suffix.lower() in ARCHIVE_SUFFIXES:
        return "an archive in the archive"
    return "a link" if n_bytes < 0 else ""


def _members(archive: Path) -> Iterator[Member]:
    """Yield the files of an archive, with a progress bar over its bytes."""
    with archive.open("rb") as raw:
        bar = progress_bar(range(archive.stat().st_size), leave=False)
        bar.update(0)  # fastprogress starts its clock at 0 alone
        for member in _zip_members(raw) if zipfile.is_zipfile(archive) else _tar_members(raw):
            yield member
            bar.update(min(raw.tell(), bar.total))


def _zip_members(raw: BinaryIO) -> Iterator[Member]:
    with zipfile.ZipFile(raw) as opened:
        for member in opened.infolist():
            if not member.is_dir() and not member.filename.endswith(("/", "\\")):
                yield member.filename, member.file_size, partial(opened.open, member)


def _tar_members(raw: BinaryIO) -> Iterator[Member]:
    with tarfile.open(fileobj=raw) as opened:
        for member in opened:
            if not member.isdir():  # what is no file is counted, with a size that none has
                yield member.name, member.size if member.isreg() else -1, partial(_opened, opened, member)
        _check_end(opened)


def _check_end(archive: tarfile.TarFile) -> None:
    """Raise ReadError where a tar ends amid its files: for `tarfile` a damaged header is its end."""
    file = archive.fileobj
    file.seek(archive.offset)
    end = file.read(tarfile.BLOCKSIZE)
    if len(end) < tarfile.BLOCKSIZE or end.strip(b"\0"):
        raise tarfile.ReadError("it ends before its end")
    while file.read(1_000_000):  # so that a checksum over the whole is looked at
        pass


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = archive.extractfile(member)
    if found is None:
        raise tarfile.ReadError(f"{member.name} has no content")
    return found


def _write(opened: Callable[[], IO[bytes]], n_bytes: int, file: Path) -> str:
    """Write a member to a file, never more than the archive announced; return "", or why it cannot have its name."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        target = file.open("wb")
    except OSError as error:
        if error.errno in BAD_NAMES:
            return "a name that cannot be written"
        raise
    with opened() as source, target:
        left = n_bytes
        while left > 0 and (part := source.read(min(left, 1_000_000))):
            target.write(part)
            left -= len(part)
    return ""
