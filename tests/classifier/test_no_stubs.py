"""classifier/no_stubs.py: Gradio is imported without writing stubs for editors, and nothing else changes."""

import subprocess
import sys

import pytest

from helpers.paths import ROOT

COMPONENT = "import gradio\nclass Own(gradio.Label):\n    EVENTS = []\n"


@pytest.mark.parametrize(("first", "stubs"), [("", ["own.pyi"]), ("from classifier import no_stubs\n", [])])
def test_a_component_gets_a_stub_only_without_it(tmp_path, first, stubs):
    (tmp_path / "own.py").write_text(COMPONENT)
    code = f"{first}import inspect, sys; sys.path.insert(0, {str(tmp_path)!r}); import own; print(inspect.getfile(own))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == str(tmp_path / "own.py"), run.stderr
    assert [file.name for file in tmp_path.glob("*.pyi")] == stubs
