"""Files that are there in whole or not at all."""
import os
from pathlib import Path


def write_whole(file: Path, data: bytes) -> None:
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
