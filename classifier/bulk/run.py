"""Answer the photos of a source in parts, here or on an engine, and print what came of it.

Reads  a source, an export, and OUT where an earlier run has begun
Writes OUT/parts/*.parquet; where OUT is a file, OUT.parts/ and, once all parts are there, the file
"""

import os
import re
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field

from fastcore.script import CliError
from fastprogress import progress_bar

from classifier.files import sha256

from .engines import ENGINES
from .job import Job, Options, open_job
from .listing import is_table
from .merging import FILES, merge
from .worker import Counts, Result

IN_A_ROW = 3  # parts that fail one after the other, before a run gives up: a full disk, a store that is not there
IN_A_ROW_OF_SERVERS = 20  # where the photos are on the web: one server that is gone says nothing of the next


@dataclass(frozen=True)
class Wanted:
    """What a run is asked for; see the options of `python -m classifier`."""

    source: str
    out: str
    export: str = "export.pkl"
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

    def check(self) -> None:
        """Raise CliError for options that do not fit."""
        if not self.out:
            raise CliError("--out is empty: name a file, or a folder of parts.")
        if is_table(self.source) and os.path.realpath(self.source) == os.path.realpath(self.out):
            raise CliError(f"--out {self.out} is the table of addresses itself, which it would replace: name another.")
        if self.engine not in ENGINES:
            raise CliError(f"--engine {self.engine}: one of {', '.join(filter(None, ENGINES))}.")
        if self.part_size < 1 or self.workers < 0:
            raise CliError("--part-size is at least 1, and --workers at least 0.")
        if (self.workers or self.address) and not self.engine:
            raise CliError("--workers and --address belong to an engine: add --engine dask, or ray.")
        if self.workers and self.address:
            raise CliError("--workers are started here, and --address has its own: give one of them.")
        if self.column and not is_table(self.source):
            raise CliError("--column is of a table: SOURCE ends in .csv or .parquet.")
        share_of([], self.shard)


@dataclass
class Outcome:
    """What a run has come to."""

    counts: Counts = field(default_factory=Counts)
    answered: int = 0
    """parts that were answered now"""
    problems: list[str] = field(default_factory=list)
    """why parts were not"""
    interrupted: bool = False

    def add(self, result: Result) -> None:
        """Count a part."""
        if isinstance(result, str):
            self.problems.append(result)
        else:
            self.counts, self.answered = self.counts + result, self.answered + 1


def share_of(parts: list[str], shard: str) -> list[str]:
    """Return the parts of shard "i/n", i from 1 on; all for "". CliError for any other text."""
    if not shard:
        return parts
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", shard)
    i, n = map(int, found.groups()) if found else (0, 0)
    if not 1 <= i <= n:
        raise CliError(f"--shard {shard}: write I/N, such as 1/64 for the first of 64.")
    return parts[i - 1 :: n]


def answer_source(wanted: Wanted) -> None:
    """Answer a source in parts, and print a line of counts. Raises CliError, also where parts are left."""
    wanted.check()
    try:
        _answer_source(wanted)
    except KeyboardInterrupt:  # before or after the answers: while listing, or while joining them
        print(f"{wanted.folder}: stopped; the same command goes on", flush=True)
        sys.exit(130)


def _answer_source(wanted: Wanted) -> None:
    began = time.perf_counter()
    try:
        version = sha256(wanted.export)[:12]
    except OSError as error:
        raise CliError(f"{wanted.export} cannot be read: {error.strerror or error}.") from None
    options = Options(version, wanted.all_labels, wanted.part_size, wanted.source, wanted.column, folder=os.getcwd())
    job = open_job(wanted.folder, wanted.export, options, wanted.relist)
    parts = share_of(job.parts, wanted.shard)
    done, again = job.answered()
    done &= set(parts)
    # what was out of reach comes last: the parts of a server that is gone would keep all others waiting
    outcome = _answered(wanted, job, sorted((part for part in parts if part not in done), key=again.__contains__))
    print(_line(wanted, job, parts, done, outcome, time.perf_counter() - began), flush=True)
    if outcome.interrupted:
        sys.exit(130)
    left = len(parts) - len(done) - outcome.answered
    if left:
        raise CliError(f"{left} of {len(parts)} parts are left: {outcome.problems[0]}. The same command goes on.")
    if wanted.out != wanted.folder and not wanted.shard:
        n, kept = merge([wanted.folder], wanted.out), outcome.counts.out_of_reach
        print(f"{wanted.out}: {n} photos{'' if kept else f'; {wanted.folder} is not needed any more'}")


def _answered(wanted: Wanted, job: Job, parts: list[str]) -> Outcome:
    """Return what the parts came to; it ends early at Ctrl-C and where nothing works any more."""
    outcome, failing = Outcome(), 0
    if not parts:
        return outcome
    out = wanted.folder if "://" in wanted.folder else job.place.root  # workers may be started in another folder
    try:
        with closing(ENGINES[wanted.engine](out, parts, wanted.workers, wanted.address)) as results:
            bar = progress_bar(results, total=len(parts), leave=False) if sys.stdout.isatty() else None
            for result in bar or results:
                outcome.add(result)
                if bar:
                    bar.comment = f"{outcome.counts.photos} photos"
                nothing = isinstance(result, str) or result.out_of_reach == result.photos
                failing = failing + 1 if nothing else 0
                of_one = isinstance(result, str) or result.away == result.photos
                left = outcome.answered + len(outcome.problems) < len(parts)
                if left and failing >= (IN_A_ROW if of_one else IN_A_ROW_OF_SERVERS):
                    outcome.problems.append("the photos of several parts, one after the other, are out of reach")
                    break
    except KeyboardInterrupt:
        outcome.interrupted = True
        if sys.stdout.isatty():
            print()  # ends the line of the bar
    return outcome


def _line(wanted: Wanted, job: Job, parts: Iterable[str], done: Iterable[str], outcome: Outcome, seconds: float) -> str:
    """Return the line of counts."""
    counts, there = outcome.counts, job.n_photos(done)
    none = f"{counts.none} with none of the labels, " if job.options.multi_label else ""
    again = f" ({counts.out_of_reach} out of reach: the same command asks again)" if counts.out_of_reach else ""
    return (
        f"{wanted.folder}: {'stopped at ' if outcome.interrupted else ''}{there + counts.photos} of "
        f"{job.n_photos(parts)} photos{f' of shard {wanted.shard}' if wanted.shard else ''}, "
        f"{counts.photos} answered now, {there} were there, {counts.failed} without an answer{again}, "
        f"{counts.unfamiliar} not familiar, {none}{seconds:.0f} s"
        + ("; the same command goes on" if outcome.interrupted else "")
    )
