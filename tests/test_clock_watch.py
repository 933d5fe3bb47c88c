"""tests/helpers/clock_watch.py: a test that fails on a machine that stood still runs again, and no other does."""

import subprocess
import sys

from helpers.paths import ROOT

TESTS = """
import pytest
from helpers.clock_watch import WATCH

seen = []

def disturbed(name, late, set_by):
    seen.append(name)
    WATCH.look(late, set_by)
    return seen.count(name) > 1

@pytest.fixture
def fails_once():
    assert disturbed("fixture", 9, 0)

def test_still(tmp_path):
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    assert disturbed("still", 9, 0)

def test_set_back():
    assert disturbed("set", 0, -400)

def test_in_a_fixture(fails_once):
    pass

def test_steady():
    assert disturbed("steady", 0.3, 0.01)

def test_wrong():
    WATCH.look(9, 0)
    seen.append("wrong")
    assert 0

def test_passed_anyway():
    seen.append("passed")
    WATCH.look(9, 0)

def test_how_often():
    assert [seen.count(name) for name in ("still", "set", "fixture", "steady", "wrong", "passed")] == [2, 2, 2, 1, 2, 1]
"""


def test_what_failed_meanwhile_runs_twice(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "helpers.clock_watch", "--rootdir", tmp_path]
    environment = {"PYTHONPATH": str(ROOT / "tests"), "PATH": ""}
    run = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True)
    assert "2 failed, 5 passed" in run.stdout, run.stdout + run.stderr
    twice = [line.partition("::")[2] for line in run.stdout.splitlines() if line.startswith("RAN TWICE")]
    assert sorted(twice) == ["test_in_a_fixture", "test_set_back", "test_still", "test_wrong"]
    assert "since the clock was set by -400 s" in run.stdout and "since the machine stood still for 9 s" in run.stdout
