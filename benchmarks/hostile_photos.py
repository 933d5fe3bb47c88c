"""What happens to whoever opens files that were made to hurt, or that went wrong on their way.

    python -m benchmarks.hostile_photos --n 5000

Opens the files of `benchmarks.attacks.crafted`, then n seeded mutations of small photos of every format, and
asks an export about those that open. Every file has to get an answer or a sentence, in time, from a process that goes
on and keeps its size; the good photo that is sent in between has to get its right answer. `mutant(i, seed)` makes any
one of them again.
"""

import faulthandler
import os
import sys
import time
from collections import Counter
from itertools import chain
from pathlib import Path

from fastcore.script import call_parse
from fastprogress import progress_bar

from classifier import Classifier
from classifier.malloc import release_freed_memory
from classifier.photo import PhotoError, open_photo

from .attacks.crafted import make, names
from .attacks.mutated_photos import mutated, photos

GOOD, RIGHT = Path(__file__).parent.parent / "examples" / "teddy-1.jpg", "teddy"
EVERY = 200  # files between two good photos
SLACK = float(os.environ.get("SLACK", "1"))  # CI's machine may be slow: there the limits only guard against hanging
LARGE, SECONDS, SECONDS_LARGE = 24_000_000, 2 * SLACK, 10 * SLACK  # pixels from which a photo may take longer


def n_pixels(data: bytes) -> int:
    """Open a photo as training does, whole, and return how many pixels it has."""
    photo = open_photo(data)
    return photo.width * photo.height


class Outcomes:
    """What came of each file."""

    def __init__(self, classifier: Classifier):
        self.classifier, self.counts, self.times, self.failures = classifier, Counter(), [], []
        self.good = Counter()

    def run(self, name: str, data: bytes) -> None:
        """Open a file whole, then ask about it as the app does; whatever goes wrong is noted."""
        pixels, outcome, seconds = LARGE, "answered", 0.0  # of what does not open, nobody knows the size
        for ask in (n_pixels, self.classifier.predict):
            started = time.perf_counter()
            try:
                asked = ask(data)
                pixels = asked if isinstance(asked, int) else pixels
            except PhotoError as sentence:
                outcome = "refused" if str(sentence).endswith(".") and "\n" not in str(sentence) else "failed"
            except BaseException as error:
                outcome = "failed"
                self.failures.append(f"{name}: {error!r}")
            seconds = max(seconds, time.perf_counter() - started)
            if outcome != "answered":
                break
        if seconds > (SECONDS if pixels <= LARGE else SECONDS_LARGE):
            outcome = "failed"
            self.failures.append(f"{name}: {seconds:.1f} s")
        self.counts[name.split("/")[0], outcome] += 1
        self.times = sorted([*self.times, (seconds, name)])[-5:]

    def check_good(self) -> None:
        """Ask about the good photo."""
        self.good[self.classifier.predict(GOOD).label == RIGHT] += 1


def memory(of: str = "VmRSS") -> float:
    """Return what this process holds, or held at most (VmHWM), in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(of))
    return int(line.split()[1]) / 1024


def print_outcomes(outcomes: Outcomes, grown: float, peak: float) -> None:
    kinds = list(dict.fromkeys(kind for kind, _ in outcomes.counts))
    print(f"{'kind of file':14}{'tried':>8}{'answered':>10}{'refused':>9}{'failed':>8}")
    for kind in [*kinds, "all"]:
        counts = [
            sum(n for (of, outcome), n in outcomes.counts.items() if kind in (of, "all") and outcome == wanted)
            for wanted in ("answered", "refused", "failed")
        ]
        print(f"{kind:14}{sum(counts):8}{counts[0]:10}{counts[1]:9}{counts[2]:8}")
    for seconds, name in reversed(outcomes.times):
        print(f"slowest: {name}, {seconds:.2f} s")
    print(f"memory: {grown:+.0f} MB resident after a warm-up, {peak:.0f} MB at most")
    print(f"the good photo: right {outcomes.good[True]} of {sum(outcomes.good.values())} times")
    for failure in outcomes.failures:
        print(f"FAILED {failure}")


def tried(export: str, n: int, seed: int = 0, only: str = "") -> tuple[Outcomes, float, float]:
    """Return what came of the crafted files with `only` in their names and of n mutants, and MB grown and at most."""
    faulthandler.enable()  # a decoder that ends the process leaves a trace
    release_freed_memory()  # as the app does
    outcomes = Outcomes(Classifier.load(export))
    warm_up = Outcomes(outcomes.classifier)
    for kind, files in photos().items():
        for data in files:
            warm_up.run(kind, data)
    before = memory()
    chosen = [name for name in names() if only in name]
    files = chain(((name, make(name)) for name in chosen), mutated(n, seed))
    if sys.stderr.isatty():
        files = progress_bar(files, total=n + len(chosen), leave=False)
    for i, (name, data) in enumerate(files):
        outcomes.run(name, data)
        if i % EVERY == 0:
            outcomes.check_good()
    outcomes.check_good()
    return outcomes, memory() - before, memory("VmHWM")


@call_parse
def main(
    export: str = "export.pkl",  # whose answers are asked for
    n: int = 5000,  # mutated photos, besides the crafted ones
    seed: int = 0,  # of the mutations
    only: str = "",  # crafted ones whose name has this in it; all where it is empty
):
    "Print what came of crafted and mutated photos, by kind of file."
    outcomes, grown, peak = tried(export, n, seed, only)
    print_outcomes(outcomes, grown, peak)
    if outcomes.failures or outcomes.good[False]:
        sys.exit(1)
