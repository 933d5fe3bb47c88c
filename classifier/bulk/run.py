"""Answer the photos of a source in parts, here or on an engine, and say what came of it.

Reads  a source, an export, and OUT where an earlier run has begun
Writes OUT/parts/*.parquet; where OUT is a file, OUT.parts/ and, once all parts are there, the file
"""

import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

from fastcore.script import CliError
from fastprogress import progress_bar

from classifier.files import sha256

from .engines import ENGINES
from .job import Job, Options, open_job
from .merging import FILES, merge
from .worker import Counts, Result


@dataclass(frozen=True)
class Wanted:
    """What a run is asked for; see the options of `python -m classifier`."""

    source: str
    out: str
    export: str
    engine: str = ""
    workers: int = 0
    address: str = ""
    shard: str = ""
    part_size: int = 512
    all_labels: bool = False
    column: str = ""
    relist: bool = False

    @property
    def folder(self) -> str:
        """Where the parts go: OUT, or OUT.parts beside a file."""
        return f"{self.out}.parts" if self.out.lower().endswith(FILES) else self.out


def share_of(parts: list[str], shard: str) -> list[str]:
    """Return the parts of shard "i/n", i from 1 on; all for "". CliError for any other text."""
    if not shard:
        return parts
    found = re.fullmatch(r"(\d+)/(\d+)", shard)
    i, n = map(int, found.groups()) if found else (0, 0)
    if not 1 <= i <= n:
        raise CliError(f"--shard {shard}: write I/N, such as 1/64 for the first of 64.")
    return parts[i - 1 :: n]


def answer_source(wanted: Wanted) -> None:
    """Answer a source in parts, and print a line of counts. Raises CliError, also where parts are left."""
    began = time.perf_counter()
    if wanted.engine not in ENGINES:
        raise CliError(f"--engine {wanted.engine}: one of {', '.join(filter(None, ENGINES))}.")
    if wanted.part_size < 1 or wanted.workers < 0:
        raise CliError("--part-size is at least 1, and --workers at least 0.")
    try:
        version = sha256(wanted.export)[:12]
    except OSError as error:
        raise CliError(f"{wanted.export} cannot be read: {error.strerror or error}.") from None
    options = Options(version, wanted.all_labels, wanted.part_size)
    job = open_job(wanted.folder, wanted.source, wanted.column, wanted.export, options, wanted.relist)
    parts, done = share_of(job.parts, wanted.shard), job.done()
    left = [part for part in parts if part not in done]
    new, problems = _answered(wanted, left)
    n = _photos(job, parts)
    print(
        f"{wanted.folder}: {new.photos + _photos(job, set(parts) & done)} of {n} photos"
        f"{f' of shard {wanted.shard}' if wanted.shard else ''}, {new.photos} answered now, "
        f"{_photos(job, set(parts) & done)} were there, {new.failed} without an answer, {new.unfamiliar} not familiar, "
        f"{time.perf_counter() - began:.0f} s",
        flush=True,
    )
    if problems:
        raise CliError(f"{len(problems)} of {len(parts)} parts are left ({problems[0]}). The same command goes on.")
    if wanted.out != wanted.folder and not wanted.shard:
        merge([wanted.folder], wanted.out)
        print(f"{wanted.out}: {n} photos; {wanted.folder} is not needed any more")


def _photos(job: Job, parts: Iterable[str]) -> int:
    """Return how many photos parts have."""
    wanted = set(parts)
    return sum(part in wanted for part in job.photos["part"].to_pylist())


def _answered(wanted: Wanted, parts: list[str]) -> tuple[Counts, list[str]]:
    """Return what the parts came to, and why some are left; exits with 130 at Ctrl-C."""
    counts, problems = Counts(), list[str]()
    if not parts:
        return counts, problems
    results: Iterable[Result] = ENGINES[wanted.engine](wanted.folder, parts, wanted.workers, wanted.address)
    try:
        for result in progress_bar(results, total=len(parts), leave=False) if sys.stdout.isatty() else results:
            if isinstance(result, Counts):
                counts += result
            else:
                problems.append(result)
    except OSError as error:
        raise CliError(
            f"{wanted.folder} cannot be written: {error.strerror or error}. What it holds is kept; the same command "
            "goes on."
        ) from None
    except KeyboardInterrupt:
        print(f"\n{wanted.folder}: stopped after {counts.photos} photos; the same command goes on")
        sys.exit(130)
    return counts, problems
