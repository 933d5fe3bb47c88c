"""`python -m classifier` on many photos: speed beside what the cores can do, what an engine adds, and memory.

    python -m benchmarks.bulk ../shared/data/clothing                       # 1,000 photos; about half an hour
    python -m benchmarks.bulk ../shared/data/clothing --photos 100 --rounds 2 --many 200,1000 --engines ""

Each round runs a bare pool of threads, which decodes and answers the same photos without a walk and without a table,
then the ways of the command; every second round in the other order, so that a busy machine is fair to all. What a way
takes for a few photos is its start, which is taken off. Memory is measured with a small model and small photos,
linked as often as is needed: what could grow with the number of photos is not the model.
"""

import itertools
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from fastcore.script import CliError, call_parse

from classifier.cpu_count import cores
from classifier.photo_files import photos_in

from .measuring.linked_photos import link, shrink
from .measuring.machine import machine
from .measuring.processes import ROOT, Usage, measured

SHARE_OF_LIMIT, MORE_CPU, MORE_MEMORY = 0.9, 0.05, 50
"""targets: photos a second of the bare pool's, at least; CPU of a photo on an engine and MB for more photos, at most"""
SMALL_MODEL = ROOT / "tests" / "exports" / "trained" / "export.pkl"
FEW, PART = (
    4,
    64,
)  # photos of each worker, for the start; photos of a part, so that all workers end at about the same time
SMALL, SIDE = 20, 96  # photos that memory is measured with, and pixels of their longer side
PACKAGES = {"dask": "distributed", "ray": "ray"}
SAME_RANK = {"RAY_worker_niceness": "0"}  # Ray's workers let all others go first, which a busy machine would make slow
BARE, CSV, PARTS = "bare pool of threads", "csv", "parts"
HEAD = (
    f"{'':<22}{'photos/s':>9}{'of the pool':>13}{'CPU ms/photo':>14}{'beside csv':>12}{'all CPU ms':>12}"
    f"{'start s':>9}{'peak MB':>9}"
)


@dataclass(frozen=True)
class Figures:
    """What a way costs in one round: without its start, and the start."""

    per_second: float
    cpu_ms: float
    all_cpu_ms: float
    start: float = 0.0
    pss: float = 0.0


def ways(engines: Sequence[str], workers: int) -> dict[str, list[object]]:
    """Return the options of each way, by its name."""
    by_engine = {f"parts, {engine} x {workers}": ["--engine", engine, "--workers", workers] for engine in engines}
    return {CSV: [], PARTS: [], **by_engine}


def answered(photos: Path, export: Path, name: str, options: Sequence[object], part: int) -> Usage:
    """Run a way on a folder once, and return what that costs."""
    with tempfile.TemporaryDirectory() as folder:
        out = [Path(folder) / "answers.csv"] if name == CSV else [Path(folder) / "answers", "--part-size", part]
        return measured("classifier", photos, "--export", export, *options, "--out", *out, **SAME_RANK)


def bare(photos: Path, export: Path, n: int) -> Figures:
    """Return what n photos cost in a bare pool of threads."""
    cost = json.loads(measured("benchmarks.measuring.bare_pool", photos, export).last)
    cpu_ms = 1000 * cost["cpu"] / n
    return Figures(n / cost["seconds"], cpu_ms, cpu_ms)


def round_of(folder: Path, export: Path, n: int, few: int, options: dict[str, list], reverse: bool) -> dict:
    """Return the figures of each way in one round."""

    def of(name: str) -> Figures:
        if name == BARE:
            return bare(folder / "photos", export, n)
        start = answered(folder / "few", export, name, options[name], 1)
        whole = answered(folder / "photos", export, name, options[name], PART)
        more = n - few
        return Figures(
            more / max(1e-9, whole.seconds - start.seconds),
            1000 * (whole.cpu - start.cpu) / more,
            1000 * (whole.all_cpu - start.all_cpu) / more,
            start.seconds,
            whole.pss,
        )

    names = [BARE, *options]
    figures = {}
    for name in reversed(names) if reverse else names:
        figures[name] = of(name)
        print(name, figures[name], file=sys.stderr, flush=True)
    return figures


