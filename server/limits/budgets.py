"""Something limited that requests hold at once: bytes of memory, streams, connections.

    room = Room(most=100, each=50)
    share = Share("83.1.2.3", give_way)
    if not room.grow(share, 1): ...    # refused
    room.leave(share)

Where a room is full, the client that holds the most of it gives way: its oldest request ends, if that has had some time
and grew slowly. So who holds a lot for long keeps nobody else out, from however many connections.
"""
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Share:
    """What one request holds."""

    client: str
    give_way: Callable[[], None] | None = None
    """ends the request; None while it is not to be ended"""
    amount: int = 0
    since: float = field(default_factory=lambda: time.monotonic())


class Room:
    """Shares of a limited whole. For use on the event loop alone."""

    def __init__(self, most: int, each: int | None = None, patience: float = 0, pace: float = math.inf):
        """most: for all together; each: for one client, by default half of that.

        patience: seconds that a share has before it may have to give way. pace: how much it is to grow by in a second;
        one that grows faster does not give way.
        """
        self.most, self.each = most, max(1, most // 2) if each is None else each
        self.patience, self.pace = patience, pace
        self.taken = 0
        self._shares: dict[Share, None] = {}  # the oldest first
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
        """Return the share to end for n more of a client's, or None."""
        now = time.monotonic()
        slow = [share for share in self._shares if share.give_way and share.client != client
                and self.patience <= now - share.since and share.amount <= self.pace * (now - share.since)]
        largest = max(slow, key=lambda share: self._by_client[share.client], default=None)
        if largest and self.pace == math.inf and self._by_client[largest.client] < self._by_client[client] + n:
            return None  # nobody holds more than this client would
        return largest
