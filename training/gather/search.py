"""Find candidate photos by a web image search."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from fastcore.script import CliError

from .sources.candidates import Candidate

Search = Callable[[str, int], list[dict[str, Any]]]  # (term, page), see `image_search`

MAX_PAGES = 20  # of a search: search engines end long before
RETRY_DELAYS = (5, 20, 60)  # seconds before a search that failed is repeated: search engines limit the rate
NO_CONNECTION = re.compile("DNS(Timeout)?Error|ConnectError|ConnectionError")  # in what ddgs tells of its HTTP client


class SearchError(CliError):
    """Raised where no search engine answers, after retries."""


def image_search(term: str, page: int) -> list[dict[str, Any]]:
    """Return a page of a web image search, best first, as ddgs gives them: image, url, title and more.

    Empty where there is no more. Raises `ddgs.exceptions.DDGSException` where no search engine answers.
    """
    from ddgs import DDGS
    from ddgs.exceptions import DDGSException

    try:
        return DDGS(timeout=15).images(term, page=page, max_results=None)
    except DDGSException as error:
        if "No results found" in str(error):
            return []
        raise


def search_web(
    label: str, term: str, search: Search = image_search, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Candidate]:
    """Yield what a search finds for a term, each address once; the next page is requested when the last is used up.

    Raises SearchError where the search fails, after the retries of RETRY_DELAYS.
    """
    seen: set[str] = set()
    for page in range(1, MAX_PAGES + 1):
        new = [
            row
            for row in _search_with_retries(term, page, search, sleep)
            if row.get("image") and row["image"] not in seen
        ]
        if not new:
            return
        for row in new:
            if row["image"] not in seen:
                seen.add(row["image"])
                yield Candidate(
                    (label,), row["image"], term=term, page=row.get("url") or "", title=row.get("title") or ""
                )


def _search_with_retries(term: str, page: int, search: Search, sleep: Callable[[float], None]) -> list[dict[str, Any]]:
    delays = iter(RETRY_DELAYS)
    while True:
        try:
            return search(term, page)
        except Exception as error:  # ddgs, its HTTP client and its parsers each raise their own
            delay = next(delays, None)
            if delay is None:
                raise SearchError(_sentence(term, error)) from error
            print(f"the web search does not answer; asking again in {delay} s ...", flush=True)
            sleep(delay)


def _sentence(term: str, error: Exception) -> str:
    """Return what went wrong with a search and what to do."""
    if isinstance(error, ConnectionError) or NO_CONNECTION.search(f"{type(error).__name__} {error}"):
        return f"The web search cannot be reached for {term!r}. Are you connected to the internet? Then run it again."
    return (
        f"The web search does not answer for {term!r} ({str(error)[:100]}). Try again later, or give addresses with "
        "--source."
    )
