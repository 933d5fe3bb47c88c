"""Report which files and folders of a data set are left out because of their names.

Reads  the names under DATA
Gives  sentences to print
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from .files import INBOX, PHOTO_EXTENSIONS, get_files
from .splits import base_of, n_photos, split_of

# folders of fastai, of zip files from a Mac, of network drives, of photos without a label
NO_LABELS = {"models", "__MACOSX", "@eaDir", INBOX}


def folders_left_out(path: Path, photos: Sequence[Path]) -> Iterator[str]:
    """Yield sentences about photos in folders that are no labels, about those in the inbox, and about empty folders.

    photos: those found under `path`, one or more.
    """
    n_in: Counter[str] = Counter()
    for file in get_files(path, extensions=PHOTO_EXTENSIONS):
        n_in.update([part for part in file.relative_to(path).parts[:-1] if part in NO_LABELS][:1])
    for folder in filter(_hidden, _folders(path)):
        n_in[folder.name] = len(get_files(folder, extensions=PHOTO_EXTENSIONS))
    if named := [f"{name} ({n_photos(n)})" for name, n in sorted(n_in.items()) if n and name != INBOX]:
        yield f"Left out, because folders of such names are no labels: {', '.join(named)}."
    yield from inbox_notes(n_in[INBOX])
    if empty := [
        str(folder.relative_to(path)) for folder in _empty(base_of(path, photos), photos) if not n_in[folder.name]
    ]:
        yield f"No labels, because they hold no photos: {', '.join(empty)}."


def inbox_notes(n: int) -> Iterator[str]:
    """Yield a sentence about n photos in the inbox; nothing where there are none."""
    if n:
        yield f"{n_photos(n)} left out: in {INBOX}, without a label yet."


def names_left_out(path: Path) -> Iterator[str]:
    """Yield a sentence about files that may be photos, but whose names do not end as a photo's does."""
    files = [file for file in get_files(path) if file.parent != path and _maybe_photo(file.suffix.lower())]
    if files:
        yield (
            f"Left out, because their names do not end in .jpg, .png or the like: {len(files)}, such as "
            f"{min(files)}. If they are photos, rename them."
        )


def _maybe_photo(suffix: str) -> bool:
    """Return whether a suffix is empty, or a photo's with a query after it: "photo", "photo.jpg?w=640"."""
    return not suffix or (suffix not in PHOTO_EXTENSIONS and suffix.partition("?")[0] in PHOTO_EXTENSIONS)


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if folder.is_dir())


def _hidden(folder: Path) -> bool:
    return folder.name.startswith(".")


def _empty(base: Path, photos: Sequence[Path]) -> list[Path]:
    """Return the folders in `base`, or in a split there, that would be a label if they held photos."""
    with_photos = {folder for file in photos for folder in file.parents}
    parents = [base, *(folder for folder in _folders(base) if split_of(folder.name))]
    return [
        folder
        for parent in parents
        for folder in _folders(parent)
        if folder not in with_photos and not _hidden(folder) and folder.name != INBOX
    ]
