"""Find the columns of a table that name photos and labels: by their names, and by what they hold."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcore.script import CliError

from .candidates import Candidate, some
from .photo_index import PhotoIndex

if TYPE_CHECKING:
    import pandas as pd

# names of columns, the surest first
FILE_COLUMNS = (
    *("file_name", "filename", "file", "image_path", "path", "filepath", "file_path", "fname", "image_file", "image"),
    *("img", "photo", "picture", "url", "image_url", "img_url", "address", "link", "image_id", "image_name", "id"),
)
LABEL_COLUMNS = (
    *("label", "labels", "class", "class_name", "label_name", "category", "categories", "tag", "tags", "choice"),
    *("species", "breed", "target", "classes", "label_text", "category_name", "y"),
)
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "is_valid", "is_test", "dataset", "fold")
N_TRIED = 200  # first values of a column that are looked for among the photos
MOST_COLUMNS = 50  # without a known name, that are looked at


def candidate_of(
    value: Any, labels: tuple[str, ...], split: str | None, index: PhotoIndex, near: Path
) -> Candidate | None:
    """Return the photo that a cell names by an address or a file, or holds; None where there is no such file.

    split: None where nothing but the photo's folder says it.
    """
    content = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(content, bytes):  # how the Hub writes photos into parquet
        title = str(value.get("path") or "") if isinstance(value, dict) else ""
        return Candidate(labels, data=content, split=split or "train", title=title)
    text = str(value.get("path") if isinstance(value, dict) else value).strip()
    if text.startswith(("http://", "https://")):
        return Candidate(labels, url=text, split=split or "train")
    found = index.find(text, near, split or "train") if text else None
    return Candidate(labels, file=found, split=split or index.split(found) or "train", title=text) if found else None


def names_photos(index: PhotoIndex, near: Path) -> Callable[[Iterable[Any]], bool]:
    """Return a check whether any of a column's first values names a photo."""

    def names(values: Iterable[Any]) -> bool:
        return any(candidate_of(value, (), None, index, near) for value in list(values)[:N_TRIED])

    return names


def _anything(values: Iterable[Any]) -> bool:
    return True


def find_column(
    file: Path,
    frame: "pd.DataFrame",
    given: str,
    known: Sequence[str],
    what: str,
    fits: Callable[[Iterable[Any]], bool] = _anything,
) -> str:
    """Return the name of the column that is given, or known by its name and fits; CliError where there is none."""
    if given:
        if given not in frame:
            raise CliError(f"{file} has no column {given!r}, but {some(frame.columns)}.")
        return given
    by_name = {str(name).casefold().replace(" ", "_"): str(name) for name in frame.columns}
    named = [by_name[name] for name in known if name in by_name]
    others = [str(name) for name in frame if name not in named and name.casefold() not in SPLIT_COLUMNS][:MOST_COLUMNS]
    if found := next((name for name in named if fits(frame[name])), None):
        surer = (name for name in [*named, *others] if not are_numbers(frame[name]) and fits(frame[name]))
        numbered = fits is not _anything and are_numbers(frame[found])  # perhaps the numbers of the rows
        return next(surer, found) if numbered else found
    if len(fitting_others := [name for name in others if fits(frame[name])]) == 1:
        return fitting_others[0]
    why = f"the photos in its column {named[0]!r} are not there" if named else f"its columns are {some(frame.columns)}"
    raise CliError(f"{file}: which column has the {what}? --{what}-column NAME says so ({why}).")


def are_numbers(values: Iterable[Any]) -> bool:
    return all(str(value).strip().removesuffix(".0").isdigit() for value in values)
