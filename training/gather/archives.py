"""Unpack a zip or tar archive of photos: its photos and tables alone, and nothing outside of the folder it goes to.

Limits hold for what is unpacked, not for what the archive weighs: a file of 20 MB, as for every photo that is gathered,
and the disk's free space but a reserve.
"""

import shutil
import tarfile
import zipfile
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
            path = PurePosixPath(name.replace("\\", "/"))
            if n >= MAX_FILES:
                raise CliError(f"{archive} has more than {MAX_FILES:,} files.")
            if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
                left_out["a path out of the archive"] += 1
            elif n_bytes > (MAX_TABLE_BYTES if path.suffix.lower() in TABLE_SUFFIXES else MAX_BYTES):
                left_out["too large"] += 1
            elif shutil.disk_usage(folder).free - n_bytes < RESERVE_BYTES:
                raise CliError(f"{archive} has more photos than the disk has room for. Unpack a part of it.")
            else:
                _write(opened, n_bytes, folder / path)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        what = (
            "is encrypted"
            if "encrypted" in str(error)
            else f"cannot be unpacked ({' '.join(str(error).split())[:150]})"
        )
        raise CliError(f"{archive} {what}.") from error
    reasons = [f"{n} for {why}" for why, n in left_out.most_common()]
    return [f"Files of the archive left out: {some(reasons)}."] if reasons else []


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
            if not member.is_dir():
                yield member.filename, member.file_size, partial(opened.open, member)


def _tar_members(raw: BinaryIO) -> Iterator[Member]:
    with tarfile.open(fileobj=raw) as opened:
        for member in opened:
            if member.isreg():  # no links, devices or folders
                yield member.name, member.size, partial(_opened, opened, member)


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = archive.extractfile(member)
    if found is None:
        raise tarfile.ReadError(f"{member.name} has no content")
    return found


def _write(opened: Callable[[], IO[bytes]], n_bytes: int, file: Path) -> None:
    """Write a member to a file; never more than the archive announced."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with opened() as source, file.open("wb") as target:
        left = n_bytes
        while left > 0 and (part := source.read(min(left, 1_000_000))):
            target.write(part)
            left -= len(part)
