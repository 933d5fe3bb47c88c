"""Collect candidate photos: download, check and store them, and log what was stored and what failed."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from pathlib import Path

from fastcore.script import CliError

from classifier.photo import PhotoError, open_photo, photo_format
from classifier.photo.download import MAX_BYTES, Downloader, DownloadError
from classifier.photo.formats import FORMATS
from classifier.results_csv import plain
from training.append_log import AppendLog, Row, utc_now
from training.csv_rows import read_csv_rows, write_csv
from training.output import replacing
from training.progress import progress_bar

from .candidates import Candidate
from .search import search_web

COLUMNS = (
    *("file", "label", "term", "url", "page", "title", "sha256", "width", "height", "time"),
    *("source", "licence"),  # these an earlier version did not have
)
N_ADDED = 2
FAILED_COLUMNS = ("label", "url", "why", "time")
MAX_CONCURRENT = 16  # downloads at a time
TOO_LARGE = f"larger than {MAX_BYTES // 1_000_000} MB"
EXTENSIONS = {kind: extensions[0] for kind, extensions in {**FORMATS, "MPO": FORMATS["JPEG"]}.items()}


class Collector:
    """Collects photos into a folder, and remembers what became of every address."""

    def __init__(self, out: Path, allow_private: bool = False):
        self.out, self.downloader = out, Downloader(allow_private)
        out.mkdir(parents=True, exist_ok=True)
        self.csv = out / "sources.csv"
        of_csv = read_sources(self.csv)  # before anything is written: raises CliError for somebody else's list
        self._sources = AppendLog(out / ".sources.db", COLUMNS, lambda: of_csv, N_ADDED)
        self._failed = AppendLog(
            out / ".failed.db", FAILED_COLUMNS, lambda: read_csv_rows(out / ".failed.csv", FAILED_COLUMNS)
        )
        self.rows = self._sources.rows()[0]
        self._done = {(row["label"], row["url"]) for row in (*self.rows, *self._failed.rows()[0])}
        self._known_digests = {(row["label"], row["sha256"]) for row in self.rows}
        self.counts: Counter[str] = Counter()  # new, there (already), failed
        self.reasons: Counter[str] = Counter()

    def n_photos_from(self, label: str, terms: Iterable[str]) -> int:
        """Return how many photos of a label were found by these search terms."""
        return sum(row["label"] == label and row["term"] in terms for row in self.rows)

    def write_sources(self) -> None:
        """Write sources.csv: all photos that were gathered, by this and other processes."""
        write_csv(self.csv, COLUMNS, self._sources.rows()[0])

    async def add(self, candidate: Candidate) -> bool:
        """Add a photo and return whether it is new; the reasons of failures are counted."""
        if candidate.url and (candidate.label, candidate.url) in self._done:
            self.counts["there"] += 1
            return False
        self._done.add((candidate.label, candidate.url))
        try:
            data = await self._read(candidate)
            described = await asyncio.to_thread(_size_and_extension, data)
        except (DownloadError, PhotoError) as error:
            why = str(error)
            self.counts["failed"] += 1
            self.reasons[why] += 1
            if candidate.url and getattr(error, "final", True):
                self._failed.add([{"label": candidate.label, "url": candidate.url, "why": why, "time": utc_now()}])
            return False
        return self._store(candidate, data, *described)

    async def _read(self, candidate: Candidate) -> bytes:
        if candidate.data is not None:
            if len(candidate.data) > MAX_BYTES:
                raise DownloadError(TOO_LARGE)
            return candidate.data
        if candidate.file is None:
            return await self.downloader.fetch(candidate.url)
        try:
            if candidate.file.stat().st_size > MAX_BYTES:
                raise DownloadError(TOO_LARGE)
            return candidate.file.read_bytes()
        except OSError as error:
            raise DownloadError(f"cannot be read ({error.strerror})") from error

    def _store(self, candidate: Candidate, data: bytes, width: int, height: int, extension: str) -> bool:
        digest = hashlib.sha256(data).hexdigest()
        if (candidate.label, digest) in self._known_digests:
            self.counts["there"] += 1
            return False
        split = "" if candidate.split == "train" else candidate.split  # as `training.data.splits` reads it
        file = self.out / split / candidate.label / f"{digest[:20]}{extension}"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as temporary:
                temporary.write_bytes(data)
        except OSError as error:
            raise CliError(
                f"{file} could not be written: {error.strerror or error}. What was gathered before is "
                "kept; the same command goes on."
            ) from error
        row = {
            "file": file.relative_to(self.out).as_posix(),
            "label": candidate.label,
            "term": candidate.term,
            "url": candidate.url,
            "page": candidate.page,
            "title": " ".join(candidate.title.split()),
            "sha256": digest,
            "width": str(width),
            "height": str(height),
            "time": utc_now(),
            "source": candidate.source,
            "licence": candidate.licence,
        }
        self._sources.add([row])
        self.rows.append(row)
        self._known_digests.add((candidate.label, digest))
        self.counts["new"] += 1
        return True

    async def add_all(self, candidates: Iterator[Candidate], wanted: int | None = None, total: int = 0) -> int:
        """Add photos until `wanted` are new, or all; return how many are new, with a progress bar.

        total: how many candidates there are, where all are added.
        """
        new, n_done, ended, running = 0, 0, False, set[asyncio.Task[bool]]()
        bar = progress_bar(range(wanted or total), leave=False) if wanted or total else None
        if bar:
            bar.update(0)  # fastprogress starts its clock at 0 alone
        while True:
            most = MAX_CONCURRENT if wanted is None else min(MAX_CONCURRENT, wanted - new)
            while not ended and len(running) < most:
                candidate = await asyncio.to_thread(next, candidates, None)
                if candidate is None:
                    ended = True
                else:
                    running.add(asyncio.create_task(self.add(candidate)))
            if not running:
                return new
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            new, n_done = new + sum(task.result() for task in done), n_done + len(done)
            if bar:
                bar.update(new if wanted else min(n_done, total))


def _size_and_extension(data: bytes) -> tuple[int, int, str]:
    """Return width, height and file name extension of a photo; PhotoError for bytes that are no photo."""
    photo, kind = open_photo(data), photo_format(data)
    return *photo.size, EXTENSIONS.get(kind, f".{kind.lower()}")


def read_sources(file: Path) -> list[Row]:
    """Return the rows of a sources.csv, as `write_csv` or an earlier version wrote it; CliError for another list."""
    return [{name: plain(text) for name, text in row.items()} for row in read_csv_rows(file, COLUMNS, N_ADDED)]


def round_robin(searches: Iterable[Iterator[Candidate]]) -> Iterator[Candidate]:
    """Yield from each search in turn, so that every term of a label has its share."""
    return (candidate for candidate in chain.from_iterable(zip_longest(*searches)) if candidate)


async def gather(
    collector: Collector,
    by_label: dict[str, list[str]],
    per_label: int,
    listed: Iterable[Candidate] = (),
    n_listed: int = 0,
) -> None:
    """Collect `per_label` photos of each label from its searches, and all the listed ones; write sources.csv."""
    try:
        for label, terms in by_label.items():
            wanted = per_label - collector.n_photos_from(label, terms)
            print(f"{label}: {max(wanted, 0)} photos wanted, by {', '.join(map(repr, terms))}", flush=True)
            if wanted > 0:
                new = await collector.add_all(round_robin([search_web(label, term) for term in terms]), wanted)
                if new < wanted:
                    print(
                        f'{label}: the search ended after {new} of {wanted}; another --label {label}="..." may '
                        "find more."
                    )
        await collector.add_all(iter(listed), total=n_listed)
    finally:
        collector.write_sources()
