"""A request's body while it arrives, in memory that is given back at once when it is given up.

    with BodyBuffer(most=28_000_000) as buffer:
        buffer.add(part)
        body = buffer.bytes()
"""
import mmap

SMALL = 262_144  # bytes that are kept as Python keeps bytes


class BodyBuffer:
    """Bytes that grow. Large ones have pages of their own: out of the heap, they would leave it full of holes."""

    def __init__(self, most: int):
        """most: bytes; they take no memory before they are written."""
        self._small, self._pages, self._most = bytearray(), None, most

    def __enter__(self) -> "BodyBuffer":
        return self

    def __exit__(self, *_) -> None:
        self._small.clear()
        if self._pages is not None:
            self._pages.close()

    def add(self, part: bytes) -> None:
        """Take one more part of the body."""
        if self._pages is None and len(self._small) + len(part) <= SMALL:
            self._small += part
            return
        if self._pages is None:
            self._pages = mmap.mmap(-1, self._most)
            self._pages.write(self._small)
            self._small.clear()
        self._pages.write(part)

    def bytes(self) -> bytes:
        """Return all that came."""
        return bytes(self._small) if self._pages is None else self._pages[:self._pages.tell()]
