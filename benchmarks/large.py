"""Training on many photos, stage by stage: photos a second, beside how it was done before, and memory and disk.

    python -m benchmarks.large ../shared/data/bears                       # 2,000 photos, a few minutes
    python -m benchmarks.large ../shared/data/bears --photos 100000 --arch mobilenet_v2 --weights FILE
    python -m benchmarks.large ../shared/data/bears --batch-size 128      # on a machine with a GPU

Makes the photos from those of DATA, by random crops at 512 pixels, in a folder that goes afterwards. Speeds are
measured on some of them (`--sample`), one way after the other; the whole command is run on all. With a GPU, it tells
which share of a step the GPU is at work; without, it projects what a GPU would wait for.
"""

import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from fastcore.script import CliError, call_parse

from training.data.duplicates import _near_groups
from training.data.photos import get_photos
from training.data.splits import Photos
from training.options import TrainingOptions

from .many_photos import crop, timed
from .measuring.loading import Cost, cost, kept, loaded, loader_of, read_as_before, read_for_gpu, read_now, steps
from .measuring.machine import machine

KEPT = (("rgb", "pixels"), ("jpg", "JPEGs"))
EPOCHS = TrainingOptions.epochs
ARCHS = ("resnet18", "convnext_tiny")
MAX_MEGABYTES, MIN_BUSY = 4000, 0.8


def grow(data: Path, folder: Path, n: int) -> list[Path]:
    """Make n photos from those of a data set."""
    files = get_photos(data)

    def make(i: int) -> Path:
        source = files[i % len(files)]
        target = folder / source.parent.name / f"{i}.jpg"
        crop(source, target, i)
        return target

    with ThreadPoolExecutor() as pool:
        return sorted(pool.map(make, range(n)))


def row(stage: str, now: Cost, before: Cost | None = None, note: str = "") -> None:
    """Print what a stage costs, beside the way it was done before."""
    old = "" if before is None else f"{before.core_ms:9.2f} {before.core_ms / now.core_ms:6.1f} x"
    print(f"{stage:<46} {now.core_ms:9.2f} {old:<18} {now.per_second:10,.0f}  {note}", flush=True)


def reading(sample: list[Path], folder: Path, n: int) -> None:
    """Print how fast photos are read, and kept."""
    before, now = cost(lambda: read_as_before(sample)), cost(lambda: read_now(sample))
    row("read: can it be opened, SHA-256, hashes", now, before)
    for suffix, what in KEPT:
        with kept(sample, folder, suffix) as (store, of_reading):
            size = store.path.stat().st_size / len(sample)
            note = f"{size * n / 1e9:.1f} GB for {n:,}"
            row(f"  and kept at {store.side} pixels, as {what}", of_reading, before, note)


