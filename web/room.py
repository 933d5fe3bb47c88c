"""Something limited that requests hold at once: bytes of memory, streams, connections.

    room = Room(most=100, each=50)
    share = Share("83.1.2.3", give_way)
    if not room.grow(share, 1): ...    # refused
    room.leave(share)

Where a room is full, the client that holds the most of it gives way: its request that has not moved for longest ends.
So a client that holds a lot for long keeps nobody else out, however many connections it has.
"""
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(eq=False)
class Share:
    """What one request holds."""

    client: str
    give_way: Callable[[], None] | None = None
    """ends the request; None while it is not to be ended"""
    amount: int = 0


class Room:
    """Shares of a limited whole. For use on the event loop alone."""

    def __init__(self, most: int, each: int | None = None):
        """most: for all together; each: for one client, by default half of that."""
        self.most, self.each = most, max(1, most // 2) if each is None else each
        self.taken = 0
        self._shares: dict[Share, None] = {}  # the one that grew last is last
        self._by_client = Counter()

    def of(self, client: str) -> int:
        """Return how much a client holds."""
        return self._by_client[client]

    def grow(self, share: Share, n: int = 1) -> bool:
        """Give a share n more; return False where there is no room for it."""
        if self._by_client[share.client] + n > self.each:
            return False
        while self.taken + n > self.most:
            ends = self._who_gives_way(share.client, n)
            if ends is None:
                return False
            self.leave(ends)
            ends.give_way()
        self._shares.pop(share, None)
        self._shares[share] = None
        share.amount += n
        self.taken += n
        self._by_client[share.client] += n
        return True

    def leave(self, share: Share) -> None:
        """Take a share back; one that is gone already is passed over."""
        if share not in self._shares:
            return
        del self._shares[share]
        self.taken -= share.amount
        self._by_client[share.client] -= share.amount
        if not self._by_client[share.client]:
            del self._by_client[share.client]
        share.amount = 0

    def _who_gives_way(self, client: str, n: int) -> Share | None:
        """Return the share to end for n more of a client's, or None: nobody holds more than it would itself."""
        can = [share for share in self._shares if share.give_way and share.client != client]
        largest = max(can, key=lambda share: self._by_client[share.client], default=None)
        return largest if largest and self._by_client[largest.client] >= self._by_client[client] + n else None
