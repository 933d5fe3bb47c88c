"""Download photos from the web: streamed, limited in size and time, from public addresses only.

Used for training's search and for the addresses that clients of the app send. A download returns the bytes as they
came over the wire, or raises `DownloadError` with a sentence. Compressed responses are refused: 4 kB of brotli can
inflate to 10 GB.
"""

import asyncio
import ipaddress
import socket
import time
from collections import defaultdict
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from safehttpx import AsyncSecureTransport

MAX_BYTES = 20_000_000
MAX_SECONDS = 30  # from the connection to the last byte
MAX_REDIRECTS = 5
PER_HOST = 3  # at once
TRIES = 3
MAX_WAIT = 60  # seconds that a busy server may ask us to wait
HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; Fieldguide)",
    "Accept": "image/*,*/*;q=0.5",
    "Accept-Encoding": "identity",
}


T = TypeVar("T")


class DownloadError(ValueError):
    """Raised for a photo that cannot be downloaded, with a sentence. final: whether to try again later is useless."""

    def __init__(self, message: str, final: bool = True) -> None:
        super().__init__(message)
        self.final = final


class _ServerBusy(Exception):
    """Raised where the server asks to try again later, after some seconds if it says so."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__()
        self.seconds = seconds


class Downloader:
    """Downloads from web addresses, a few at once from each host, and waits where a host asks for it."""

    def __init__(
        self,
        allow_private: bool = False,
        max_bytes: int = MAX_BYTES,
        max_seconds: float = MAX_SECONDS,
        tries: int = TRIES,
    ) -> None:
        """allow_private: also download from this machine and its private network.

        max_bytes, max_seconds: of one photo. tries: how often a busy server is asked.
        """
        self._allow_private, self._max_bytes, self._max_seconds = allow_private, max_bytes, max_seconds
        self._tries = tries
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_HOST))
        self._not_before: defaultdict[str, float] = defaultdict(float)  # by host: a time of the monotonic clock

    async def fetch(self, url: str) -> bytes:
        """Return the bytes at a http or https address; raises DownloadError."""
        host = _parsed(url).host
        async with self._slots[host]:
            for attempt in range(self._tries):
                await self._wait_for(host)
                try:
                    return await asyncio.wait_for(self._follow(url), self._max_seconds)
                except _ServerBusy as busy:
                    seconds = 2.0 ** (attempt + 1) if busy.seconds is None else busy.seconds
                    if seconds > MAX_WAIT or self._tries == 1:
                        raise DownloadError(f"the server asks to wait for {seconds:.0f} s", final=False) from None
                    self._not_before[host] = time.monotonic() + seconds
                except (asyncio.TimeoutError, httpx.TimeoutException):
                    raise DownloadError(f"not complete within {self._max_seconds:g} s", final=False) from None
                except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
                    raise DownloadError(f"the connection failed ({type(error).__name__})", final=False) from None
        raise DownloadError("the server is busy", final=False)

    async def _wait_for(self, host: str) -> None:
        while (left := self._not_before[host] - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def _follow(self, url: str) -> bytes:
        """Return the bytes at an address or where it redirects to; each connection goes to a checked IP address."""
        for _ in range(MAX_REDIRECTS + 1):
            address = _parsed(url)
            transport = None if self._allow_private else AsyncSecureTransport(await public_address(address.host))
            async with (
                httpx.AsyncClient(transport=transport, timeout=self._max_seconds, headers=HEADERS) as client,
                client.stream("GET", address) as response,
            ):
                if not response.has_redirect_location:
                    return await self._read(response)
                url = str(address.join(response.headers["Location"]))
        raise DownloadError(f"more than {MAX_REDIRECTS} redirects")

    async def _read(self, response: httpx.Response) -> bytes:
        if response.status_code in (429, 503):
            raise _ServerBusy(retry_after(response.headers.get("Retry-After")))
        if response.status_code != 200:
            raise DownloadError(f"HTTP {response.status_code}", final=response.status_code < 500)
        encodings = response.headers.get("Content-Encoding", "identity").lower().replace(" ", "")
        if encodings not in ("", "identity"):  # a few bytes may inflate to any number
            raise DownloadError(f"the server sent it compressed ({encodings[:20]}), though it was asked not to")
        announced = response.headers.get("Content-Length", "")
        data = bytearray()
        if not announced.isdigit() or int(announced) <= self._max_bytes:
            async for part in response.aiter_raw():  # as it came over the wire, without decompression
                data += part
                if len(data) > self._max_bytes:
                    break
            else:
                return bytes(data)
        raise DownloadError(f"larger than {self._max_bytes / 1_000_000:g} MB")


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine, also where an event loop is running already, as in notebooks."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _parsed(url: str) -> httpx.URL:
    """Return a http or https address; DownloadError for any other."""
    try:
        address = httpx.URL(url)
        usable = address.scheme in ("http", "https") and bool(address.host)  # a host may be no name only now
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise DownloadError("not an address") from error
    if not usable:
        raise DownloadError("not an http or https address")
    return address


async def public_address(host: str) -> str:
    """Return an IP address of a host that is on the public internet; DownloadError where it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DownloadError("the host is not known", final=False) from error
    for *_, (ip, *_) in found:
        if isinstance(ip, str) and is_public(ip):
            return ip
    raise DownloadError("a private address")


GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")  # all global unicast addresses in use
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(ip: str) -> bool:
    """Return whether an IP address is on the public internet, also an IPv4 address embedded in IPv6."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    address = embedded_ipv4(address) or address
    return address.is_global and not address.is_multicast and (address.version == 4 or address in GLOBAL_IPV6)


def embedded_ipv4(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to (mapped, NAT64, 6to4, Teredo); None for any other."""
    if address.version == 4:
        return None
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def retry_after(header: str | None) -> float | None:
    """Return the seconds in a Retry-After header, which has a number or a date; None for any other."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except (TypeError, ValueError):
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
