"""server/limits/rate_limit.py: who is asking, and how often."""

import pytest

from server.limits import rate_limit as module
from server.limits.rate_limit import RateLimiter, address_of


def scope(*forwarded: str, peer: str | None = "10.16.3.80") -> dict:
    return {
        "client": peer and (peer, 1234),
        "headers": [(b"host", b"x"), *((b"x-forwarded-for", value.encode()) for value in forwarded)],
    }


@pytest.mark.parametrize(
    "forwarded, proxies, expected",
    [
        (["83.1.2.3"], 1, "83.1.2.3"),
        (["1.1.1.1, 83.1.2.3"], 1, "83.1.2.3"),  # the first is the client's own invention
        (["1.1.1.1", "83.1.2.3"], 1, "83.1.2.3"),
        (["83.1.2.3, 10.0.0.7"], 1, "10.0.0.7"),  # inner or not: it is what the proxy saw
        (["6.6.6.6, 192.168.1.5"], 1, "192.168.1.5"),
        (["6.6.6.6, 83.1.2.3, 10.0.0.7"], 2, "83.1.2.3"),
        (["1.1.1.1, 83.1.2.3, 34.5.6.7"], 2, "83.1.2.3"),
        (["83.1.2.3"], 2, "10.16.3.80"),
        (["83.1.2.3"], 0, "10.16.3.80"),
        ([], 1, "10.16.3.80"),
        (["rubbish"], 1, "10.16.3.80"),
        ([""], 1, "10.16.3.80"),
        (["83.1.2.3, rubbish"], 1, "10.16.3.80"),
        (["6.6.6.6, 83.1.2.3, rubbish"], 2, "83.1.2.3"),
        (["6.6.6.6, rubbish, 83.1.2.3"], 2, "10.16.3.80"),
        (["6.6.6.6", "", "83.1.2.3"], 1, "83.1.2.3"),
        (["83.1.2.3,"], 1, "10.16.3.80"),
        (["83.1.2.3:5555"], 1, "83.1.2.3"),
        (["[2001:db8:1:2:3::4]:5555"], 1, "2001:db8:1::/56"),
        (["2001:db8:1:2:3:4:5:6"], 1, "2001:db8:1::/56"),
        (["2001:db8:1:102::1"], 1, "2001:db8:1:100::/56"),
        (["::ffff:83.1.2.3"], 1, "83.1.2.3"),
        (["64:ff9b::5301:203"], 1, "83.1.2.3"),
        (["2002:5301:203::1"], 1, "83.1.2.3"),
        (["192.168.1.5"], 1, "192.168.1.5"),
        (["9" * 100_000], 1, "10.16.3.80"),
        (["," * 100_000], 1, "10.16.3.80"),
    ],
    ids=str,
)
def test_the_address_is_the_one_that_the_proxy_saw(forwarded, proxies, expected):
    assert address_of(scope(*forwarded), proxies) == expected


def test_a_proxy_that_was_not_counted_is_named_in_the_log_once(caplog, monkeypatch):
    monkeypatch.setattr(module, "_warned", set())
    for _ in range(3):
        address_of(scope("83.1.2.3, 10.0.0.7"), 1)
    assert caplog.text.count("PROXIES=1") == 1 and "all visitors count as one" in caplog.text


def test_without_any_address_all_are_one_client():
    assert address_of(scope(peer=None), 0) == address_of(scope(peer="testclient"), 0) == "unknown"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_client_may_use_a_minutes_requests_at_once_and_then_as_they_come():
    limiter = RateLimiter(60, clock := Clock())
    assert [limiter.spend("a") for _ in range(60)] == [0] * 60
    assert limiter.spend("a") == pytest.approx(1)
    assert limiter.spend("b") == 0
    clock.now += 0.5
    assert limiter.spend("a") == pytest.approx(0.5)
    clock.now += 0.5
    assert limiter.spend("a") == 0 and limiter.spend("a") == pytest.approx(1)
    clock.now += 1e9
    assert [limiter.spend("a") for _ in range(60)] == [0] * 60 and limiter.spend("a") > 0


def test_several_at_once_are_paid_for_later():
    limiter = RateLimiter(60, Clock())
    limiter.spend("a", 59)
    assert limiter.spend("a", 16) == 0
    assert limiter.spend("a") == pytest.approx(16)


def test_no_limit():
    limiter = RateLimiter(0)
    assert {limiter.spend("a") for _ in range(1000)} == {0}


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_CLIENTS", 10)
    limiter = RateLimiter(60)
    for i in range(100):
        limiter.spend(str(i))
    assert len(limiter._buckets) == 10
