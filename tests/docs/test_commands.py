"""Each command that README.md and the pages of docs/ name exists, with its options, files and addresses."""

import argparse
import functools
import importlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastcore.script import anno_parser

from helpers.documents import Block, blocks, pages, prose
from helpers.paths import ROOT
from helpers.shell import PLACEHOLDERS, commands, sessions, without_variables
from server.limits.endpoints import rule_of

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)*)", MAKEFILE, re.M))
PROGRAMS = {
    "bash",
    "cat",
    "cd",
    "cp",
    "curl",
    "dask",
    "docker",
    "echo",
    "git",
    "grep",
    "head",
    "jq",
    "kubectl",
    "ls",
    "mkdir",
    "mv",
    "npm",
    "node",
    "ray",
    "sbatch",
    "serve",
    "sort",
    "source",
    "spark-submit",
    "tail",
    "tr",
    "zip",
}  # not ours; none of them is checked further
OURS = ("training", "benchmarks", "classifier", "server", "tools")
OTHERS = {"venv", "mkdocs", "http.server", "ruff"}  # python -m …, not ours
SHELL = blocks("bash", "sh", "console")
INLINE = re.compile(r"(?<!`)`((?:[A-Z_]+=\S+ )*(?:make|python|pytest|pip|mkdocs) [^`]+|make)`")


@functools.cache
def parser_of(module: str) -> argparse.ArgumentParser:
    """Return the command line of one of our modules."""
    file = ROOT / module.replace(".", "/")
    package = file / "__main__.py"
    assert package.is_file() or file.with_suffix(".py").is_file(), f"python -m {module}: there is no such command"
    return anno_parser(importlib.import_module(f"{module}.__main__" if package.is_file() else module).main, module)


@functools.cache
def sources() -> str:
    """Return the text of everything that may read the environment."""
    folders = ("server", "classifier", "training", "benchmarks", "tests/helpers")
    return "\n".join(
        [
            MAKEFILE,
            (ROOT / "app.py").read_text(),
            *(file.read_text() for folder in folders for file in (ROOT / folder).rglob("*.py")),
        ]
    )


def known_options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}


def check_module(module: str, words: list[str], whole: bool) -> None:
    """Check `python -m MODULE WORDS`. whole: it is complete, so that it has to parse; else its options exist."""
    package = module.partition(".")[0]
    if module in ("pip", "pytest"):
        check_program([module, *words])
    if module in ("pip", "pytest", "training", *OTHERS) or module.endswith(("COMMAND", "NAME")):
        return
    assert package in OURS, f"python -m {module}"
    parser = parser_of(module)
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= known_options(parser), f"python -m {module} has no {options - known_options(parser)}"
    if whole and not set(PLACEHOLDERS) & set(words) and "--help" not in words:
        try:
            parser.parse_args(words)
        except SystemExit:
            raise AssertionError(f"python -m {module} does not take {words}") from None


def check_program(words: list[str], whole: bool = True) -> None:
    """Check a command by its program; AssertionError for what does not exist."""
    program, *rest = words
    program = Path(program).name
    if program == "make":
        variables, targets = without_variables(sorted(rest, key=lambda word: "=" not in word))
        for target in targets:
            assert target in TARGETS, f"make {target}"
            module = re.search(r"-m ((?:training|benchmarks)\.\w+)", TARGETS[target])
            if "ARGS" in variables and module and not set(PLACEHOLDERS) & {variables["ARGS"]}:
                check_module(module[1], commands(variables["ARGS"])[0], whole=False)
        check_variables(variables)
    elif program in ("python", "python3"):
        if rest[0] == "-m":
            check_module(rest[1], rest[2:], whole)
        elif not rest[0].startswith("-"):
            check_files([rest[0]])
    elif program in ("torchrun", "accelerate-launch"):
        check_program(["python", *rest[rest.index("-m") :]], whole)
    elif program == "pytest":
        check_files([word.partition("::")[0] for word in rest if "/" in word])
    elif program == "pip":
        assert rest[0] == "install"
        check_files([word for word in rest if word.endswith(".txt")])
    elif program == "curl":
        check_curl(rest)
    else:
        assert program in PROGRAMS | {"hf", "activate", "mkdocs", "ruff"} or "activate" in words[0], words


def check_variables(variables: dict[str, str]) -> None:
    """Check that something reads the variables in front of a command; lower-case ones are the shell's own."""
    for name in variables:
        assert name.islower() or re.search(rf"\b{name}\b", sources()) or name.lower() in sources(), name


def check_files(files: list[str]) -> None:
    for file in files:
        assert list(ROOT.glob(file)), f"{file} is not in the project"


def check_curl(words: list[str]) -> None:
    """Check that the app answers at the path of each of our addresses, by the method that curl will use."""
    sends = any(word.startswith(("-F", "-d", "--data", "--form")) for word in words)
    for address in re.findall(r"https?://\S+", " ".join(words)):
        host, path = urlsplit(address).netloc, urlsplit(address).path
        if host.startswith("127.0.0.1") or host.endswith(".hf.space"):
            assert rule_of("POST" if sends else "GET", path or "/"), f"{address} is none of the app's"


def check(text: str, whole: bool = True) -> None:
    """Check every command of a script."""
    for words in commands(text):
        variables, rest = without_variables(words)
        check_variables(variables)
        if rest:
            check_program(rest, whole)


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.name)
def test_commands_of_a_block_exist(block: Block):
    if block.language == "console":
        for command, _ in sessions(block.text):
            check(command)
    else:
        check(block.text)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_within_a_sentence_exist(page: Path):
    for command in INLINE.findall(prose(page)):
        check(command.replace("\n", " "), whole=False)


def test_what_does_not_exist_is_found():
    for wrong in (
        "make nothing",
        "python -m training.nothing",
        "python -m training.train data --no-such-option",
        'make train DATA=data ARGS="--no-such-option"',
        "python -m training.compare only-one.pkl",
        "pip install -r nothing.txt",
        "pytest tests/nothing.py",
        "NO_SUCH_VARIABLE=1 make app",
        "curl -F file=@photo.jpg http://127.0.0.1:7860/nothing",
        "no-such-program",
        "python nothing.py",
    ):
        with pytest.raises(AssertionError):
            check(wrong)
