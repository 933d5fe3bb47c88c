"""Run a command and read what it costs together with all processes that it starts: time, CPU and memory.

usage = measured("classifier", "photos", "--out", "answers.csv")
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fastcore.script import CliError

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
EVERY = 0.05  # seconds between two looks at the CPU
MEMORY_EVERY = 1.0  # seconds between two looks at the memory, each of which stops a process for some milliseconds
ENGINE = "onnxruntime"  # a library that whoever answers photos has open


@dataclass
class Usage:
    """What a command has cost."""

    seconds: float = 0.0
    cpu: float = 0.0
    """seconds of the process, or of the workers that it has started"""
    all_cpu: float = 0.0
    """seconds of all processes"""
    rss: float = 0.0
    """MB of the process itself, at most"""
    pss: float = 0.0
    """MB of all processes, at most; what they share is counted once"""
    last: str = ""
    """the last line that it has printed"""


@dataclass
class Watch:
    """Looks at a process and at those that it has started."""

    pid: int
    cpu: dict[int, float] = field(default_factory=dict)
    workers: set[int] = field(default_factory=set)
    rss: float = 0.0
    pss: float = 0.0
    _next: float = 0.0

    def look(self) -> None:
        """Read the CPU of all processes, and from time to time their memory."""
        pids = list(tree(self.pid))
        for pid in pids:
            with suppress(OSError):
                self.cpu[pid] = cpu_seconds(pid)
                if pid not in self.workers | {self.pid} and ENGINE in Path(f"/proc/{pid}/maps").read_text():
                    self.workers.add(pid)
        with suppress(OSError):
            self.rss = max(self.rss, kilobytes(Path(f"/proc/{self.pid}/status"), "VmHWM") / 1000)
        if time.monotonic() >= self._next:
            self.pss = max(self.pss, sum(map(proportional_megabytes, pids)))
            self._next = time.monotonic() + MEMORY_EVERY


def tree(pid: int) -> Iterator[int]:
    """Yield a process and all that it has started; those that end meanwhile may be missing."""
    yield pid
    with suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """Return the seconds of CPU of a process, without those of others that it has started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def proportional_megabytes(pid: int) -> float:
    """Return the MB of a process, with its share of what it has in common with others; 0 where it has ended."""
    with suppress(OSError):
        return kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss") / 1000
    return 0.0


def kilobytes(file: Path, key: str) -> int:
    """Return the kB that a file in /proc says of a key; 0 where it says nothing."""
    lines = (line.split() for line in file.read_text().splitlines() if line.startswith(f"{key}:"))
    return next((int(line[1]) for line in lines), 0)


def measured(*command: object, **environment: str) -> Usage:
    """Run `python -m COMMAND` in the project's folder, and return what it has cost; CliError where it fails."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *map(str, command)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=said,
            stderr=said,
        )
        watch = Watch(process.pid)
        own = 0.0
        while True:
            watch.look()
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                process.returncode = os.waitstatus_to_exitcode(status)
                own = usage.ru_utime + usage.ru_stime
                break
            time.sleep(EVERY)
        seconds = time.perf_counter() - began
        said.seek(0)
        lines = said.read().strip().splitlines() or [""]
    if process.returncode:
        raise CliError(f"python -m {' '.join(map(str, command))} failed: {' '.join(lines[-3:])}")
    others = sum(watch.cpu[pid] for pid in watch.cpu if pid != process.pid)
    cpu = sum(watch.cpu[pid] for pid in watch.workers) or own
    return Usage(seconds, cpu, watch.cpu.get(process.pid, own) + others, watch.rss, watch.pss, lines[-1])
