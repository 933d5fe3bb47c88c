"""List the photos of a source once, sorted, and cut the list into parts.

Reads  a folder, an address that fsspec knows, or a table (.parquet or .csv) with a column of addresses
Gives  a `pyarrow.Table` of LIST, a row for each photo, with the name of its part

A part ends after a photo whose address says so by its SHA-256, not after a number of photos: where one photo comes or
goes, all other parts stay as they are, and what was answered stays answered.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from fastcore.script import CliError

from classifier.photo.formats import EXTENSIONS
from classifier.photo_files import photos_in

from .places import file_system

LIST = pa.schema([("file", pa.binary()), ("bytes", pa.int64()), ("modified", pa.string()), ("part", pa.string())])
TABLES = (".parquet", ".csv")
UNKNOWN = -1  # bytes of a photo of which only the address is known
Listed = tuple[str, int, str]  # address, bytes, what changes when the photo does


def list_source(source: str, column: str) -> list[Listed]:
    """Return the photos of a source, sorted by address; CliError where there are none.

    column: of a table; "" for its only one, or the first of "file", "path", "address", "url", "image".
    """
    if source.lower().endswith(TABLES):
        found = _in_table(source, column)
    elif os.path.isdir(source):
        found = [(path, n_bytes, str(modified)) for path, n_bytes, modified in photos_in(source)]
    elif "://" in source:
        found = _under_address(source)
    else:
        raise CliError(f"There is no folder {source}. Name one with photos in it, an address, or a table of addresses.")
    if not found:
        raise CliError(f"No photos under {source}. Their names end in {', '.join(EXTENSIONS)}.")
    return sorted(set(found))


def _under_address(source: str) -> list[Listed]:
    """Return the photos under an address, without hidden ones."""
    files, root = file_system(source)
    try:
        found = files.find(root, detail=True)
    except (OSError, ValueError) as error:
        raise CliError(f"{source} cannot be listed: {str(error).rstrip('.')}.") from None
    depth = len(root.rstrip("/")) + 1
    return [
        (str(files.unstrip_protocol(name)), int(info.get("size") or 0), state_of(info))
        for name, info in found.items()
        if name.lower().endswith(EXTENSIONS) and not any(part.startswith(".") for part in name[depth:].split("/"))
    ]


def state_of(info: dict[str, Any]) -> str:
    """Return what changes when an object does: its ETag, or else the time of its last change."""
    for name in ("ETag", "etag", "md5Hash", "blob_id", "LastModified", "last_modified", "mtime", "created"):
        if info.get(name) not in (None, ""):
            return str(info[name]).strip('"')
    return ""


def _in_table(source: str, column: str) -> list[Listed]:
    """Return the photos that a table names; a path is relative to the table."""
    files, path = file_system(source)
    read = pa.parquet.read_table if source.lower().endswith(".parquet") else pa.csv.read_csv
    try:
        with files.open(path, "rb") as file:
            table = read(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise CliError(f"{source} cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from None
    names = table.column_names
    usual = [name for name in ("file", "path", "address", "url", "image") if name in names]
    chosen = column or (names[0] if len(names) == 1 else usual[0] if usual else "")
    if chosen not in names:
        raise CliError(f"{source} has the columns {', '.join(names)}: name the one of addresses with --column.")
    base = os.path.dirname(source)
    addresses = (str(value) for value in table[chosen].to_pylist() if value)
    return [(address if "://" in address else os.path.join(base, address), UNKNOWN, "") for address in addresses]


def with_parts(photos: Iterable[Listed], size: int, model: str, options: str) -> pa.Table:
    """Return the list with the name of each photo's part; size: photos of a part in the mean, at most twice as many.

    A name is made of the model's version, the options that change rows, and all that is known of the part's photos.
    """
    rows, names = list(photos), []
    for part in _cut(rows, size):
        digest = hashlib.sha256(f"{model}\n{options}\n".encode())
        for photo in part:
            digest.update("\t".join(map(str, photo)).encode(errors="surrogateescape") + b"\n")
        names += [digest.hexdigest()[:32]] * len(part)
    files, n_bytes, modified = zip(*rows)
    return pa.table([list(map(to_bytes, files)), n_bytes, modified, names], schema=LIST)


def to_bytes(file: str) -> bytes:
    """Return an address as the list has it: names of files may be no UTF-8."""
    return file.encode(errors="surrogateescape")


def to_text(file: bytes) -> str:
    """Return an address as Python has it."""
    return file.decode(errors="surrogateescape")


def _cut(photos: list[Listed], size: int) -> Iterator[list[Listed]]:
    part: list[Listed] = []
    for photo in photos:
        part.append(photo)
        key = int.from_bytes(hashlib.sha256(to_bytes(photo[0])).digest()[:8], "big")
        if len(part) >= 2 * size or (len(part) >= size // 2 and key % max(1, size // 2) == 0):
            yield part
            part = []
    if part:
        yield part
