"""Find the files of photos, and read their labels from the names of their folders.

As fastai's `get_files` and `parent_label`, without the seconds that the import of torch takes.
"""

import mimetypes
import os
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from fastcore.script import CliError

from classifier.photo.formats import EXTENSIONS

INBOX = "_inbox"  # folder in a data set: photos without a label
# fastai's too: an image that cannot be opened is named, not passed over
PHOTO_EXTENSIONS = {suffix for suffix, kind in mimetypes.types_map.items() if kind.startswith("image/")} | {*EXTENSIONS}


def check_data(folder: Path) -> None:
    """Raise CliError where there is no folder of photos."""
    if not folder.is_dir():
        raise CliError(f"There is no folder {folder}. Put photos in {folder}/<label>/.")


def get_files(folder: str | Path, extensions: Container[str] = ()) -> list[Path]:
    """Return the files in a folder and below, but for hidden ones; links are followed.

    extensions: in lower case, with their dot; any where none is given.
    """
    return [
        file
        for file in _walk(Path(folder), frozenset())
        if not extensions or f".{file.name.split('.')[-1].lower()}" in extensions
    ]


def _walk(folder: Path, above: frozenset[tuple[int, int]]) -> Iterator[Path]:
    """Yield the files in a folder and below; above: the folders on the way, since links may lead in a circle."""
    try:
        stat = os.stat(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        if above:
            raise CliError(f"{folder} cannot be read: {error.strerror}.") from error
        return
    if (own := (stat.st_dev, stat.st_ino)) in above:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            yield from _walk(folder / entry.name, above | {own})
        elif entry.is_symlink() or entry.is_file():  # no pipes, which would be waited for
            yield folder / entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder, or a link to one; a link in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def parent_label(file: str | Path) -> str:
    """Return the name of the folder that a photo lies in: its label."""
    return Path(file).parent.name


def folder_name(label: str) -> str:
    """Return the name of a label's folder: words joined by "_"; CliError for what cannot be a folder's name."""
    name = "_".join(label.split())
    if name.casefold() == INBOX:
        raise CliError(f"{label!r} cannot be a label: that folder is for photos without one.")
    if not name or name.startswith(".") or set(name) & set('/\\:*?"<>|\0') or len(name.encode()) > 200:
        raise CliError(f"{label!r} cannot be a label, since labels are names of folders.")
    return name


def alike_names(labels: Iterable[str]) -> list[str]:
    """Return the labels, sorted, that a folder of Windows or macOS could not tell from another one."""
    by_key: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        by_key[label.casefold()].append(label)
    return sorted(label for own in by_key.values() if len(own) > 1 for label in own)
