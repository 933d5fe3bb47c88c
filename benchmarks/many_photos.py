"""How long do the stages take for 10,000 photos, and how much memory?

    python -m benchmarks.many_photos ../shared/data/bears

Makes the photos from those of DATA, by random crops at 512 pixels, in a folder that goes afterwards.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fastcore.script import CliError, call_parse
from PIL import Image

from classifier.photo import open_photo
from training.data.photos import get_photos

SIDE = 512  # pixels of the longer side


def crop(file: Path, target: Path, seed: int) -> None:
    """Write a random crop of a photo, mirrored or not: another photo to every measure that we have."""
    rng, photo = random.Random(seed), open_photo(file)
    width, height = (round(side * rng.uniform(0.4, 0.8)) for side in photo.size)
    left, top = rng.randint(0, photo.width - width), rng.randint(0, photo.height - height)
    part = photo.crop((left, top, left + width, top + height))
    if rng.random() < 0.5:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = SIDE / max(part.size)
    target.parent.mkdir(parents=True, exist_ok=True)
    part.resize([max(1, round(side * scale)) for side in part.size]).save(target, quality=85)


def timed(*command) -> tuple[float, float, str]:
    """Run a command; return its seconds, its largest resident memory in MB, and its last line."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([sys.executable, "-W", "ignore", "-m", *map(str, command)], stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        said.seek(0)
        last = said.read().strip().splitlines()[-1:]
    if status:
        raise CliError(f"{' '.join(map(str, command))}: {last}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, last[0]


@call_parse
def main(
    data: str,  # folder of photos, one folder a label
    export: str = "export.pkl",  # whose answers are asked for
    n: int = 10_000,  # photos to make
):
    "Print time and memory of verify and clean for many photos."
    files = get_photos(data)
    with tempfile.TemporaryDirectory() as folder:
        with ThreadPoolExecutor() as pool:
            list(
                pool.map(
                    lambda i: crop(
                        files[i % len(files)], Path(folder) / files[i % len(files)].parent.name / f"{i}.jpg", i
                    ),
                    range(n),
                )
            )
        for name, *command in (
            ("verify", "training.verify", folder, "--dry-run"),
            ("clean, first start", "training.clean", export, folder, "--list", 1),
            ("clean, second start", "training.clean", export, folder, "--list", 1),
        ):
            seconds, megabytes, last = timed(*command)
            print(
                f"{name:<20} {seconds:7.0f} s  {1000 * seconds / n:6.1f} ms a photo  {megabytes:6.0f} MB  "
                f"{last.replace(folder, 'DATA')}",
                flush=True,
            )
