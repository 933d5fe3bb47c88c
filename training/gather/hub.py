"""Read a data set of the Hugging Face Hub, streamed by its own library: hf://datasets/USER/NAME.

Gives  a `DataSet`, whose photos arrive one by one while they are collected

    hf://datasets/USER/NAME           every split, in the default configuration
    hf://datasets/USER/NAME/CONFIG    another configuration

A data set whose photos come by a program of its author is refused by that library: no stranger's code runs.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fastcore.script import CliError

from classifier.photo.download import MAX_BYTES
from training.data.splits import split_of

from .candidates import SPLIT_ORDER, Candidate, DataSet, as_folder, some
from .options import ReadingOptions
from .tables import LABEL_COLUMNS, labels_in

PREFIX = "hf://datasets/"


def is_on_the_hub(where: str) -> bool:
    """Return whether an address is one of a data set of the Hub."""
    return where.startswith(PREFIX)


def read_hub(where: str, options: ReadingOptions) -> DataSet:
    """Return a data set of the Hub: its images and labels, in the columns that have such types or are given by name.

    CliError where it is not there, has no images, or its labels cannot be told.
    """
    name, _, config = where.removeprefix(PREFIX).strip("/").partition("/")[2].partition("/")
    name = f"{where.removeprefix(PREFIX).partition('/')[0]}/{name}"
    splits = _load(where, name, config or None)
    features = next(iter(splits.values())).features or {}
    image = _column(where, features, options.file_column, "file", [key for key in features if _is_image(features[key])])
    known = [key for key in LABEL_COLUMNS if key in features]
    labelled = [key for key, feature in features.items() if hasattr(feature, "int2str")]
    label = _column(where, features, options.label_column, "label", [*labelled, *known])

    def labels_of(row: Mapping[str, Any]) -> tuple[str, ...]:
        return labels_in(row[label], options, names=getattr(_innermost(features[label]), "names", None))

    into = {key: split_of(key) or "train" for key in splits}
    notes = [f"The split {key} is trained on." for key in splits if not split_of(key)]
    counts, left_out = _count(
        {into[key]: data.decode(False).select_columns([label]) for key, data in splits.items()}, labels_of
    )
    notes += [f"Photos left out: {left_out['none']} without a label, {left_out['several']} with several."] * bool(
        left_out
    )
    if not counts:
        raise CliError(f"{where}: no photo has one label in the column {label!r}.")

    def candidates() -> Iterator[Candidate]:
        for key in sorted(splits, key=lambda key: SPLIT_ORDER.index(into[key])):
            for row in splits[key].decode(False):
                found = labels_of(row)
                if len(found) == 1 and row[image]:
                    folder, data = as_folder(found[0]), _bytes(row[image])
                    yield Candidate((folder,), data=data, split=into[key], page=_page(name), title=_title(row[image]))

    kind = f"a data set of the Hub, {name}: photos by {image!r}, labels by {label!r}"
    return DataSet(kind, candidates(), notes, counts)


def _load(where: str, name: str, config: str | None) -> dict[str, Any]:
    """Return the splits of a data set, streamed."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return dict(load_dataset(name, config, streaming=True))
    except (DatasetsError, HfHubHTTPError, OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:250]
        raise CliError(f"{where} cannot be read: {said}. Is its name right, and are you allowed to read it?") from error


def _count(splits: Mapping[str, Any], labels_of: Any) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Return the photos by (split, label), and those that are left out; of the columns of labels alone."""
    counts: Counter[tuple[str, str]] = Counter()
    left_out: Counter[str] = Counter()
    for split, data in splits.items():
        for row in data:
            labels = labels_of(row)
            if len(labels) == 1:
                counts[split, as_folder(labels[0])] += 1
            else:
                left_out["several" if labels else "none"] += 1
    return counts, left_out


def _column(where: str, features: Mapping[str, Any], given: str, what: str, found: list[str]) -> str:
    """Return the column that is given, or the one that was found; CliError where there is none, or several."""
    if given and given not in features:
        raise CliError(f"{where} has no column {given!r}, but {some(features)}.")
    columns = [given] if given else list(dict.fromkeys(found))
    if not columns:
        raise CliError(
            f"{where}: which column has the {what}? --{what}-column NAME says so. There are {some(features)}."
        )
    return columns[0]


def _is_image(feature: Any) -> bool:
    from datasets import Image

    return isinstance(feature, Image)


def _innermost(feature: Any) -> Any:
    """Return the type of a column's values, or of the parts of a list."""
    return getattr(feature, "feature", feature[0] if isinstance(feature, list) else feature)


def _bytes(image: Mapping[str, Any]) -> bytes:
    """Return the file of an image; empty for one that is not there."""
    from datasets.utils.file_utils import xopen

    if image.get("bytes") is not None:
        return bytes(image["bytes"])
    try:
        with xopen(image["path"], "rb") as opened:
            return bytes(opened.read(MAX_BYTES + 1))
    except (OSError, TypeError):
        return b""


def _title(image: Mapping[str, Any]) -> str:
    return str(image.get("path") or "").rpartition("/")[2].partition("::")[0]


def _page(name: str) -> str:
    from huggingface_hub.constants import ENDPOINT

    return f"{ENDPOINT}/datasets/{name}"
