"""What the app meets on the web, and what became of it: one table of tried, answered, refused and failed.

    python -m benchmarks.robustness                                   # about 15 minutes
    python -m benchmarks.robustness --only crowd --seconds 60         # the share that CI runs beside the tests

Photos made to hurt go through the decoder and over HTTP, invented requests come from the API's own description,
hostile exports are opened, a crowd of 200 stays for minutes, and each fault has a test in
tests/end_to_end/test_faults.py.
"failed" is to be 0 in every row.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from fastcore.script import CliError, bool_arg

from benchmarks.attacks.crafted import crafted, make, names
from benchmarks.attacks.crowd import PHOTOS, WAYS, Client, Crowd, crowd
from benchmarks.attacks.crowd_requests import answer_in, classify_message, same, upload_message
from benchmarks.attacks.mutated_photos import mutated
from benchmarks.costly_requests import costly
from benchmarks.hostile_photos import SLACK, tried
from benchmarks.measuring.apps import OURS, ROOT, App, running
from benchmarks.measuring.machine import machine
from classifier.command_line import run

from .tests import TESTS, Row, by_tests, complain

DEFAULTS = {"MAX_PER_MINUTE": "300", "MAX_WAITING": "100"}
LARGE = 10 * SLACK  # seconds for an answer
MOST_GROWTH = 150  # MB
LONG = 200  # seconds that a crowd stays until growth tells of a leak, not of a beginning
NEXT_GOOD = 25  # files between two good photos
RUBBISH = 200  # files that the crowd picks from, none larger than this many bytes
RUBBISH_BYTES = 2_000_000


def through_decoder(n: int) -> Row:
    """Open hostile photos as the app does, in a process of their own, which a decoder may end."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        counts, failures, wrong, slowest, grown = pool.submit(_tried, n).result()
    for failure in failures:
        complain("decoder", failure)
    failed = counts["failed"] + wrong + (grown > MOST_GROWTH)
    return Row(
        "hostile photos, through the decoder",
        counts.total(),
        counts["answered"],
        counts["refused"],
        failed,
        f"slowest {slowest:.1f} s, memory {grown:+.0f} MB",
    )


def _tried(n: int) -> tuple[Counter, list[str], int, float, float]:
    """Return counts by outcome, failures, wrong answers to the good photo, the longest time and MB grown."""
    outcomes, grown, _ = tried(str(ROOT / "export.pkl"), n)
    counts = Counter()
    for (_, outcome), times in outcomes.counts.items():
        counts[outcome] += times
    return counts, outcomes.failures, outcomes.good[False], max(outcomes.times)[0], grown


def through_http(photos: int) -> Row:
    """Send hostile photos to the running app, a good one after every few."""
    row = Row("hostile photos, over HTTP")

    async def all_of_them(app: App) -> None:
        client, ways = Client(app.port, 1), itertools.cycle((*WAYS, upload_message))
        right = answer_in((await client.ask(classify_message(PHOTOS[0].read_bytes())))[1])
        for way in (*WAYS, upload_message) * 5:  # what is kept for good is kept now
            await client.ask(way(PHOTOS[0].read_bytes()))
        slowest, before, hurting = 0.0, app.memory(), names()
        files = itertools.chain(((name, make(name)) for name in hurting), mutated(max(0, photos - len(hurting))))
        for i, (name, data) in enumerate(files):
            began = time.monotonic()
            row.tried += 1
            try:
                status, said = await asyncio.wait_for(client.ask(next(ways)(data)), 60)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                status, said = 0, type(error).__name__
            seconds = time.monotonic() - began
            slowest = max(slowest, seconds)
            sentence = said if isinstance(said, str) else isinstance(said, dict) and str(said.get("error", ""))
            if status == 200 and seconds <= LARGE:
                row.answered += 1
            elif status in (400, 413, 422, 500) and sentence and "Traceback" not in sentence and seconds <= LARGE:
                row.refused += 1
            else:
                row.failed += 1
                complain(name, f"{status} after {seconds:.1f} s: {said}")
            if i % NEXT_GOOD == 0:
                good = answer_in((await client.ask(classify_message(PHOTOS[0].read_bytes())))[1])
                if not good or not same(good, right):
                    row.failed += 1
                    complain("the good photo after it", good)
        growth = app.memory() - before
        row.note = f"slowest {slowest:.1f} s, memory {growth:+.0f} MB"
        row.failed += growth > MOST_GROWTH

    with tempfile.TemporaryDirectory() as folder, running(OURS, GRADIO_TEMP_DIR=folder) as app:
        asyncio.run(all_of_them(app))
    return row


