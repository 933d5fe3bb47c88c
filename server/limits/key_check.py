"""Check the key that a request brings, and say which client it is of.

    check = KeyCheck(ApiKeys(path), required=1)
    client, error = check.client(headers, address, sends_photo=True)

A key comes as `X-API-Key: KEY` or `Authorization: Bearer KEY`. A bearer token that does not begin as our keys do is
somebody else's, such as the one that opens a private Space, and counts as none.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from .api_keys import PREFIX, ApiKeys
from .errors import KEY_MISSING, KEY_UNKNOWN, KEYS_UNREADABLE, ErrorResponse

CLIENT_PREFIX = "key "  # before a key's name, where a client without a key has its address
NEVER, OUTSIDE, ALWAYS = 0, 1, 2  # when a photo needs a key: `API_KEYS_REQUIRED`


class KeyCheck:
    """Which client a request is of, and whether it lacks a key."""

    def __init__(self, keys: ApiKeys, required: int) -> None:
        """required: NEVER, OUTSIDE for all but the page's own calls, or ALWAYS."""
        self._keys, self._required = keys, required

    @property
    def problem(self) -> str | None:
        """Why nobody's key can be checked now, in a sentence; None where it can."""
        return KEYS_UNREADABLE.message if self._keys.broken else None

    def client(self, headers: Headers, address: str, sends_photo: bool) -> tuple[str, ErrorResponse | None]:
        """Return the client of a request, and why it is not answered, or None.

        sends_photo: whether the request has a body; what only reads needs no key.
        """
        key = sent_key(headers)
        name = self._keys.name_of(key) if key else None
        if name:
            return CLIENT_PREFIX + name, None
        if not sends_photo:
            return address, None
        needed = self._required == ALWAYS or (self._required == OUTSIDE and not from_own_page(headers))
        if not key and not needed:
            return address, None
        if self._keys.broken:
            return address, KEYS_UNREADABLE
        return address, KEY_UNKNOWN if key else KEY_MISSING


def sent_key(headers: Headers) -> str:
    """Return the key that a request brings; "" for none."""
    if key := headers.get("x-api-key", "").strip():
        return key
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.startswith(PREFIX) else ""


def from_own_page(headers: Headers) -> bool:
    """Return whether a browser says that a page of this app sends a request.

    Pages of other sites cannot say so, since the browser writes these headers. A program can.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host", "") != ""
