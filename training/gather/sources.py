"""Where photos may come from: a web image search, a list of addresses, folders.

Reads  search terms, a csv file with the columns label and url, or a folder of folders
Gives  `Found`: the address of a photo or its file, and the label that it is to have
"""
import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fastcore.script import CliError

from training.data.files import folder_name
from training.data.photos import get_photos

MAX_PAGES = 20  # of a search: engines end long before
WAITS = (5, 20, 60)  # seconds before asking a search again that has not answered: it limits how often one may ask


@dataclass(frozen=True)
class Found:
    """A photo that may be had: an address on the web, or a file."""

    label: str
    url: str = ""
    file: Path | None = None
    term: str = ""
    page: str = ""
    title: str = ""


def image_search(term: str, page: int) -> list[dict]:
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


def search_web(label: str, term: str, search: Callable[[str, int], list[dict]] = image_search,
               sleep: Callable[[float], None] = time.sleep) -> Iterator[Found]:
    """Yield what a search finds for a term, each address once; asks for the next page when the last is used up.

    Raises CliError where the search does not answer, after trying again as `WAITS` says.
    """
    seen = set()
    for page in range(1, MAX_PAGES + 1):
        new = [row for row in _asked(term, page, search, sleep) if row.get("image") and row["image"] not in seen]
        if not new:
            return
        for row in new:
            if row["image"] not in seen:
                seen.add(row["image"])
                yield Found(label, row["image"], None, term, row.get("url") or "", row.get("title") or "")


def _asked(term: str, page: int, search: Callable, sleep: Callable) -> list[dict]:
    for wait in (*WAITS, None):
        try:
            return search(term, page)
        except Exception as error:  # ddgs, its HTTP client and its parsers each raise their own
            if wait is None:
                raise CliError(f"The web search does not answer for {term!r} ({str(error)[:100]}). What was gathered "
                               "is kept: try again later, or give addresses with --urls.") from error
            print(f"the web search does not answer; asking again in {wait} s ...", flush=True)
            sleep(wait)


def listed_in(file: Path) -> list[Found]:
    """Return the addresses in a csv file with the columns label and url; page and title are read where given."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CliError(f"{file} cannot be read as csv: {error}.") from error
    if not rows or not {"label", "url"} <= rows[0].keys():
        raise CliError(f"{file} needs a first line that names its columns, label and url among them, "
                       "and a line a photo.")
    found = []
    for number, row in enumerate(rows, start=2):
        if not (row["label"] or "").strip() or not (row["url"] or "").strip():
            raise CliError(f"{file}, line {number}: label or url is missing.")
        found.append(Found(folder_name(row["label"]), row["url"].strip(), None, "", row.get("page") or "",
                           row.get("title") or ""))
    return found


def in_folder(folder: Path) -> list[Found]:
    """Return the photos under a folder: the label is the folder below it that they lie in, or its own name."""
    photos = get_photos(folder, labelled=False)
    return [Found(folder_name((folder.resolve().name, *photo.relative_to(folder).parts[:-1])[:2][-1]), file=photo,
                  title=photo.name) for photo in photos]
