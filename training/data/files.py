"""Find the files of photos, and read their labels from the names of their folders.

As fastai's `get_files` and `parent_label`, without the seconds that the import of torch takes.
"""

import mimetypes
import os
from collections.abc import Container
from pathlib import Path

from fastcore.script import CliError

from classifier.photo.formats import EXTENSIONS

# fastai's too: an image that cannot be opened is named, not passed over
PHOTO_EXTENSIONS = {suffix for suffix, kind in mimetypes.types_map.items() if kind.startswith("image/")} | {*EXTENSIONS}


def get_files(folder: str | Path, extensions: Container[str] = ()) -> list[Path]:
    """Return the files in a folder and below, but for hidden ones; links are followed.

    extensions: in lower case, with their dot; any where none is given.
    """
    return [
        Path(here) / name
        for here, folders, names in os.walk(folder, followlinks=True)
        if _without_hidden(folders)
        for name in names
        if not name.startswith(".") and (not extensions or f".{name.split('.')[-1].lower()}" in extensions)
    ]


def _without_hidden(folders: list[str]) -> bool:
    """Remove hidden folders from the list that `os.walk` is about to enter; always True."""
    folders[:] = [name for name in folders if not name.startswith(".")]
    return True


def parent_label(file: str | Path) -> str:
    """Return the name of the folder that a photo lies in: its label."""
    return Path(file).parent.name


def folder_name(label: str) -> str:
    """Return the name of a label's folder: words joined by "_"; CliError for what cannot be a folder's name."""
    name = "_".join(label.split())
    if not name or name.startswith(".") or set(name) & set('/\\:*?"<>|\0') or len(name.encode()) > 200:
        raise CliError(f"{label!r} cannot be a label, since labels are names of folders.")
    return name
