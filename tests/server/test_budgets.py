"""server/limits/budgets.py: what is limited is shared, and who holds most gives way."""
import time

from server.limits.budgets import Room, Share


def shares(room: Room, **amounts: int) -> tuple[dict[str, Share], list[str]]:
    """Return a share of each client, and the list to which those who give way are written."""
    ended = []
    given = {client: Share(client, lambda client=client: ended.append(client)) for client in amounts}
    for client, amount in amounts.items():
        assert room.grow(given[client], amount)
    return given, ended


def test_one_client_gets_half_and_no_more():
    room = Room(100)
    (mine, ended) = shares(room, a=50)
    assert not room.grow(mine["a"], 1) and not room.grow(Share("a"), 1) and ended == [] and room.taken == 50


def test_who_holds_most_gives_way_to_who_holds_less():
    room = Room(100)
    given, ended = shares(room, a=50, b=40)
    assert room.grow(Share("c"), 20) and ended == ["a"] and room.of("a") == 0 and room.taken == 60
    room.leave(given["a"])
    assert room.taken == 60


def test_who_holds_most_gets_no_more_from_others():
    room = Room(100, each=90)
    given, ended = shares(room, a=60, b=40)
    assert not room.grow(given["a"], 1) and ended == []


def test_of_a_client_the_oldest_share_ends():
    room, ended = Room(4, each=3), []
    old, new = (Share("a", lambda name=name: ended.append(name)) for name in ("old", "new"))
    assert room.grow(old) and room.grow(new) and room.grow(Share("b")) and room.grow(Share("c"))
    assert room.grow(Share("d")) and ended == ["old"]


def test_what_grows_fast_or_has_just_begun_does_not_give_way(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: now)
    now = 100.0
    room = Room(100, patience=2, pace=10)
    _, ended = shares(room, fast=50, slow=15)
    now = 101.9
    assert not room.grow(Share("c"), 40) and ended == []
    now = 102
    assert room.grow(Share("c"), 40) and ended == ["slow"]
    assert not room.grow(Share("d"), 40) and ended == ["slow"]


def test_what_is_not_to_be_ended_stays():
    room = Room(100)
    given, ended = shares(room, a=50, b=50)
    given["a"].give_way = given["b"].give_way = None
    assert not room.grow(Share("c"), 1) and ended == []