def through_the_gate() -> Row:
    """Send what costs more than it weighs."""
    tried, refused, failed, note = costly(lambda name, said, wrong: wrong and complain(name, said))
    return Row("requests that cost more than they weigh", tried, tried - refused, refused, failed, note)


def under_load(clients: int, seconds: float) -> list[Row]:
    """Let a crowd in."""
    small = [data for _, data in crafted() if len(data) <= RUBBISH_BYTES and data]
    rubbish = small[: RUBBISH // 2] + [data for _, data in mutated(RUBBISH // 2, seed=1) if data]
    terminal = sys.stderr.isatty()

    def progress(share: float, so_far: Crowd) -> None:
        if terminal:
            print(f"\rcrowd: {share:4.0%} {dict(so_far.said)}, {len(so_far.failed)} failed  ", end="", file=sys.stderr)

    with (
        tempfile.TemporaryDirectory() as folder,
        running(OURS, **DEFAULTS, PROXIES="1", UPLOAD_MINUTES="1", GRADIO_TEMP_DIR=folder) as app,
    ):
        result = crowd(app, Path(folder), rubbish, clients, seconds, progress)
    for failure, n in Counter(result.failed).most_common(5):
        complain("crowd", f"{n} times: {failure}")
    return _crowd_rows(result, clients, seconds)


def _crowd_rows(result: Crowd, clients: int, seconds: float) -> list[Row]:
    """Return the rows of the crowd: good photos, rubbish, and whether the app grew."""
    said, (_, memory, files, uploads) = result.said, result.looks[-1]
    good = Row(
        f"{clients} at once for {seconds:.0f} s: good photos",
        said["answered"] + len(result.failed),
        said["answered"],
        0,
        len(result.failed),
        f"{said['answered'] / seconds:.0f} a second, {said['asked again']} asked again, {said['hung up']} hung up",
    )
    rest = Row(
        "    rubbish among them",
        said["rubbish answered"] + said["rubbish refused"],
        said["rubbish answered"],
        said["rubbish refused"],
    )
    flat = Row(
        "    grew by under 5% in the second half",
        3,
        3,
        note="; ".join(
            f"{name} {result.growth(column):+.1%} to {last:.0f}"
            for name, column, last in (("MB", 1, memory), ("descriptors", 2, files), ("upload files", 3, uploads))
        ),
    )
    # descriptors come and go with the clients; what leaks only ever grows
    flat.failed = int(seconds >= LONG and result.growth(1) > 0.05) + (files > 4 * clients)
    flat.answered -= flat.failed
    return [good, rest, flat]


def main(
    photos: int = 1000,  # hostile photos over HTTP
    mutants: int = 5000,  # mutated photos through the decoder, beside the crafted ones
    exports: int = 4000,  # exports with something planted in them
    clients: int = 200,  # people at once
    seconds: int = 300,  # for which they stay
    tests: bool_arg = True,  # the rows that are tests too; `make test` runs these anyway
    only: str = "",  # decoder, http, requests or crowd, instead of all and the tests
):
    "Try what a public Space meets; the exit status is 1 where anything failed."
    if sys.platform != "linux":
        raise CliError("This benchmark reads /proc: it runs on Linux.")
    parts = {
        "decoder": lambda: [through_decoder(mutants)],
        "http": lambda: [through_http(photos)],
        "requests": lambda: [through_the_gate()],
        "crowd": lambda: under_load(clients, seconds),
    }
    if only:
        if only not in parts:
            raise CliError(f"--only {only}: there are {', '.join(parts)}.")
        parts = {only: parts[only]}
    elif tests:
        parts |= {row: lambda row=row: [by_tests(row, *TESTS[row], MUTANTS=exports)] for row in TESTS}
    print(machine(), flush=True)
    print(f"{'':44}{'tried':>9}{'answered':>10}{'refused':>9}{'failed':>8}", flush=True)
    failed = 0
    for part in parts.values():
        for row in part():
            print(row, flush=True)
            failed += row.failed
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    run(main)
