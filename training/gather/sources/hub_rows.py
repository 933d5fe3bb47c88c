"""Turn the rows of a data set of the Hub into candidates: a photo's bytes, its label, its licence and its page."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from classifier.photo.download import MAX_BYTES
from training.progress import progress_bar

from .candidates import Candidate, as_folder
from .options import ReadingOptions
from .tables import labels_in

LICENCES, PAGES = ("licence", "license"), ("page",)  # columns of text that say this of each photo


@dataclass(frozen=True)
class Columns:
    """Where the rows of a data set have what."""

    name: str  # of the data set: USER/NAME
    image: str
    label: str
    names: list[str] | None  # of the labels, where the column has their numbers
    options: ReadingOptions
    licence: str = ""  # of the data set, for photos without one of their own

    def labels_of(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the labels of a row, sorted: none, one or several."""
        return tuple(sorted(set(map(as_folder, labels_in(row[self.label], self.options, self.names)))))


def label_names(feature: Any) -> list[str] | None:
    """Return the names of the labels in a column, or in its lists, whose type has such; None for other columns."""
    parts = getattr(feature, "feature", feature[0] if isinstance(feature, list) and feature else feature)
    return getattr(parts, "names", None)


def count(splits: Iterable[tuple[str, Any]], columns: Columns) -> Counter[tuple[str, tuple[str, ...]]]:
    """Return the photos by (set, labels), by the column of labels alone; some have no labels, or several."""
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for split, data in splits:
        rows = data.decode(False).select_columns([columns.label])
        n_rows = getattr((data.info.splits or {}).get(data.split), "num_examples", 0)
        for row in progress_bar(rows, total=n_rows, leave=False) if n_rows else rows:
            counts[split, columns.labels_of(row)] += 1
    return counts


def candidates_in(
    splits: Iterable[tuple[str, Any]], columns: Columns, taken: Container[tuple[str, tuple[str, ...]]]
) -> Iterator[Candidate]:
    """Yield the photos whose (set, labels) is one of `taken`, each read when it is its turn."""
    for split, data in splits:
        for row in data.decode(False):
            labels = columns.labels_of(row)
            if (split, labels) in taken and (place := _place(row[columns.image], columns.name)):
                yield Candidate(
                    labels,
                    split=split,
                    page=_text(row, PAGES, "http") or _page(columns.name),
                    licence=_text(row, LICENCES) or columns.licence,
                    **place,
                )


def _place(image: Any, name: str) -> dict[str, Any]:
    """Return where a photo is, as arguments of a Candidate; empty where the row has none.

    A path is opened where it is one of the data set's own files. What else a stranger may write there, such as the
    path of a file here, is not; an address of the web is fetched with the checks that hold for all of them.
    """
    held = image if isinstance(image, Mapping) else {"path": image}
    path, content = str(held.get("path") or "").strip(), held.get("bytes")
    if not path and content is None:
        return {}
    if content is not None:
        return {"data": bytes(content), "title": _title(path)}
    own = path.rpartition("::")[2].startswith((f"hf://datasets/{name}@", f"hf://datasets/{name}/"))
    if path.startswith(("http://", "https://")) and "::" not in path:
        return {"url": path, "title": _title(path)}
    return {"data": _read(path) if own else b"", "title": _title(path)}


def _read(path: str) -> bytes:
    """Return the content of a file of the data set; empty for one that is not there."""
    from datasets.utils.file_utils import xopen

    try:
        with xopen(path, "rb") as opened:
            return bytes(opened.read(MAX_BYTES + 1))
    except FileNotFoundError:
        return b""


def _title(path: str) -> str:
    """Return the name of a photo's file, which may lie in an archive: zip://cat/1.jpg::hf://datasets/..."""
    return path.partition("::")[0].rpartition("/")[2]


def _text(row: Mapping[str, Any], names: Iterable[str], start: str = "") -> str:
    """Return the first text in the columns of these names, one that begins so; empty where there is none."""
    texts = (row[name].strip() for name in names if isinstance(row.get(name), str))
    return next((text for text in texts if text and text.startswith(start)), "")


def _page(name: str) -> str:
    from huggingface_hub.constants import ENDPOINT

    return f"{ENDPOINT}/datasets/{name}"
