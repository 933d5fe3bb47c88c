"""Read the file of a table: csv, tsv, jsonl or parquet, with the encodings and separators that people have."""

import io
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from fastcore.script import CliError

from training.data.files import PHOTO_EXTENSIONS

if TYPE_CHECKING:
    import pandas as pd

TABLES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"}


def load_table(file: Path) -> "pd.DataFrame":
    """Return a table; a csv's values are text, so that a label "NA" or "001" stays what it is.

    The columns of a csv whose first line names a photo are called file and label. Raises CliError for a file that is
    no table.
    """
    import pandas as pd

    try:
        if file.suffix.lower() == ".parquet":
            frame = _with_names_of_labels(file, pd.read_parquet(file))
        elif file.suffix.lower() in (".csv", ".tsv"):
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # pandas would drop the cells that are beyond the columns
                frame = _read_csv(_decoded(file.read_bytes()))
        else:
            text = file.read_text(encoding="utf-8-sig")
            one_a_line = file.suffix.lower() != ".json"
            rows = [json.loads(line) for line in text.splitlines() if line.strip()] if one_a_line else json.loads(text)
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise ValueError("it is no list of rows, each with names and values")
            frame = pd.DataFrame(rows)
    except (
        OSError,
        Warning,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        RecursionError,
        RuntimeError,
    ) as error:
        why = "its rows have more cells than its first line" if isinstance(error, Warning) else str(error)
        raise CliError(f"{file} cannot be read as a table: {' '.join(why.split())[:200].rstrip('.')}.") from error
    frame.columns = [str(name).strip() for name in frame.columns]
    if not frame.columns.is_unique:
        raise CliError(f"{file} has two columns of the same name.")
    return frame


def _with_names_of_labels(file: Path, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table with the names of labels where the Hub's library wrote numbers, and the names into the file."""
    from pyarrow.parquet import read_schema

    written = json.loads((read_schema(file).metadata or {}).get(b"huggingface", b"{}"))
    for column, feature in written.get("info", {}).get("features", {}).items():
        names = feature.get("names") if isinstance(feature, dict) else None
        if column in frame and names:
            frame[column] = [names[i] if 0 <= i < len(names) else "" for i in frame[column].fillna(-1).astype(int)]
    return frame


def _read_csv(text: str) -> "pd.DataFrame":
    import pandas as pd

    if text[:5].strip('"').startswith("sep="):  # a line for Excel
        text = text.partition("\n")[2]
    lines = [line for line in text.splitlines()[:5] if line.strip()] or [""]
    first = lines[0]
    separator = max(",;\t|", key=lambda mark: (min(line.count(mark) for line in lines), first.count(mark)))
    options = {
        "sep": separator,
        "dtype": str,
        "keep_default_na": False,
        "index_col": False,
        "skipinitialspace": True,
    }
    names = [name.strip().strip('"') for name in first.split(separator)]
    if len(set(names)) < len(names):
        raise ValueError("it has two columns of the same name")
    photos = [i for i, name in enumerate(names) if _names_photo(name)]
    if photos:  # no line of names
        columns = [str(i + 1) for i in range(len(names))]
        columns[photos[0]] = "file"
        if len(names) == 2:
            columns[1 - photos[0]] = "label"
        return pd.read_csv(io.StringIO(text), header=None, names=columns, **options).fillna("")
    return pd.read_csv(io.StringIO(text), **options).fillna("")


def _names_photo(name: str) -> bool:
    return name.startswith(("http://", "https://")) or Path(name).suffix.lower() in PHOTO_EXTENSIONS


def _decoded(data: bytes) -> str:
    """Return the text of a csv: UTF-8, UTF-16 with its mark, or what Excel writes."""
    if b"\0" in data and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError("it is no text")
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252", "latin-1"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError("it is no text")
