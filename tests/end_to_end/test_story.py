"""tests/end_to_end/story.py: the whole way on small data, each step with its time."""

import os
import re
import subprocess
import sys

import pytest

from helpers.paths import ROOT

STAGES = "gather verify train report clean train compare operate deploy gather clean monitor gather clean candidate"


@pytest.mark.slow
def test_the_story_is_told_to_its_end():
    packages = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "tests/end_to_end/story.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        env={**os.environ, "PYTHONPATH": packages},
    )
    print(run.stdout)  # shown where it fails
    assert run.returncode == 0, run.stderr
    assert " ".join(re.findall(r"^ *\d+ +[\d.]+ s  python -m training\.(\w+)", run.stdout, re.M)) == STAGES
    assert re.search(r"The story is told: 19 steps in \d+ s", run.stdout)