def speed(photos: Sequence[Path], export: Path, rounds: int, engines: Sequence[str], workers: int) -> list[str]:
    """Print what each way costs, in medians over the rounds; return which targets are missed."""
    options, failed, n = ways(engines, workers), [], len(photos)
    with tempfile.TemporaryDirectory(prefix="bulk-") as temporary:
        folder = Path(temporary)
        link(photos, folder / "photos", n)
        few = FEW * workers
        link(photos, folder / "few", few)
        runs = [round_of(folder, export, n, few, options, bool(i % 2)) for i in range(rounds)]

    def middle(of: Callable[[dict], float]) -> float:
        return median(map(of, runs))

    print(f"{n:,} photos, {rounds} rounds, medians\n{HEAD}")
    for name in runs[0]:
        share = middle(lambda run: run[name].per_second / run[BARE].per_second)  # noqa: B023  called at once
        more = middle(lambda run: run[name].cpu_ms / run[CSV].cpu_ms) - 1  # noqa: B023
        rate, cpu_ms, all_ms, start, pss = (
            middle(lambda run: getattr(run[name], field))  # noqa: B023
            for field in ("per_second", "cpu_ms", "all_cpu_ms", "start", "pss")
        )
        print(
            f"{name:<22}{rate:>9.1f}{share:>13.0%}{cpu_ms:>14.1f}{more:>+12.1%}{all_ms:>12.1f}"
            + (f"{start:>9.1f}{pss:>9.0f}" if start else "")
        )
        if name == CSV and share < SHARE_OF_LIMIT:
            failed.append(f"csv has {share:.0%} of the bare pool's speed, less than {SHARE_OF_LIMIT:.0%}")
        if name not in (BARE, CSV) and more > MORE_CPU:
            failed.append(f"{name} takes {more:.1%} more CPU a photo than csv")
    return failed


def memory(photos: Sequence[Path], numbers: Sequence[int], export: Path) -> list[str]:
    """Print how much memory numbers of photos take, and the same command again; return which targets are missed."""
    print(f"{'':<8}{'photos':>9}{'peak MB':>9}{'s':>9}{'again s':>9}{'again CPU s':>13}{'again MB':>10}")
    least: dict[str, float] = {}
    failed = []
    with tempfile.TemporaryDirectory(prefix="bulk-") as temporary:
        folder = Path(temporary)
        small = shrink(photos[:SMALL], folder / "small", SIDE)
        for n in numbers:
            link(small, folder / "many", n)
            for name, out in ((CSV, folder / "answers.csv"), (PARTS, folder / "answers")):
                command = ("classifier", folder / "many", "--out", out, "--export", export)
                first, again = measured(*command), measured(*command)
                print(
                    f"{name:<8}{n:>9,}{first.rss:>9.0f}{first.seconds:>9.1f}{again.seconds:>9.1f}{again.cpu:>13.1f}"
                    f"{again.rss:>10.0f}",
                    flush=True,
                )
                more = max(first.rss, again.rss) - least.setdefault(name, first.rss)
                if more > MORE_MEMORY:
                    failed.append(f"{name} takes {more:.0f} MB more for {n:,} photos than for {numbers[0]:,}")
                shutil.rmtree(out) if out.is_dir() else out.unlink()
            shutil.rmtree(folder / "many")
    return failed


@call_parse
def main(
    data: str,  # folder of photos, with those below
    export: str = "export.pkl",  # the model
    photos: int = 1000,  # to measure speeds on; 0: memory alone
    rounds: int = 4,  # times that each way answers them
    engines: str = "dask,ray",  # with commas
    workers: int = 0,  # of an engine; 0: one a core
    many: str = "2000,100000",  # numbers of photos to measure memory with; "": none
    small_model: str = str(SMALL_MODEL.relative_to(ROOT)),  # that memory is measured with
):
    "Print the speed of `python -m classifier` by each way, and its memory by the number of photos."
    found = sorted(Path(path).resolve() for path, *_ in photos_in(data))
    wanted = [engine for engine in engines.split(",") if engine]
    if not found:
        raise CliError(f"No photos under {data}.")
    if missing := [engine for engine in wanted if find_spec(PACKAGES[engine]) is None]:
        raise CliError(
            f"{', '.join(missing)} is not installed: pip install -r classifier/bulk/requirements-{missing[0]}.txt"
        )
    print(machine(), flush=True)
    failed = []
    if many:
        failed += memory(found, [int(n) for n in many.split(",")], Path(small_model).resolve())
    if photos:
        some = list(itertools.islice(itertools.cycle(found), photos))
        failed += speed(some, Path(export).resolve(), rounds, wanted, workers or cores())
    if failed:
        raise CliError("; ".join(failed))
