"""The order of the rooms: the contracts in pyproject.toml hold, and a wrong import breaks the one that forbids it."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.paths import ROOT

pytest.importorskip("importlinter", reason="import-linter is not installed (tests/requirements.txt)")
PACKAGES = ("benchmarks", "classifier", "server", "training")
LINT = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
WRONG = {
    "packages": ("server/texts.py", "import training.metrics", "Serving never imports training"),
    "training-without-server": ("training/metrics.py", "import server.texts", "Training imports nothing of the server"),
    "feedback-records": ("server/feedback/records.py", "import classifier.files", "The format of feedback records"),
    "nothing-imports-the-app": ("server/launch.py", "import app", "No package imports app.py"),
    "classifier-without-web": ("classifier/photo/decode.py", "import gradio", "The classifier knows no web framework"),
    "classifier-parts": (
        "classifier/photo/errors.py",
        "from classifier import Classifier",
        "No part of the classifier imports the whole",
    ),
    "classifier": ("classifier/export/reader.py", "import classifier.inference.engine", "Rooms of the classifier"),
    "server": ("server/settings.py", "import server.launch", "Rooms of the server"),
    "a-new-room-without-a-place": ("server/unplaced.py", "", "Rooms of the server"),
    "training": ("training/clean/page.py", "import training.monitor.drift", "Commands of training"),
    "no-circles": ("classifier/photo/tiff.py", "import classifier.photo.limits", "No two modules or rooms"),
}


def lint(folder: Path) -> subprocess.CompletedProcess:
    """Check the contracts of a folder's pyproject.toml."""
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """A folder with pyproject.toml and the packages' Python files."""
    folder = tmp_path_factory.mktemp("sources")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return folder


def test_every_contract_holds():
    run = lint(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(("file", "line", "contract"), WRONG.values(), ids=WRONG)
def test_a_wrong_import_breaks_its_contract(sources, file, line, contract):
    file = sources / file
    before = file.read_text(encoding="utf-8") if file.exists() else None
    file.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        run = lint(sources)
    finally:
        file.unlink() if before is None else file.write_text(before, encoding="utf-8")
    broken = [line for line in run.stdout.splitlines() if re.search(r" BROKEN( \(\d+ ignored imports?\))?$", line)]
    assert run.returncode == 1 and any(line.startswith(contract) for line in broken), run.stdout + run.stderr


def test_the_app_imports_of_this_project_only_classifier_and_server():
    nodes = list(ast.walk(ast.parse((ROOT / "app.py").read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    ours = {path.name for path in ROOT.iterdir() if path.is_dir()} | {path.stem for path in ROOT.glob("*.py")}
    assert {name.partition(".")[0] for name in names} & ours == {"classifier", "server"}
