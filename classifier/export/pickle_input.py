"""Read the bytes of a pickle: lengths, lines, texts and whole numbers, with a limit on the memory that they take."""

from typing import BinaryIO

from .nodes import InvalidExport

MAX_NUMBER_LENGTH = 256  # bytes of a whole number, or characters of one in digits
MIN_MEMORY, MEMORY_PER_BYTE = 40_000_000, 3  # bytes that any pickle may take, or times its size; a large network: 14 MB
CONTAINER_BYTES = 80  # of an empty list, tuple, string or bytes


class PickleInput:
    """A pickle that is read from its beginning, and the memory that it may still take."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        """size: bytes of the pickle."""
        self.read, self._readline = file.read, file.readline
        self._memory_left = max(MIN_MEMORY, MEMORY_PER_BYTE * size)

    def charge(self, n_bytes: int) -> None:
        """Take memory from what the pickle may use; InvalidExport where that is spent."""
        self._memory_left -= n_bytes
        if self._memory_left < 0:
            raise InvalidExport("has a pickle that takes far more memory than it has bytes")

    def exactly(self, n: int) -> bytes:
        """Return the next n bytes; EOFError where there are fewer."""
        data = self.read(n)
        if len(data) != n:
            raise EOFError("it ends too early")
        return data

    def unsigned(self, width: int) -> int:
        """Return the unsigned whole number in the next `width` bytes."""
        return int.from_bytes(self.exactly(width), "little")

    def counted(self, width: int) -> bytes:
        """Return the bytes after their count, which has `width` bytes."""
        size = self.unsigned(width)
        data = self.read(size) if size <= 1 << 31 else b""
        if len(data) != size:
            raise EOFError("it ends too early")
        self.charge(CONTAINER_BYTES + size)
        return data

    def line(self) -> bytes:
        """Return the bytes up to the next line break, without it."""
        data = self._readline()
        if data[-1:] != b"\n":
            raise EOFError("it ends too early")
        self.charge(CONTAINER_BYTES + len(data))
        return data[:-1]

    def text(self, data: bytes) -> str:
        """Return the text in UTF-8 bytes."""
        return self.charged_text(data.decode("utf-8", "surrogatepass"))

    def charged_text(self, text: str) -> str:
        """Return the text; one with characters that are not ASCII is charged four bytes for each."""
        if not text.isascii():
            self.charge(CONTAINER_BYTES + 4 * len(text))
        return text

    def whole(self, digits: bytes) -> int:
        """Return the whole number in digits."""
        if len(digits) > MAX_NUMBER_LENGTH:
            raise InvalidExport(f"has a whole number of {len(digits)} digits")
        return int(digits, 0)

    def counted_whole(self, width: int) -> int:
        """Return the signed whole number in bytes after their count, which has `width` bytes."""
        size = self.unsigned(width)
        if size > MAX_NUMBER_LENGTH:
            raise InvalidExport(f"has a whole number of {size} bytes")
        self.charge(CONTAINER_BYTES)
        return int.from_bytes(self.exactly(size), "little", signed=True)
