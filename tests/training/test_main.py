"""`python -m training` lists the commands; those that need no torch start, and work, without it."""

import ast
import json
import shutil
import subprocess
import sys

import pytest

from helpers.commands import run_module
from helpers.paths import ROOT
from training.__main__ import COMMANDS, file_of, overview, purpose

HEAVY = ("torch", "torchvision", "fastai", "timm")
WITHOUT_TORCH = [command for command in COMMANDS if command != "train"]
RUN = """
import json, runpy, sys, warnings
warnings.simplefilter("ignore")
heavy, blocked, lines = json.loads(sys.argv[1])


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in blocked:
            raise ImportError(f"{name} is not to be imported")


sys.meta_path.insert(0, Blocked())
loaded = {}
for command, *arguments in lines:
    sys.argv = [command, *arguments]
    try:
        runpy.run_module(f"training.{command}", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert not end.code, f"{command}: {end.code}"
    loaded[command] = [name for name in heavy if name in sys.modules]
print()
print(json.dumps(loaded))
"""


def run_all(*lines: tuple[str, ...], blocked: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Run commands one after the other in one process, which takes less time than a process for each."""
    told = json.dumps([HEAVY, blocked, lines])
    run = subprocess.run([sys.executable, "-c", RUN, told], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    return run


def run_in_one_process(*lines: tuple[str, ...], blocked: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Run commands one after the other; return which heavy packages were loaded after each."""
    return json.loads(run_all(*lines, blocked=blocked).stdout.splitlines()[-1])


@pytest.fixture
def bears(tmp_path):
    """The examples as labelled photos, one folder a label."""
    for photo in (ROOT / "examples").glob("*-[0-9].jpg"):
        folder = tmp_path / "bears" / photo.name.partition("-")[0]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder)
    return tmp_path / "bears"


def test_commands_are_listed_with_their_purpose():
    run = run_module("training")
    assert run.returncode == 0 and run.stdout == overview() + "\n"
    for command in COMMANDS:
        assert f"  {command:{max(map(len, COMMANDS))}}  {purpose(file_of(command))}" in run.stdout


def test_every_command_is_in_the_list():
    files = [
        file
        for file in (ROOT / "training").rglob("*.py")
        if any(
            isinstance(node, ast.Call) and ast.unparse(node) == "run(main)"
            for node in ast.walk(ast.parse(file.read_text()))
        )
    ]
    assert sorted(files) == sorted(map(file_of, COMMANDS))


@pytest.mark.parametrize("command", COMMANDS)
def test_purpose_is_one_sentence(command):
    assert purpose(file_of(command)).endswith("."), command


def test_list_needs_the_standard_library_alone():
    code = (
        "import sys, training.__main__ as listed; before = set(sys.modules); listed.overview(); "
        "print({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    run = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ast.literal_eval(run.stdout) == {"training", "__main__"} - sys.stdlib_module_names, run.stderr


@pytest.mark.parametrize(("word", "named"), [("train", "train"), ("unknown", "COMMAND")])
def test_a_word_after_the_list_says_how_to_run_a_command(word, named):
    run = run_module("training", word)
    assert run.returncode == 1 and f"`python -m training.{named}`" in run.stderr and not run.stdout


@pytest.mark.slow
def test_every_command_prints_its_help():
    printed = run_all(*[(command, "--help") for command in COMMANDS]).stdout
    assert [command for command in COMMANDS if f"usage: python -m training.{command} " not in printed] == []


def test_help_needs_no_torch():
    loaded = run_in_one_process(*[(command, "--help") for command in WITHOUT_TORCH])
    assert loaded == {command: [] for command in WITHOUT_TORCH}


def test_work_needs_no_torch(tmp_path, bears):
    (tmp_path / "feedback").mkdir()
    loaded = run_in_one_process(
        ("gather", "--folder", str(bears), "--out", str(tmp_path / "gathered")),
        ("verify", str(tmp_path / "gathered")),
        ("monitor", str(tmp_path / "feedback"), "--out", str(tmp_path / "monitor.png")),
        blocked=HEAVY,
    )
    assert loaded == {"gather": [], "verify": [], "monitor": []}


def test_work_with_a_compiled_export_needs_no_torch(tmp_path, bears):
    loaded = run_in_one_process(
        ("clean", "export.pkl", str(bears), "--list", "3"),
        ("compare", "export.pkl", "export.pkl", str(bears), "--unseen"),
        ("report", "export.pkl", str(bears), "--out", str(tmp_path / "report")),
        blocked=HEAVY,
    )
    assert loaded == {"clean": [], "compare": [], "report": []}
