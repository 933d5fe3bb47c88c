"""Budgets of what requests hold at the same time: bytes of memory, streams, connections.

    budget = Budget(limit=100, per_client=50)
    reservation = Reservation("83.1.2.3", evict)
    if not budget.reserve(reservation, 1): ...    # send an error response
    budget.release(reservation)

Where a budget is used up, the client that holds the most of it loses its oldest request, if that request has had some
time and grew slowly. So a client that holds much for long cannot keep the others out, however many connections it has.
"""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(eq=False)
class Reservation:
    """What one request holds of a budget."""

    client: str
    evict: Callable[[], None] | None = None
    """ends the request; None while it must not be ended"""
    amount: int = 0
    since: float = field(default_factory=lambda: time.monotonic())


class Budget:
    """A limit that requests share. For use on the event loop alone."""

    def __init__(
        self, limit: int, per_client: int | None = None, grace_seconds: float = 0, min_rate: float = math.inf
    ) -> None:
        """limit: for all clients together; per_client: for one client, by default half of that.

        grace_seconds: how long a reservation is safe from eviction. min_rate: amount a second; a reservation that
        grows faster is not evicted.
        """
        self.limit, self.per_client = limit, max(1, limit // 2) if per_client is None else per_client
        self.grace_seconds, self.min_rate = grace_seconds, min_rate
        self.used = 0
        self._reservations: dict[Reservation, None] = {}  # the oldest first
        self._by_client: Counter[str] = Counter()

    def used_by(self, client: str) -> int:
        """Return how much a client holds."""
        return self._by_client[client]

    def reserve(self, reservation: Reservation, amount: int = 1) -> bool:
        """Add an amount to a reservation; return False where the budget does not allow it."""
        if self._by_client[reservation.client] + amount > self.per_client:
            return False
        while self.used + amount > self.limit:
            evicted = self._to_evict(reservation.client, amount)
            if evicted is None or evicted.evict is None:
                return False
            self.release(evicted)
            evicted.evict()
        self._reservations[reservation] = None
        reservation.amount += amount
        self.used += amount
        self._by_client[reservation.client] += amount
        return True

    def release(self, reservation: Reservation) -> None:
        """Take a reservation back; one that was released before is passed over."""
        if reservation not in self._reservations:
            return
        del self._reservations[reservation]
        self.used -= reservation.amount
        self._by_client[reservation.client] -= reservation.amount
        if not self._by_client[reservation.client]:
            del self._by_client[reservation.client]
        reservation.amount = 0

    def _to_evict(self, client: str, amount: int) -> Reservation | None:
        """Return the reservation to evict so that a client can have an amount more, or None."""
        now = time.monotonic()
        slow = [
            held
            for held in self._reservations
            if held.evict
            and held.client != client
            and self.grace_seconds <= now - held.since
            and held.amount <= self.min_rate * (now - held.since)
        ]
        largest = max(slow, key=lambda held: self._by_client[held.client], default=None)
        if (
            largest
            and self.min_rate == math.inf
            and (self._by_client[largest.client] < self._by_client[client] + amount)
        ):
            return None  # nobody holds more than this client would
        return largest
