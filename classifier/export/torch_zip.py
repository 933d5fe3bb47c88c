"""Read files of `torch.save`: a pickle and, beside it, the numbers of its tensors.

No code from the file is run, and nothing takes more memory than it has bytes in the file. `torch.load` is not used,
so that there is only one interpretation of a zip: a member that is compressed, overlaps another or has another's name
is refused, and a tensor has exactly the bytes of its member.
"""

from __future__ import annotations

import encodings.cp437  # noqa: F401  the encoding of names in a zip, so that no file causes its import
import io
import struct
import zipfile
from collections.abc import Callable

from .nodes import Node
from .storages import BrokenFile, Storage, storage_type

MAX_PICKLE = 16_000_000  # bytes; a big export's is half a megabyte, and opening takes a second for each
MAX_DIRECTORY = 4_000_000  # bytes of a zip's list of members, about a hundred for each tensor
MAX_END = (1 << 16) + 22 + 20 + 56  # bytes of the end of a zip: comment, end record, and a large zip's two before it
LOCAL_HEADER = struct.Struct("<4s22xHH")
# the first bytes of a file of torch before 1.6: the pickle of its magic number
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

BinaryFile = io.BufferedReader | io.BytesIO
PersistentLoad = Callable[[Node], Node]
Load = Callable[[BinaryFile, PersistentLoad], Node]
"""`classifier.export.unpickler.load`"""


def read_zip(file: BinaryFile, load: Load) -> Node:
    """Return what `load` makes of the pickle in a file of torch 1.6 or later.

    Raises BrokenFile for a zip that `torch.save` did not write.
    """
    members = _members(file, file.seek(0, 2))
    pickles = [name for name in members if name.split("/")[1:] == ["data.pkl"]]
    if len(pickles) != 1:
        raise BrokenFile("is a zip, but not one that `learn.export()` writes: it has no data.pkl")
    root = pickles[0].removesuffix("data.pkl")
    if members.get(root + "constants.pkl") or any(name.startswith(root + "code/") for name in members):
        raise BrokenFile("holds a TorchScript program, not a fastai Learner")
    if bytes(_member(file, members.get(root + "byteorder", (0, 0)))) not in (b"", b"little"):
        raise BrokenFile("was written on a big-endian machine, which is not supported")
    if members[pickles[0]][1] > MAX_PICKLE:
        raise BrokenFile(f"has a pickle of {members[pickles[0]][1] / 1e6:.0f} MB: far more than any Learner's")
    storages: dict[str, Storage] = {}

    def persistent_load(pid: Node) -> Storage:
        dtype, key, n = storage_type(pid, len(storages))
        if key not in storages:
            where = members.get(f"{root}data/{key}")
            if where is None or where[1] != n * dtype.itemsize:
                raise BrokenFile(f"has not the {n} numbers of a tensor that it names")
            storages[key] = Storage(dtype, _member(file, where))
            storages[key].check()
        if storages[key].dtype != dtype:
            raise BrokenFile("gives the numbers of a tensor two types")
        return storages[key]

    return load(io.BytesIO(_member(file, members[pickles[0]])), persistent_load)


def _members(file: BinaryFile, size: int) -> dict[str, tuple[int, int]]:
    """Return the start and the size in bytes of each member of a zip."""
    _check_directory(file, size)
    try:
        infos = sorted(zipfile.ZipFile(file).infolist(), key=lambda info: info.header_offset)
    except (zipfile.BadZipFile, ValueError, OverflowError, struct.error, NotImplementedError) as error:
        raise BrokenFile("is a broken zip, or only the first part of one") from error
    members: dict[str, tuple[int, int]] = {}
    names: set[str] = set()
    end = 0
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
            raise BrokenFile(f"has a compressed member ({info.filename[:80]!r}), which `learn.export()` does not write")
        file.seek(info.header_offset)
        head = file.read(LOCAL_HEADER.size)
        if len(head) < LOCAL_HEADER.size or head[:4] != b"PK\3\4":
            raise BrokenFile("is a broken zip, or only the first part of one")
        _, name, extra = LOCAL_HEADER.unpack(head)
        start = info.header_offset + LOCAL_HEADER.size + name + extra
        if info.header_offset < end or start + info.file_size > size or info.filename.lower() in names:
            raise BrokenFile(f"is a zip whose members overlap ({info.filename[:80]!r}): not a fastai export")
        end = start + info.file_size
        names.add(info.filename.lower())
        members[info.filename] = start, info.file_size
    return members


def _check_directory(file: BinaryFile, size: int) -> None:
    """Raise BrokenFile for a zip whose list of members is far larger than that of any export."""
    file.seek(max(0, size - MAX_END))
    tail, largest = file.read(), 0
    for signature, offset, width in ((b"PK\5\6", 12, 4), (b"PK\6\6", 40, 8)):  # the end record of a zip, of a large one
        found = tail.find(signature)
        while found >= 0:
            n_bytes = int.from_bytes(tail[found + offset : found + offset + width], "little")
            largest = max(largest, 0 if n_bytes == (1 << 32) - 1 and width == 4 else n_bytes)
            found = tail.find(signature, found + 1)
    if largest > MAX_DIRECTORY:
        raise BrokenFile("is a zip of more members than an export has")


def _member(file: BinaryFile, where: tuple[int, int]) -> bytearray:
    """Return a member's bytes. where: its start and size, which `_members` has checked against the file's size."""
    start, size = where
    data = bytearray(size)
    file.seek(start)
    file.readinto(data)
    return data


def read_legacy(file: BinaryFile, load: Load) -> Node:
    """Return what `load` makes of a file in the format of torch before 1.6.

    There the numbers follow the pickles, so tensors are built over zeros and filled afterwards.
    """
    file.seek(0)
    data = file.read()
    file, n_left = io.BytesIO(data), len(data)
    storages: dict[str, tuple[bytearray, Storage]] = {}

    def persistent_load(pid: Node) -> Node:
        nonlocal n_left
        if type(pid) is tuple and len(pid) == 4 and pid[0] == "module":  # a module's class, with its source
            return pid[1]
        dtype, key, n = storage_type(pid, len(storages))
        if key not in storages:
            n_left -= n * dtype.itemsize
            if pid[5:] not in ((), (None,)) or n_left < 0:
                raise BrokenFile("has not the numbers of the tensors that it names")
            numbers = bytearray(n * dtype.itemsize)
            storages[key] = numbers, Storage(dtype, numbers)
        return storages[key][1]

    for _ in range(3):  # magic number, version, sizes of C's types
        load(file, persistent_load)
    root = load(file, persistent_load)
    for key in load(file, persistent_load):
        if type(key) is not str or key not in storages or file.read(8) != struct.pack("<q", storages[key][1].n):
            raise BrokenFile("has not the numbers of the tensors that it names")
        numbers, storage = storages[key]
        if file.readinto(numbers) != len(numbers):
            raise BrokenFile("is only the first part of a file")
        storage.check()
    return root
