"""Find the photos that labels.csv names, and say what is left out.

Reads  DATA/labels.csv, as `training.data.labels` gives it, and the names below DATA
Gives  photos, and sentences to print
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from .files import INBOX, PHOTO_EXTENSIONS, alike_names, get_files
from .label_checks import named_none_note
from .labels import FILE_NAME, Labels
from .skipped import inbox_notes
from .splits import n_photos


def listed_photos(path: Path, labels: Labels) -> list[Path]:
    """Return the photos that labels.csv names and that are there, sorted; none in hidden folders, such as rejected."""
    return sorted(file for file in labels.listed or () if not _is_hidden(path, file) and file.is_file())


def listed_notes(path: Path, labels: Labels, photos: Sequence[Path]) -> Iterator[str]:
    """Yield sentences on photos without a row in labels.csv, on rows without their photo, and on labels' names.

    photos: those of `listed_photos`.
    """
    listed = labels.listed or {}
    unlisted = [file for file in get_files(path, PHOTO_EXTENSIONS) if file not in listed]
    inbox = path / INBOX
    yield from inbox_notes(sum(inbox in file.parents for file in unlisted))
    if rest := [file for file in unlisted if inbox not in file.parents]:
        yield f"{n_photos(len(rest))} left out: not in {FILE_NAME}, such as {rest[0].relative_to(path)}."
    if away := sorted(set(listed) - set(photos)):
        rows = "1 row" if len(away) == 1 else f"{len(away)} rows"
        yield f"{rows} of {FILE_NAME} left out: the photo is not there, such as {away[0].relative_to(path)}."
    vocab = labels.vocab(photos)
    if alike := alike_names(vocab):
        yield f"Labels that differ in capitals alone, each taken for its own: {', '.join(alike)}."
    if note := named_none_note(vocab, True):
        yield note


def _is_hidden(path: Path, file: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(path).parts)
