"""Collect candidate photos: download, check and store them, and log what was stored and what failed."""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from pathlib import Path

from classifier.photo import PhotoError, open_photo, photo_format
from classifier.photo.download import MAX_BYTES, Downloader, DownloadError
from classifier.photo.formats import FORMATS
from training.append_log import AppendLog, utc_now
from training.csv_rows import read_csv_rows
from training.progress import progress_bar

from .gathered import Gathered
from .search import SearchError, search_web
from .sources.candidates import Candidate

FAILED_COLUMNS = ("label", "url", "why", "time")
MAX_CONCURRENT = 16  # downloads at a time
MAX_REASONS, MAX_PLACES = 8, 3  # of photos that were not taken: reasons that are printed, and photos of each
TOO_LARGE = f"larger than {MAX_BYTES // 1_000_000} MB"
EXTENSIONS = {kind: extensions[0] for kind, extensions in {**FORMATS, "MPO": FORMATS["JPEG"]}.items()}


class Collector:
    """Collects photos into a folder, and remembers what became of every address."""

    def __init__(self, out: Path, allow_private: bool = False, several: bool = False, unlabelled: bool = False):
        """several: whether the folder's photos have their labels in its labels.csv; see `takes_several`.

        unlabelled: photos go to the folder's inbox.
        """
        self.out, self.downloader = out, Downloader(allow_private)
        out.mkdir(parents=True, exist_ok=True)
        self.gathered = Gathered(out, several, unlabelled)
        self._failed = AppendLog(
            out / ".failed.db", FAILED_COLUMNS, lambda: read_csv_rows(out / ".failed.csv", FAILED_COLUMNS)
        )
        self._done = {(row["label"], row["url"]) for row in (*self.gathered.rows, *self._failed.rows()[0])}
        self.counts: Counter[str] = Counter()  # new, there (already), failed
        self.reasons: Counter[str] = Counter()
        self._places: defaultdict[str, list[str]] = defaultdict(list)  # by reason: photos of sources, a few of them

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
            if not candidate.term and len(self._places[why]) < MAX_PLACES:  # what a search found, nobody can mend
                self._places[why].append(candidate.place)
            if candidate.url and getattr(error, "final", True):
                self._failed.add([{"label": candidate.label, "url": candidate.url, "why": why, "time": utc_now()}])
            return False
        new = self.gathered.add(candidate, data, hashlib.sha256(data).hexdigest(), *described)
        self.counts["new" if new else "there"] += 1
        return new

    def not_taken(self) -> list[str]:
        """Return lines on what was not taken: by reason how many, most first, and a few of the photos of sources."""
        lines = []
        for why, n in self.reasons.most_common(MAX_REASONS):
            places = self._places[why]
            more = [f"and {n - len(places)} more"] if MAX_PLACES == len(places) < n else []
            lines += [f"{n:6} not taken: {why}", *(f"{'':9}{place}" for place in (*places, *more))]
        return lines

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
    """Collect `per_label` photos of each label from its searches, and all the listed ones; write the lists of them."""
    try:
        for label, terms in by_label.items():
            wanted = per_label - collector.gathered.n_from(label, terms)
            print(f"{label}: {max(wanted, 0)} photos wanted, by {', '.join(map(repr, terms))}", flush=True)
            if wanted > 0:
                new = await collector.add_all(round_robin([search_web(label, term) for term in terms]), wanted)
                if new < wanted:
                    print(
                        f'{label}: the search ended after {new} of {wanted}; another --label {label}="..." may '
                        "find more."
                    )
        await collector.add_all(iter(listed), total=n_listed)
    except SearchError as error:
        raise SearchError(f"{error} What was gathered is kept." if collector.counts["new"] else str(error)) from error
    finally:
        collector.gathered.write_lists()
