"""Gather: search, download, check and keep photos, with a list of what was kept and what failed."""
import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from pathlib import Path

from fastcore.script import CliError
from fastprogress import progress_bar

from classifier.photo import PhotoError, open_photo, photo_format
from classifier.photo.download import MAX_BYTES, Downloader, DownloadError
from classifier.results_csv import plain
from training.append_log import Row, Store, csv_rows, now, write_csv

from .sources import Found, search_web

COLUMNS = ("file", "label", "term", "url", "page", "title", "sha256", "width", "height", "time")
FAILED_COLUMNS = ("label", "url", "why", "time")
AT_ONCE = 16  # photos on their way
EXTENSIONS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "AVIF": ".avif",
              "HEIF": ".heic", "TIFF": ".tif", "BMP": ".bmp", "PPM": ".ppm"}


class Gathering:
    """A folder of photos that grows, and what became of every address."""

    def __init__(self, out: Path, allow_private: bool = False):
        self.out, self.downloader = out, Downloader(allow_private)
        out.mkdir(parents=True, exist_ok=True)
        self.csv = out / "sources.csv"
        old = sources_in(self.csv)  # first of all: a list of somebody else's is not written over
        self._sources = Store(out / ".sources.db", COLUMNS, lambda: old)
        self._failed = Store(out / ".failed.db", FAILED_COLUMNS, lambda: csv_rows(out / ".failed.csv", FAILED_COLUMNS))
        self.rows = self._sources.rows()[0]
        self._done = {(row["label"], row["url"]) for row in (*self.rows, *self._failed.rows()[0])}
        self._had = {(row["label"], row["sha256"]) for row in self.rows}
        self.counts, self.reasons = Counter(), Counter()

    def n_from(self, label: str, terms: Iterable[str]) -> int:
        """Return how many photos of a label these search terms have brought."""
        return sum(row["label"] == label and row["term"] in terms for row in self.rows)

    def write_sources(self) -> None:
        """Write sources.csv: all that was gathered, by whomever."""
        write_csv(self.csv, COLUMNS, self._sources.rows()[0])

    async def take(self, found: Found) -> bool:
        """Add a photo and return whether it is a new one; why it cannot be had is counted."""
        if found.url and (found.label, found.url) in self._done:
            self.counts["there"] += 1
            return False
        self._done.add((found.label, found.url))
        try:
            data = await self._data(found)
            facts = await asyncio.to_thread(_described, data)
        except (DownloadError, PhotoError) as error:
            why = str(error)
            self.counts["failed"] += 1
            self.reasons[why] += 1
            if found.url and getattr(error, "final", True):
                self._failed.add([{"label": found.label, "url": found.url, "why": why, "time": now()}])
            return False
        return self._keep(found, data, *facts)

    async def _data(self, found: Found) -> bytes:
        if found.file is None:
            return await self.downloader.fetch(found.url)
        try:
            if found.file.stat().st_size > MAX_BYTES:
                raise DownloadError(f"larger than {MAX_BYTES // 1_000_000} MB")
            return found.file.read_bytes()
        except OSError as error:
            raise DownloadError(f"cannot be read ({error.strerror})") from error

    def _keep(self, found: Found, data: bytes, width: int, height: int, extension: str) -> bool:
        digest = hashlib.sha256(data).hexdigest()
        if (found.label, digest) in self._had:
            self.counts["there"] += 1
            return False
        file = self.out / found.label / f"{digest[:20]}{extension}"
        aside = self.out / f".{file.name}.part"
        try:
            file.parent.mkdir(exist_ok=True)
            aside.write_bytes(data)
            os.replace(aside, file)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise CliError(f"{file} could not be written: {error.strerror or error}. What was gathered before is "
                           "kept; the same command goes on.") from error
        row = {"file": file.relative_to(self.out).as_posix(), "label": found.label, "term": found.term,
               "url": found.url, "page": found.page, "title": " ".join(found.title.split()), "sha256": digest,
               "width": str(width), "height": str(height), "time": now()}
        self._sources.add([row])
        self.rows.append(row)
        self._had.add((found.label, digest))
        self.counts["new"] += 1
        return True

    async def take_all(self, candidates: Iterator[Found], wanted: int | None = None) -> int:
        """Take photos until `wanted` new ones are there, or all; return how many are new, with a progress bar."""
        new, ended, running = 0, False, set()
        bar = progress_bar(range(wanted or 0), leave=False) if wanted else None
        if bar:
            bar.update(0)  # fastprogress starts its clock at 0 alone
        while True:
            while not ended and len(running) < (AT_ONCE if wanted is None else min(AT_ONCE, wanted - new)):
                found = await asyncio.to_thread(next, candidates, None)
                ended = found is None
                if not ended:
                    running.add(asyncio.create_task(self.take(found)))
            if not running:
                return new
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            new += sum(task.result() for task in done)
            if bar:
                bar.update(new)


def _described(data: bytes) -> tuple[int, int, str]:
    """Return width, height and the extension of a photo; PhotoError for bytes that are none."""
    photo, kind = open_photo(data), photo_format(data)
    return *photo.size, EXTENSIONS.get(kind, f".{kind.lower()}")


def sources_in(file: Path) -> list[Row]:
    """Return the rows of a sources.csv, as `write_csv` or an earlier version wrote it."""
    return [{name: plain(text) for name, text in row.items()} for row in csv_rows(file, COLUMNS)]


def by_turns(searches: Iterable[Iterator[Found]]) -> Iterator[Found]:
    """Yield from each search in turn, so that every term of a label has its share."""
    return (found for found in chain.from_iterable(zip_longest(*searches)) if found)


async def gather(gathering: Gathering, by_label: dict[str, list[str]], listed: list[Found], per_label: int) -> None:
    """Take `per_label` photos of each label from its searches, and all the listed ones."""
    try:
        for label, terms in by_label.items():
            wanted = per_label - gathering.n_from(label, terms)
            print(f"{label}: {max(wanted, 0)} photos wanted, by {', '.join(map(repr, terms))}", flush=True)
            if wanted > 0:
                new = await gathering.take_all(by_turns([search_web(label, term) for term in terms]), wanted)
                if new < wanted:
                    print(f"{label}: the search ended after {new} of {wanted}; another --label {label}=\"...\" may "
                          "find more.")
        await gathering.take_all(iter(listed))
    finally:
        gathering.write_sources()
