"""Rate limit: a token bucket for each client, named by its address behind the trusted proxies.

Usage:

    client = address_of(scope, proxies=1)
    wait = limiter.spend(client)
"""

import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from starlette.types import Scope

from classifier.photo.download import embedded_ipv4

log = logging.getLogger(__name__)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

UNKNOWN = "unknown"
IPV6_PREFIX = 56  # bits: providers give a home a /56 (RFC 6177), and its owner chooses the rest
MAX_CLIENTS = 10_000  # remembered; those whose last request is the oldest are forgotten and start with a full bucket


def address_of(scope: Scope, proxies: int) -> str:
    """Return a request's client: an IPv4 address, or the /56 of an IPv6 one.

    proxies: how many proxies in front of the app are trusted. Each adds the address that it saw to the end of
    X-Forwarded-For, so the client's is the one in that place from the right, whatever it is; what stands before it
    the client may have written itself. With no proxies, or where that place holds no address, it is the connection's
    other end.
    """
    forwarded = (
        [
            part
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
            for part in value.decode("latin-1").rsplit(",", proxies)
        ]
        if proxies
        else []
    )
    address = _parse_address(forwarded[-proxies]) if len(forwarded) >= proxies > 0 else None
    if address is None:
        return _client_name(_parse_address((scope.get("client") or ("",))[0] or ""))
    if address.is_private:
        _warn_of_private_address(proxies)
    return _client_name(address)


_warned: set[int] = set()


def _warn_of_private_address(proxies: int) -> None:
    """Log, once, that PROXIES may be too small: all visitors would count as one."""
    if proxies not in _warned:
        _warned.add(proxies)
        log.warning(
            "With PROXIES=%d a visitor's address is one of a private network. If that is a proxy's, set "
            "PROXIES to the number of proxies in front of the app: until then all visitors count as one.",
            proxies,
        )


def _parse_address(text: str) -> IPAddress | None:
    text = text.strip().strip('"')
    if text.startswith("["):  # [::1]:8080
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:8080
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return embedded_ipv4(address) or address


def _client_name(address: IPAddress | None) -> str:
    if address is None:
        return UNKNOWN
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


class RateLimiter:
    """A token bucket for each client: it holds as many tokens as a minute brings."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """per_minute: 0 for no limit. clock: seconds that only ever grow."""
        self._per_minute, self._clock, self._lock = per_minute, clock, Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def spend(self, client: str, n: int = 1) -> float:
        """Take n tokens from a client; return 0, or the seconds to wait where it has none left.

        A client with a token left may spend more than it has, and waits longer before its next request.
        """
        if not self._per_minute:
            return 0.0
        now, per_second = self._clock(), self._per_minute / 60
        with self._lock:
            tokens, counted_at = self._buckets.pop(client, (float(self._per_minute), now))
            tokens = min(float(self._per_minute), tokens + (now - counted_at) * per_second)
            allowed = tokens >= 1
            self._buckets[client] = (tokens - n if allowed else tokens, now)
            while len(self._buckets) > MAX_CLIENTS:
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / per_second
