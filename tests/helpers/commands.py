"""Run the commands of the project, as a person would."""

import subprocess
import sys
from pathlib import Path

from helpers.paths import ROOT

TINY = (
    "--arch",
    "squeezenet1_1",
    "--no-pretrained",
    "--epochs",
    "1",
    "--image-size",
    "64",
    "--batch-size",
    "8",
    "--folds",
    "2",
)


def train(data: Path, *options) -> subprocess.CompletedProcess:
    """Run `python -m training.train` on a tiny scale; later options override the tiny ones."""
    return run_module("training.train", data, *TINY, *options)


def run_module(module: str, *args, timeout: float = 300, **options) -> subprocess.CompletedProcess:
    """Run `python -m MODULE ARGS` in the project's root and return what it said."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        **options,
    )
