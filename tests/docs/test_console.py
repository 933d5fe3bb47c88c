"""README.md and docs/ show what the commands print: in console blocks, and in text blocks without the command.

A command that needs seconds and no network is run, and its output compared. Of the others each line is held against the
texts in the code: words that no program of ours prints any more are found, figures are not.
"""

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.documents import Block, blocks
from helpers.paths import ROOT, SHARED
from helpers.shell import sessions

RUN = re.compile(
    r"python -m (classifier .*|classifier\.merge .*|training|training\.verify .*--dry-run|training\.\w+ --help)"
    r"|(head|grep|cat|ls|sort|tail) .*"
)
VARIES = (r"\b\d+(\.\d+)? s\b", r"\b\d{10}$")  # durations, and the time at which a file was changed
ELSEWHERE = re.compile(r"make (app|test)\b")  # prints what Gradio, ruff and pytest say
WORDS = 3  # in a row, that a program of ours has to have as they stand
NAMES = {"black", "grizzly", "teddy", "tomato", "banana", "grapes", "ada", "ada's", "bob"}  # filled into the texts


def split_blocks() -> tuple[list[Block], list[Block]]:
    """Return the console blocks that are run here, and the others."""
    console = blocks("console")
    run_here = [block for block in console if all(RUN.fullmatch(command) for command, _ in sessions(block.text))]
    return run_here, [block for block in console if block not in run_here]


RUN_HERE, READ = split_blocks()


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project, as links, beside the real photos where they are here: commands may write in it."""
    folder = tmp_path / "project"
    folder.mkdir()
    for path in ROOT.iterdir():
        if not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    if SHARED.is_dir():
        (tmp_path / "shared").symlink_to(SHARED)
    return folder


def steady(text: str) -> str:
    """Return an output without what differs from run to run."""
    for pattern in VARIES:
        text = re.sub(pattern, "_", text, flags=re.M)
    return text.strip()


@pytest.mark.parametrize("block", RUN_HERE, ids=lambda block: block.name)
def test_output_of_a_command_is_what_it_prints(block, project):
    if "../shared" in block.text and not (SHARED / "data" / "bears").is_dir():
        pytest.skip(f"the real photos are not here ({SHARED.name}/data/bears beside the project)")
    for command, shown in sessions(block.text):
        script = f'python() {{ "{sys.executable}" -W ignore "$@"; }}; {command}'
        run = subprocess.run(["bash", "-ec", script], cwd=project, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stderr
        printed = steady(run.stdout)
        if shown.rstrip().endswith("..."):
            assert printed.startswith(steady(shown.rstrip().removesuffix("...")))
        else:
            assert sorted(printed.splitlines()) == sorted(steady(shown).splitlines())


def texts() -> Iterator[str]:
    """Yield each text in the code of the commands; in f-strings NUL stands for what is filled in."""
    for folder in ("training", "classifier", "benchmarks", "tests/end_to_end", "tests/helpers"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


@functools.cache
def known_words() -> str:
    """Return the texts in the code, with single spaces."""
    return " \0 ".join(" ".join(text.split()) for text in texts())


def runs_of_words(line: str) -> list[list[str]]:
    """Return the plain words of a line, those next to each other together: no figures, paths, names or options.

    Two spaces or more lie between the columns of a table, whose heads are texts of their own.
    """
    runs: list[list[str]] = [[]]
    for word in re.sub(r" {2,}", " | ", line).split():
        plain = re.fullmatch(r"[(\"'`]*([A-Za-z][a-z'-]*)([.,;:?!)\"'`]*)", word)
        if not plain or plain[1] in NAMES:
            runs.append([])
            continue
        runs[-1].append(word)
        if plain[2]:  # a sentence or a part of one ends: what follows may come from another text
            runs.append([])
    return [run for run in runs if run]


def is_known(words: list[str]) -> bool:
    """Return whether a text in the code has these words, one of them or the last ones perhaps filled in."""
    values = [" ".join([*words[:i], "\0", *words[i + 1 :]]) for i in range(len(words))]
    ends = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    return (
        " ".join(words) in known_words()
        or any(value in known_words() for value in values[1:-1])
        or any(f"{text} \0" in known_words() and f"\0 {value}" in known_words() for text, value in ends)
    )


def unknown(line: str) -> list[str]:
    """Return the words in a row of a line that no text in the code has."""
    rows = [run[i : i + WORDS] for run in runs_of_words(line) for i in range(len(run) - WORDS + 1)]
    return [row for row in (" ".join(row).strip("()\"'`.,;:?!") for row in rows) if not is_known(row.split())]


@pytest.mark.parametrize("block", [*READ, *blocks("text")], ids=lambda block: block.name)
def test_output_that_is_not_run_has_the_words_of_the_code(block):
    shown = [("", block.text)] if block.language == "text" else sessions(block.text)
    for command, printed in shown:
        if not ELSEWHERE.match(command):
            assert not [words for line in printed.splitlines() for words in unknown(line)]


@pytest.mark.parametrize(
    "block", [block for block in blocks("bash") if block.output_language in ("", "text")], ids=lambda block: block.name
)
def test_output_below_a_command_has_the_words_of_the_code(block):
    assert not [words for line in block.output.splitlines() for words in unknown(line)]


def test_words_that_no_program_prints_are_found():
    assert not unknown("data/bears: 469 photos, 56 to move, 56 moved, 413 left; --undo brings them back from data/x")
    assert unknown("new.pkl: 416 photos, all of them very good indeed")


def test_console_blocks_are_of_both_kinds():
    assert len(RUN_HERE) >= 2 and len(READ) >= 4
