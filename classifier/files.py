"""Write files in whole or not at all, and name them by their content."""
import hashlib
import os
from pathlib import Path


def atomic_write(file: Path, data: bytes) -> None:
    """Write a file that survives a kill and a power cut once this returns; before, what was there stays."""
    aside = file.with_name(f".{file.name}.part")
    with aside.open("wb") as part:
        part.write(data)
        part.flush()
        os.fsync(part.fileno())
    os.replace(aside, file)
    if os.name != "nt":  # the name is on the disk when its folder is; Windows opens no folders
        for folder in (file.parent, file.parent.parent):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def sha256(file: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal: what names a photo or an export whatever its folder."""
    digest = hashlib.sha256()
    with open(file, "rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
