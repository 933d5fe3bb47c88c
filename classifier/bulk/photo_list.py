"""The list of a job's photos, cut into parts: a Parquet file with one row group for each part.

Reads  and writes OUT/list.parquet; whoever answers a part decodes that part of it alone

A part ends after a photo whose address says so by its SHA-256, not after a number of photos: where one photo comes or
goes, all other parts stay as they are, and what was answered stays answered.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

Listed = tuple[str, int, str]  # address, bytes, what changes when the photo does
COLUMNS = pa.schema([("file", pa.binary()), ("bytes", pa.int64()), ("modified", pa.string()), ("part", pa.string())])
PART = COLUMNS.get_field_index("part")
UNKNOWN = -1  # bytes of a photo of which only the address is known


@dataclass(frozen=True)
class PhotoList:
    """A list as it is in its file."""

    data: bytes
    metadata: pq.FileMetaData
    groups: dict[str, int]
    """by the name of a part: its row group; in the order of the list"""

    @classmethod
    def read(cls, data: bytes) -> "PhotoList":
        """Return the list in a file's bytes; ValueError or OSError where they are damaged."""
        metadata = pq.ParquetFile(pa.BufferReader(data)).metadata
        groups: dict[str, int] = {}
        for group in range(metadata.num_row_groups):
            statistics = metadata.row_group(group).column(PART).statistics
            if statistics is None or statistics.min != statistics.max or statistics.min in groups:
                raise ValueError("its row groups are no parts")
            groups[statistics.min] = group
        return cls(data, metadata, groups)

    def size(self, part: str) -> int:
        """Return how many photos a part has."""
        return int(self.metadata.row_group(self.groups[part]).num_rows)

    def photos_of(self, part: str) -> list[Listed]:
        """Return the photos of a part; KeyError for a name of another list."""
        file = pq.ParquetFile(pa.BufferReader(self.data), metadata=self.metadata)
        rows = file.read_row_group(self.groups[part], ["file", "bytes", "modified"], use_threads=False)
        files = map(to_text, rows["file"].to_pylist())
        return list(zip(files, rows["bytes"].to_pylist(), rows["modified"].to_pylist()))


def encoded(photos: Iterable[Listed], size: int, seed: str) -> bytes:
    """Return the file of a sorted list. size: photos of a part in the mean, at most twice as many.

    seed: what decides the rows besides the photos; a part's name is made of it and of all that is known of its photos.
    """
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, COLUMNS, compression="zstd") as writer:
        for part in cut(photos, size):
            digest = hashlib.sha256(f"{seed}\n".encode())
            for photo in part:
                digest.update(to_bytes("\t".join(map(str, photo))) + b"\n")
            name = digest.hexdigest()[:32]
            files, n_bytes, modified = zip(*part)
            columns = [list(map(to_bytes, files)), n_bytes, modified, [name] * len(part)]
            writer.write_table(pa.table(columns, schema=COLUMNS))
    return bytes(buffer.getvalue())


def cut(photos: Iterable[Listed], size: int) -> Iterator[list[Listed]]:
    """Yield the parts of a list."""
    part: list[Listed] = []
    for photo in photos:
        part.append(photo)
        key = int.from_bytes(hashlib.sha256(to_bytes(photo[0])).digest()[:8], "big")
        if len(part) >= 2 * size or (len(part) >= size // 2 and key % max(1, size // 2) == 0):
            yield part
            part = []
    if part:
        yield part


def to_bytes(file: str) -> bytes:
    """Return an address as the list has it: names of files may be no UTF-8."""
    return file.encode(errors="surrogateescape")


def to_text(file: bytes) -> str:
    """Return an address as Python has it."""
    return file.decode(errors="surrogateescape")
