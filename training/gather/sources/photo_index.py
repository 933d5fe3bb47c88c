"""Find the files that a table or annotations call by a path, a name, or a name without its extension."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from training.data.files import PHOTO_EXTENSIONS, get_files
from training.data.splits import split_of


class PhotoIndex:
    """Finds the photos that a table names: by their path, by their name, or by their name without its extension."""

    def __init__(self, folder: Path, photos: Sequence[Path] | None = None, confined: bool = False) -> None:
        """photos: those in the folder, None to look for them when they are needed; confined: none outside of it."""
        self.folder, self.confined = folder, confined
        self._photos = photos
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str, near: Path, split: str = "") -> Path | None:
        """Return the file that a table in the folder `near` calls so; None where there is none, or several.

        Of several with the same name, the one in the folders that the name has counts, or else in those of the split.
        A name with folders is no other folder's file, unless it is a whole path of another machine.
        """
        for text in dict.fromkeys((name.strip(), local_name(name))):
            for base in (near, self.folder):
                if file := self._file(base, text):
                    return file
        path = PurePosixPath(local_name(name))
        found = self._names().get(_key(path.name), [])
        folders = [_key(part) for part in path.parts[:-1] if part not in ("/", ".", "..")]
        elsewhere = path.is_absolute() or (path.parts[:1] and path.parts[0].endswith(":"))
        if folders and (len(found) > 1 or not elsewhere):
            found = [file for file in found if _key(file.parent.name) == folders[-1]]
        if len(found) > 1 and split:
            found = [file for file in found if split in self._splits(file)]
        return found[0] if len(found) == 1 else None

    def split(self, file: Path) -> str | None:
        """Return the split whose folder a file lies in; None where that is none, or outside of the data set."""
        if not file.is_relative_to(self.folder):
            return None
        return next((split for part in file.relative_to(self.folder).parts[:-1] if (split := split_of(part))), None)

    def _splits(self, file: Path) -> set[str | None]:
        """Return the splits that words in the names of a file's folders mean: train_images is one of train."""
        folders = file.relative_to(self.folder).parts[:-1]
        return {split_of(word) for folder in folders for word in re.split(r"[^a-z]+", folder.casefold())}

    def _file(self, base: Path, name: str) -> Path | None:
        try:
            file = base / name
            inside = not self.confined or file.resolve().is_relative_to(self.folder.resolve())
            return file if name and file.is_file() and inside else None
        except (OSError, ValueError, RuntimeError):  # a name that can be none, a link to itself
            return None

    def _names(self) -> dict[str, list[Path]]:
        if self._by_name is None:
            photos = get_files(self.folder, PHOTO_EXTENSIONS) if self._photos is None else self._photos
            self._by_name = defaultdict(list)
            for photo in photos:
                for name in {_key(photo.name), _key(photo.stem)}:
                    self._by_name[name].append(photo)
        return self._by_name


def local_name(name: str) -> str:
    """Return the path in a name as an annotation tool writes it: /data/upload/1/x.jpg, /data/local-files/?d=a/x.jpg."""
    if name.startswith("/data/local-files/"):
        name = parse_qs(urlsplit(name).query).get("d", [""])[0]
    return unquote(name.removeprefix("file://")).replace("\\", "/").strip()


def _key(name: str) -> str:
    """Return a name as Windows and macOS compare it."""
    return unicodedata.normalize("NFC", name).casefold()
