"""Find candidate photos: by a web image search, in a list of addresses, or in folders.

Reads  search terms, a csv file with the columns label and url, or a folder of folders
Gives  `Candidate`s: the address of a photo or its file, and its label
"""

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcore.script import CliError

from training.data.files import folder_name
from training.data.photos import get_photos

Search = Callable[[str, int], list[dict[str, Any]]]  # (term, page), see `image_search`

MAX_PAGES = 20  # of a search: search engines end long before
RETRY_DELAYS = (5, 20, 60)  # seconds before a search that failed is repeated: search engines limit the rate


@dataclass(frozen=True)
class Candidate:
    """A photo that may be collected: an address on the web, or a file."""

    label: str
    url: str = ""
    file: Path | None = None
    term: str = ""
    page: str = ""
    title: str = ""


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

    Raises CliError where the search fails, after the retries of RETRY_DELAYS.
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
                yield Candidate(label, row["image"], None, term, row.get("url") or "", row.get("title") or "")


def _search_with_retries(term: str, page: int, search: Search, sleep: Callable[[float], None]) -> list[dict[str, Any]]:
    delays = iter(RETRY_DELAYS)
    while True:
        try:
            return search(term, page)
        except Exception as error:  # ddgs, its HTTP client and its parsers each raise their own
            delay = next(delays, None)
            if delay is None:
                raise CliError(
                    f"The web search does not answer for {term!r} ({str(error)[:100]}). What was gathered "
                    "is kept: try again later, or give addresses with --urls."
                ) from error
            print(f"the web search does not answer; asking again in {delay} s ...", flush=True)
            sleep(delay)


def read_address_list(file: Path) -> list[Candidate]:
    """Return the addresses in a csv file with the columns label and url; page and title are optional columns."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CliError(f"{file} cannot be read as csv: {error}.") from error
    if not rows or not {"label", "url"} <= rows[0].keys():
        raise CliError(
            f"{file} needs a first line that names its columns, label and url among them, and a line a photo."
        )
    candidates = []
    for number, row in enumerate(rows, start=2):
        if not (row["label"] or "").strip() or not (row["url"] or "").strip():
            raise CliError(f"{file}, line {number}: label or url is missing.")
        candidates.append(
            Candidate(
                folder_name(row["label"]), row["url"].strip(), None, "", row.get("page") or "", row.get("title") or ""
            )
        )
    return candidates


def photos_in_folder(folder: Path) -> list[Candidate]:
    """Return the photos under a folder; their label is the name of its sub-folder they lie in, or its own name."""
    photos = get_photos(folder, labelled=False)
    return [
        Candidate(
            folder_name((folder.resolve().name, *photo.relative_to(folder).parts[:-1])[:2][-1]),
            file=photo,
            title=photo.name,
        )
        for photo in photos
    ]
