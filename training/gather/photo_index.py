"""Find the files that a table or annotations call by a path, a name, or a name without its extension."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from training.data.files import PHOTO_EXTENSIONS, get_files


class PhotoIndex:
    """Finds the photos that a table names: by their path, by their name, or by their name without its extension."""

    def __init__(self, folder: Path, photos: Sequence[Path] | None = None, confined: bool = False) -> None:
        """photos: those in the folder, None to look for them when they are needed; confined: none outside of it."""
        self.folder, self.confined = folder, confined
        self._photos = photos
        self._by_name: dict[str, Path | None] | None = None  # None for a name that several photos have

    def find(self, name: str, near: Path) -> Path | None:
        """Return the file that a table in the folder `near` calls so; None where there is none, or several."""
        name = local_name(name)
        for base in (near, self.folder):
            try:
                file = base / name
                if file.is_file() and not (self.confined and not _within(file, self.folder)):
                    return file
            except (OSError, ValueError):  # a name that can be none
                return None
        names = self._names()
        return names.get(name) or names.get(Path(name).name)

    def _names(self) -> dict[str, Path | None]:
        if self._by_name is None:
            photos = get_files(self.folder, PHOTO_EXTENSIONS) if self._photos is None else self._photos
            self._by_name = {}
            for photo in photos:
                for name in {photo.name, photo.stem}:
                    self._by_name[name] = None if name in self._by_name else photo
        return self._by_name


def local_name(name: str) -> str:
    """Return the path in a name as an annotation tool writes it: /data/upload/1/x.jpg, /data/local-files/?d=a/x.jpg."""
    if name.startswith("/data/local-files/"):
        name = parse_qs(urlsplit(name).query).get("d", [""])[0]
    return unquote(name.removeprefix("file://")).replace("\\", "/").strip()


def _within(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())
