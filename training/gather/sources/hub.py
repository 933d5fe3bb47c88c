"""Read a data set of the Hugging Face Hub, streamed by its own library: hf://datasets/USER/NAME.

Gives  a `DataSet`, whose photos arrive one by one while they are collected

    hf://datasets/USER/NAME           every split, in the default configuration
    hf://datasets/USER/NAME/CONFIG    another configuration

A data set whose photos come by a program of its author is refused by that library: no stranger's code runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fastcore.script import CliError

from training.data.label_checks import named_none_note
from training.data.splits import split_of
from training.hub.account import login_command

from .candidates import DataSet, some
from .columns import FILE_COLUMNS, LABEL_COLUMNS
from .hub_rows import Columns, candidates_in, count, label_names
from .labelling import choose
from .options import ReadingOptions

PREFIX = "hf://datasets/"


def _token() -> str:
    """Return how to get what a private data set needs."""
    return f"a token: `{login_command()}`, or HF_TOKEN"


def is_on_the_hub(where: str) -> bool:
    """Return whether an address is one of a data set of the Hub."""
    return where.startswith(PREFIX)


def read_hub(where: str, options: ReadingOptions) -> DataSet:
    """Return a data set of the Hub: its images and labels, in the columns that have such types or are given by name.

    CliError where it is not there, has no images, or its labels cannot be told.
    """
    parts = where.removeprefix(PREFIX).strip("/").split("/", 2)
    name, config = "/".join(parts[:2]), parts[2] if len(parts) == 3 else None
    with explained(where):
        splits = _load(name, config)
    features = next(iter(splits.values())).features
    columns = _columns(where, name, features, options)
    with explained(where):
        of_labels = _load(name, config, [columns.label]) if _is_parquet(splits) else splits
        counts = count(((_split(key), data) for key, data in of_labels.items()), columns)
    notes = [f"The split {key} is trained on." for key in splits if not split_of(key)]
    several = options.several(any(len(labels) > 1 for _, labels in counts))
    taken, told = choose(counts, several)
    none = named_none_note({label for _, labels in taken for label in labels}, several)
    notes += [*told, *filter(None, [none])]
    if not taken:
        what = "a label" if several else "one label"
        raise CliError(f"{where}: no photo has {what} in the column {columns.label!r}. {' '.join(notes)}".strip())
    notes.append(f"Its card names the licence {columns.licence}." if columns.licence else "Its card names no licence.")
    kind = f"a data set of the Hub, {name}: photos by {columns.image}, labels by {columns.label}"
    return DataSet(kind, _explained(where, candidates_in(_ordered(splits), columns, taken)), notes, taken, several)


def _load(name: str, config: str | None, columns: Sequence[str] = ()) -> dict[str, Any]:
    """Return the splits of a data set, streamed; columns: of those alone, which parquet files give by themselves."""
    from datasets import load_dataset

    only = {"columns": list(columns)} if columns else {}
    # with its prefix, since the library takes a name alone for a folder here where there is one
    splits = load_dataset(f"{PREFIX}{name}", config, streaming=True, **only)
    return {key: data if data.features else data._resolve_features() for key, data in splits.items()}


def _is_parquet(splits: Mapping[str, Any]) -> bool:
    return all(data.info.builder_name == "parquet" for data in splits.values())


def _split(key: str) -> str:
    """Return the set that a split of the Hub goes to: what is no other set is trained on."""
    return split_of(key) or "train"


def _ordered(splits: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return (set, data) of each split; a photo that is in several sets is taken for the first of them."""
    order = {"test": 0, "valid": 1, "train": 2}
    return sorted(((_split(key), data) for key, data in splits.items()), key=lambda pair: order[pair[0]])


def _columns(where: str, name: str, features: Mapping[str, Any], options: ReadingOptions) -> Columns:
    """Return the columns that are given or have the types of images and labels."""
    from datasets import Image

    if not (options.file_column or any(isinstance(feature, Image) for feature in features.values())):
        raise CliError(
            f"{where} has no column of images, but {some(features)}. --file-column NAME takes one of addresses."
        )
    images = [key for key, feature in features.items() if isinstance(feature, Image)]
    labels = [key for key, feature in features.items() if label_names(feature)]
    image = _column(where, features, options.file_column, "file", images, FILE_COLUMNS)
    label = _column(where, features, options.label_column, "label", labels, LABEL_COLUMNS)
    return Columns(name, image, label, label_names(features[label]), options, _licence(name))


def _column(
    where: str, features: Mapping[str, Any], given: str, what: str, typed: Sequence[str], known: Sequence[str]
) -> str:
    """Return the column that is given, or the one with a known name or the only one of its type; else CliError."""
    if given:
        if given not in features:
            raise CliError(f"{where} has no column {given!r}, but {some(features)}.")
        return given
    names = [key for key in known if key in features]
    best = [key for key in names if key in typed] or (typed[:1] if len(typed) == 1 else [])
    if not best and what == "label":  # a column of text may be the labels, one of text is no photo
        best = names
    if not best:
        raise CliError(
            f"{where}: which column has the {what}? --{what}-column NAME says so. There are {some(typed or features)}."
        )
    return best[0]


def _licence(name: str) -> str:
    """Return the licence that a data set's card names; empty where it names none."""
    from huggingface_hub import HfApi

    try:
        card: Any = HfApi().dataset_info(name).card_data or {}
    except Exception:  # the data set is there without it; the note says that no licence is known
        return ""
    named = card.get("license") or ()
    licences = [named] if isinstance(named, str) else list(map(str, named))
    own = card.get("license_name")
    return ", ".join(str(own) if one == "other" and own else one for one in licences if one != "unknown")


def _explained(where: str, candidates: Iterator[Any]) -> Iterator[Any]:
    with explained(where):
        yield from candidates


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Raise CliError, one sentence or two, for what goes wrong with the Hub."""
    try:
        yield
    except CliError:
        raise
    except Exception as error:  # the library, its readers and its HTTP client each raise their own
        raise CliError(f"{where} cannot be read: {_why(error)}") from error


def _why(error: Exception) -> str:
    from datasets.exceptions import DatasetNotFoundError
    from httpx2 import TransportError

    said = " ".join(str(error).split())[:250].rstrip(".")
    if isinstance(error, DatasetNotFoundError) and "gated" not in said:
        return f"there is none of this name, or you may not see it. Check the name; a private one needs {_token()}."
    if isinstance(error, DatasetNotFoundError):
        return f"it is gated. Accept its terms on its page; then it needs {_token()}."
    status = getattr(getattr(error, "response", None), "status_code", 0)
    away = isinstance(error, (ConnectionError, TimeoutError, TransportError)) or type(error) is FileNotFoundError
    if away or status >= 500:  # FileNotFoundError: as the library says that it has no answer
        return "the Hub does not answer. Try again later."
    return f"{said or type(error).__name__}."