def loading(sample: list[Path], folder: Path, batch_size: int) -> Cost:
    """Print how fast loaders give photos for fine-tuning; return the cost of ours."""
    photos, options = Photos(sample), TrainingOptions(batch_size=batch_size)
    before = cost(lambda: loaded(loader_of(photos, options), len(sample) // 2))
    costs = []
    for suffix, what in KEPT:
        with kept(sample, folder, suffix) as (store, _):
            loader = loader_of(photos, options, store)
            costs.append(cost(lambda: loaded(loader, len(sample))))  # noqa: B023  called at once
            row(f"load crops of photos kept as {what}", costs[-1], before)
            costs.append(cost(lambda: read_for_gpu(loader, len(sample))))  # noqa: B023
            row("  and for a GPU, which resizes them", costs[-1], before)
    return costs[1]


def stepping(sample: list[Path], folder: Path, options: TrainingOptions, n: int, gpu: bool) -> float | None:
    """Print the steps of a network's fine-tuning; return the share of them that a GPU is at work, None without one."""
    often = (60, 10) if gpu else (2, 1)
    with kept(sample, folder, "rgb") as (store, _):
        before = steps(Photos(sample), options, *often)
        now = steps(replace(Photos(sample), store=store), options, *often)
    minutes = EPOCHS * n * (1 - options.valid_pct) / now.per_second / 60
    busy = "" if now.busy is None else f"GPU busy {now.busy:.0%} (before {before.busy:.0%}); "
    print(
        f"fine-tune {options.arch}, {options.batch_size} a step: {now.per_second:,.1f} photos a second (before "
        f"{before.per_second:,.1f}); {busy}waits {now.waiting:.0%} of the time for photos (before "
        f"{before.waiting:.0%}); {EPOCHS} epochs of {n:,}: {minutes:,.0f} minutes",
        flush=True,
    )
    return now.busy


def pairs(n: int) -> int:
    """Compare the hashes of n photos with one another, and return n."""
    hashes = np.random.default_rng(0).integers(0, 2**63, (n, 2))
    _near_groups(tuple(map(tuple, hashes.tolist())))
    return n


def command(folder: Path, arch: str, weights: str, image_size: int, n: int) -> list[str]:
    """Print the time and the memory of a whole training; return what is worse than it should be."""
    pretrained = ("--weights", weights) if weights else ("--no-pretrained",)
    options = ("--quick", "--arch", arch, "--image-size", image_size, *pretrained)
    seconds, megabytes, last = timed("training.train", folder / "photos", *options, "--out", folder / "export.pkl")
    disk = sum(file.stat().st_size for file in (folder / "photos" / ".features").iterdir())
    metrics = (folder / "metrics.json").stat().st_size
    print(
        f"training.train --quick, {arch} at {image_size} pixels: {seconds:,.0f} s, {megabytes:,.0f} MB resident at "
        f"most, features {disk / 1e6:,.0f} MB, metrics.json {metrics / 1e6:.1f} MB; {last.split(': ', 1)[1]}"
    )
    return [f"{megabytes:,.0f} MB are more than {MAX_MEGABYTES:,}"] if megabytes > MAX_MEGABYTES else []


@call_parse
def main(
    data: str,  # folder of photos, one folder a label
    photos: int = 2000,  # to make
    sample: int = 1000,  # of these, to measure speeds on
    arch: str = "resnet18",  # that the whole command trains
    weights: str = "",  # local state dict of that architecture
    image_size: int = 224,  # that the whole command trains at
    batch_size: int = 16,  # photos a step of fine-tuning
    stages: bool = False,  # the stages alone, without the whole command
):
    "Print the speed of each stage of a training on many photos, and the memory of the whole."
    gpu, failed = torch.cuda.is_available(), []
    print(machine() + (f", {torch.cuda.get_device_name()}" if gpu else ", no GPU"))
    with tempfile.TemporaryDirectory(prefix="large-") as folder:
        began = time.perf_counter()
        files = grow(Path(data), Path(folder) / "photos", photos)
        size = sum(file.stat().st_size for file in files)
        print(f"{photos:,} photos made, {size / photos / 1000:.0f} KB each, {time.perf_counter() - began:.0f} s")
        if not stages:  # first: the peak memory of a process that this one starts is at least its own
            failed += command(Path(folder), arch, weights, image_size, photos)
        print(f"{'':<46} {'core ms':>9} {'before':>9} {'':>8} {'a second':>10}")
        some, keep = files[:: max(1, photos // sample)], Path(folder) / "kept"
        reading(some, keep, photos)
        row("compare all with all, to find copies", cost(lambda: pairs(photos)))
        loads = loading(some, keep, batch_size)
        if not gpu:
            print(f"  a GPU that learns from more than {1000 / loads.core_ms:,.0f} photos a second and core would wait")
        for name in ARCHS:
            options = TrainingOptions(name, pretrained=False, batch_size=batch_size)
            busy = stepping(some, keep, options, photos, gpu)
            if busy is not None and busy < MIN_BUSY:
                failed.append(f"in {name}, the GPU is busy {busy:.0%} of the time, less than {MIN_BUSY:.0%}")
        shutil.rmtree(keep, ignore_errors=True)
    if failed:
        raise CliError("; ".join(failed))
