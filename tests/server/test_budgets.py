"""server/limits/budgets.py: clients share what is limited, and the one that holds most is evicted."""

import time

from server.limits.budgets import Budget, Reservation


def reservations(budget: Budget, **amounts: int) -> tuple[dict[str, Reservation], list[str]]:
    """Return a reservation of each client, and the list to which the evicted clients are added."""
    ended = []
    given = {client: Reservation(client, lambda client=client: ended.append(client)) for client in amounts}
    for client, amount in amounts.items():
        assert budget.reserve(given[client], amount)
    return given, ended


def test_one_client_gets_half_and_no_more():
    budget = Budget(100)
    (mine, ended) = reservations(budget, a=50)
    assert not budget.reserve(mine["a"], 1) and not budget.reserve(Reservation("a"), 1)
    assert ended == [] and budget.used == 50


def test_who_holds_most_gives_way_to_who_holds_less():
    budget = Budget(100)
    given, ended = reservations(budget, a=50, b=40)
    assert budget.reserve(Reservation("c"), 20) and ended == ["a"] and budget.used_by("a") == 0 and budget.used == 60
    budget.release(given["a"])
    assert budget.used == 60


def test_who_holds_most_gets_no_more_from_others():
    budget = Budget(100, per_client=90)
    given, ended = reservations(budget, a=60, b=40)
    assert not budget.reserve(given["a"], 1) and ended == []


def test_of_a_client_the_oldest_share_ends():
    budget, ended = Budget(4, per_client=3), []
    old, new = (Reservation("a", lambda name=name: ended.append(name)) for name in ("old", "new"))
    assert all(budget.reserve(reservation) for reservation in (old, new, Reservation("b"), Reservation("c")))
    assert budget.reserve(Reservation("d")) and ended == ["old"]


def test_what_grows_fast_or_has_just_begun_does_not_evict(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: now)
    now = 100.0
    budget = Budget(100, grace_seconds=2, min_rate=10)
    _, ended = reservations(budget, fast=50, slow=15)
    now = 101.9
    assert not budget.reserve(Reservation("c"), 40) and ended == []
    now = 102
    assert budget.reserve(Reservation("c"), 40) and ended == ["slow"]
    assert not budget.reserve(Reservation("d"), 40) and ended == ["slow"]


def test_what_is_not_to_be_ended_stays():
    budget = Budget(100)
    given, ended = reservations(budget, a=50, b=50)
    given["a"].evict = given["b"].evict = None
    assert not budget.reserve(Reservation("c"), 1) and ended == []
