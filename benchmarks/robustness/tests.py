"""Run tests of the project as rows of the robustness table."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.measuring.apps import ROOT

TESTS = {  # row: files, each case of which is one that was tried
    "invented requests, from the API's description": ["tests/server/test_fuzz_api.py"],
    "hostile exports": ["tests/classifier/test_unpickler.py"],
    "exports with something planted in them": ["tests/classifier/test_mutated_exports.py"],
    "hostile compiled copies": ["tests/classifier/test_onnx_check.py"],
    "addresses that answer with too much": ["tests/classifier/test_download.py"],
    "kills, full disks and damage, of lists": [
        "tests/training/journal/test_move_journal.py",
        "tests/training/test_append_log.py",
    ],
    "other pages at the cleaner": ["tests/training/clean/test_local_only.py"],
    "look-ups that nobody asked for": ["tests/classifier/test_telemetry.py"],
    "faults survived": ["tests/end_to_end/test_faults.py"],
}


@dataclass
class Row:
    """A line of the table."""

    name: str
    tried: int = 0
    answered: int = 0
    refused: int = 0
    failed: int = 0
    note: str = ""

    def __str__(self):
        return f"{self.name:44}{self.tried:9}{self.answered:10}{self.refused:9}{self.failed:8}  {self.note}"


def complain(where: str, what: object) -> None:
    """Tell of a failure, beside the table."""
    print(f"FAILED {where}: {str(what)[:300]}", file=sys.stderr, flush=True)


def by_tests(name: str, *files: str, **environment: object) -> Row:
    """Run tests, with further variables of the environment; each is a case."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **{key: str(value) for key, value in environment.items()}},
    )
    counts = {what: int(n) for n, what in re.findall(r"(\d+) (passed|failed|error|skipped)", run.stdout[-500:])}
    failed = counts.get("failed", 0) + counts.get("error", 0) + (not counts)
    for line in re.findall(r"^(?:FAILED|ERROR) .*|^E  .*", run.stdout, re.M) if counts else [run.stdout + run.stderr]:
        complain(name, line)
    skipped, tried = counts.get("skipped", 0), sum(map(int, re.findall(r"^\.*asked (\d+) requests", run.stdout, re.M)))
    passed = counts.get("passed", 0)
    note = f"{passed + failed} tests" + (f", {skipped} skipped" if skipped else "")
    return Row(name, tried or passed + failed, tried or passed, 0, failed, note)
