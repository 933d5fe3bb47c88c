"""List the photos of a source once, sorted.

Reads  a folder, an address that fsspec knows, or a table (.parquet or .csv) with a column of addresses
Gives  `photo_list.Listed` of each photo
"""

import os
import re
import stat
import sys
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from fastcore.script import CliError

from classifier.photo.formats import EXTENSIONS
from classifier.photo_files import photos_in

from .photo_list import UNKNOWN, Listed
from .places import as_os_error, file_system, local_path, unchained, why

TABLES = (".parquet", ".csv")
DELIMITERS = ",;\t|"  # of a csv: the one that its first line has most of
USUAL = ("file", "path", "address", "url", "image")  # columns of addresses
STATES = ("ETag", "etag", "md5Hash", "blob_id", "LastModified", "last_modified", "mtime", "created")


def list_source(source: str, column: str) -> list[Listed]:
    """Return the photos of a source, sorted by address; CliError where there are none.

    column: of a table; "" for its only one, or the first of USUAL.
    """
    if is_table(source):
        found = _in_table(source, column)
        if not found:
            raise CliError(f"{source} has no addresses of photos.")
        return sorted(set(found))
    if os.path.isdir(source):
        found = [(path, n_bytes, str(modified)) for path, n_bytes, modified in photos_in(source)]
    elif "://" in source:
        found = _under_address(source)
    else:
        raise CliError(f"There is no folder {source}. Name one with photos in it, an address, or a table of addresses.")
    if not found:
        raise CliError(f"No photos under {source}. Their names end in {', '.join(EXTENSIONS)}.")
    found.sort()
    return found


def is_table(source: str) -> bool:
    """Return whether a source is a table of addresses, by its name."""
    return source.lower().endswith(TABLES) and not os.path.isdir(source)


def _under_address(source: str) -> list[Listed]:
    """Return the photos under an address, without hidden ones."""
    files, root = file_system(source)
    root = re.sub(r"(^|/)\*\*?$", "", root)  # zip://*::… is how fsspec writes "all of it"
    try:
        with as_os_error():
            found = files.find(root, detail=True)
            files.invalidate_cache()  # it keeps what it found: a kilobyte of each photo
    except OSError as error:
        raise CliError(f"{source} cannot be listed: {why(error)}.") from None
    depth = len(root.rstrip("/")) + 1
    listed: list[Listed] = []
    while found:
        name, info = found.popitem()
        inside = name[depth:].split("/") if root.strip("/") else name.strip("/").split("/")
        if name.lower().endswith(EXTENSIONS) and not any(part.startswith(".") for part in inside):
            if unchained(source)[1] and (odd := _odd(name)):
                print(f"{ascii(name)[1:-1]} is left out: its name {odd}.", file=sys.stderr)
                continue
            listed.append((_address_of(source, files, name), int(info.get("size") or 0), _state_of(info)))
    return listed


def _odd(name: str) -> str:
    """Return why a file in an archive cannot be asked for by its name, or ""."""
    if "::" in name:  # whoever made the archive would choose what is opened
        return "has :: in it"
    return "begins with /" if name.startswith("/") else ""  # fsspec finds none of these


def _address_of(source: str, files: Any, name: str) -> str:
    """Return the address of a file that was found under a source, with the archive that it is in, if any."""
    first, inner = unchained(source)
    if inner:
        inner = inner if "://" in inner else os.path.abspath(inner)  # workers may be started in another folder
        return f"{first.partition('://')[0]}://{name}::{inner}"
    return str(files.unstrip_protocol(name))


def _state_of(info: dict[str, Any]) -> str:
    """Return what changes when an object does: its ETag, or else the time of its last change."""
    for name in STATES:
        if info.get(name) not in (None, ""):
            return str(info[name]).strip('"')
    return ""


def _in_table(source: str, column: str) -> list[Listed]:
    """Return the photos that a table names; a path is relative to the table."""
    try:
        addresses = _read_column(source, column)
    except (OSError, pa.ArrowException) as error:
        raise CliError(f"{source} cannot be read: {why(error)}.") from None
    kind = addresses.type.value_type if pa.types.is_dictionary(addresses.type) else addresses.type
    if pa.types.is_null(kind):
        return []
    if pa.types.is_binary(kind) and source.lower().endswith(".csv"):
        raise CliError(f"{source} is no UTF-8: save it as UTF-8.")
    if not any(is_text(kind) for is_text in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)):
        raise CliError(f"{source} has no addresses in that column, but {addresses.type}: name another with --column.")
    base = os.path.dirname(source)
    try:
        values = [value.strip() for value in addresses.to_pylist() if value and value.strip()]
    except UnicodeDecodeError:
        raise CliError(f"{source} has addresses that are no UTF-8: write it anew.") from None
    return [_named(value if "://" in value else os.path.join(base, value)) for value in values]


def _named(address: str) -> Listed:
    """Return a photo that a table names: of a file of this machine, its size and time, too."""
    try:
        path = local_path(address)
        found = os.stat(path) if path else None
    except (OSError, ValueError, CliError):  # whoever reads it says why
        found = None
    if found is None or not stat.S_ISREG(found.st_mode):
        return address, UNKNOWN, ""
    return address, found.st_size, str(int(found.st_mtime))


def _read_column(source: str, column: str) -> pa.ChunkedArray:
    """Return a table's column of addresses."""
    files, path = file_system(source)
    with as_os_error(), files.open(path, "rb") as file:
        if source.lower().endswith(".parquet"):
            parquet = pq.ParquetFile(file, pre_buffer=False)
            chosen = _chosen(source, parquet.schema_arrow.names, column)
            return parquet.read([chosen], use_threads=False)[chosen]  # see rows_in
        first_line = file.read(100_000).decode("utf-8", "replace").partition("\n")[0]
        file.seek(0)
        delimiter = max(DELIMITERS, key=first_line.count)
        table = pa.csv.read_csv(file, parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True))
        return table[_chosen(source, table.column_names, column)]


def _chosen(source: str, names: list[str], column: str) -> str:
    """Return the name of a table's column of addresses; CliError where it is not clear which."""
    chosen = column or (names[0] if len(names) == 1 else next((name for name in USUAL if name in names), ""))
    if chosen not in names:
        raise CliError(f"{source} has the columns {', '.join(names)}: name the one of addresses with --column.")
    if not column and ("://" in chosen or chosen.lower().endswith(EXTENSIONS)):
        raise CliError(f"{source} begins with an address, {chosen}: its first line is to name the column, as file.")
    return chosen
