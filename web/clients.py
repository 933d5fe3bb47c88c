"""Who is asking, and how often: the address behind the platform's proxy, and a bucket of tokens for each.

    client = address_of(scope, proxies=1)
    wait = rate.spend(client)
"""
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

UNKNOWN = "unknown"
IPV6_HOME = 64  # bits of an IPv6 address that a home or a server is given: the rest its owner can choose
MOST_CLIENTS = 10_000  # remembered; those who asked longest ago are forgotten, and have asked nothing


def address_of(scope: dict, proxies: int) -> str:
    """Return a request's client: an IPv4 address, or the /64 of an IPv6 one.

    proxies: how many proxies in front of the app are believed. Each adds the address that it saw to the end of
    X-Forwarded-For; what stands before those the client may have written itself. Addresses of the platform's own
    network are passed over. With no proxies, or where they told nothing, it is the connection's other end.
    """
    peer = (scope.get("client") or (None,))[0]
    told = [part for name, value in scope["headers"] if name == b"x-forwarded-for"
            for part in value.decode("latin-1").split(",")] if proxies else []
    seen = [address for part in told[-proxies - MOST_INNER:] if (address := _parsed(part)) is not None]
    seen = [address for address in seen if not _is_inner(address)] or seen
    return _client(seen[-proxies] if len(seen) >= proxies > 0 else _parsed(peer or ""))


MOST_INNER = 5  # addresses of the platform's own network that may stand behind the client's
INNER = [ipaddress.ip_network(network) for network in (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "fc00::/7", "fe80::/10", "::1/128")]


def _is_inner(address) -> bool:
    return any(address in network for network in INNER if network.version == address.version)


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
    return getattr(address, "ipv4_mapped", None) or address


def _client(address) -> str:
    if address is None:
        return UNKNOWN
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_HOME), strict=False))
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
