"""Who is asking, and how often: the address behind the believed proxies, and a bucket of tokens for each.

    client = address_of(scope, proxies=1)
    wait = rate.spend(client)
"""
import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from classifier.photo.download import embedded_ipv4

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
IPV6_CUSTOMER = 56  # bits: providers give a home a /56 (RFC 6177), and its owner chooses the rest
MOST_CLIENTS = 10_000  # remembered; those who asked longest ago are forgotten, and have asked nothing


def address_of(scope: dict, proxies: int) -> str:
    """Return a request's client: an IPv4 address, or the /56 of an IPv6 one.

    proxies: how many proxies in front of the app are believed. Each adds the address that it saw to the end of
    X-Forwarded-For, so the client's is the one in that place from the right, whatever it is; what stands before it
    the client may have written itself. With no proxies, or where that place holds no address, it is the connection's
    other end.
    """
    told = [part for name, value in scope["headers"] if name == b"x-forwarded-for"
            for part in value.decode("latin-1").rsplit(",", proxies)] if proxies else []
    seen = _parsed(told[-proxies]) if len(told) >= proxies > 0 else None
    if seen is None:
        return _client(_parsed((scope.get("client") or ("",))[0] or ""))
    if seen.is_private:
        _warn_of(proxies)
    return _client(seen)


_warned: set[int] = set()


def _warn_of(proxies: int) -> None:
    """Tell the log, once, that PROXIES may be too small: all visitors would count as one."""
    if proxies not in _warned:
        _warned.add(proxies)
        log.warning("With PROXIES=%d a visitor's address is one of a private network. If that is a proxy's, set "
                    "PROXIES to the number of proxies in front of the app: until then all visitors count as one.",
                    proxies)


def _parsed(text: str):
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


def _client(address) -> str:
    if address is None:
        return UNKNOWN
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_CUSTOMER), strict=False))
    return str(address)


class Rate:
    """How many more requests each client may make now: as many a minute as `per_minute`, at once or spread."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic):
        """per_minute: 0 for no limit. clock: seconds that only ever grow."""
        self._per_minute, self._clock, self._lock = per_minute, clock, Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def spend(self, client: str, n: int = 1) -> float:
        """Take n tokens from a client; return 0, or the seconds to wait where it has none left.

        A client with a token left may spend more than it has, and waits longer before its next request.
        """
        if not self._per_minute:
            return 0.0
        now, a_second = self._clock(), self._per_minute / 60
        with self._lock:
            left, then = self._left.pop(client, (self._per_minute, now))
            left = min(self._per_minute, left + (now - then) * a_second)
            may = left >= 1
            self._left[client] = (left - n if may else left, now)
            while len(self._left) > MOST_CLIENTS:
                self._left.popitem(last=False)
        return 0.0 if may else (1 - left) / a_second
