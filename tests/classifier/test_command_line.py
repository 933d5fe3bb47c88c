"""classifier/command_line.py: how a command ends."""

import os
import subprocess
import sys

import pytest

from helpers.commands import run_module
from helpers.paths import ROOT

COMMAND = """
import os, signal
from fastcore.script import CliError
from classifier.command_line import run

def main(
    how: str,  # what the command does
):
    if how == "error":
        raise CliError("There is no folder photos.")
    if how == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    for i in range(100_000):
        print("a line")

if __name__ == "__main__":
    run(main)
"""


@pytest.fixture
def start(tmp_path):
    """Start a command."""
    (tmp_path / "command.py").write_text(COMMAND)

    def start(how: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "command", how],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def test_mistake_is_one_sentence(start):
    assert start("error").communicate(timeout=60) == ("", "There is no folder photos.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_interrupt_is_one_word(start):
    process = start("interrupt")
    assert process.communicate(timeout=60)[1] == "Stopped.\n" and process.returncode == 130


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another error for it")
def test_reader_who_leaves_ends_it_without_a_word(start):
    process = start("lines")
    assert process.stdout.readline() == "a line\n"
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(60) == 1


def test_help_of_a_flag_names_no_default():
    help_text = " ".join(run_module("training.train", "--help").stdout.split())
    assert "--no-keep keep nothing in runs/" in help_text and "(default: 16)" in help_text
    assert "default: True" not in help_text and "default: False" not in help_text
