"""The page of commands: their arguments, from their signatures, and the Makefile's targets."""

import ast
import importlib
import re
from argparse import SUPPRESS, Action

from fastcore.script import anno_parser

from training.__main__ import COMMANDS

from .markdown import ROOT, described, page, sentence, table


def shown_default(action: Action) -> str:
    """Return an option's default for the table."""
    if not action.option_strings and action.nargs is None:
        return "required"
    if action.nargs == 0:
        return "off"
    return "" if action.default in (None, "") else f"`{action.default}`"


def arguments(main) -> str:
    """Return a table of a command's arguments, in the order of its signature."""
    rows = []
    for action in anno_parser(main)._actions:  # argparse has no public way to list them
        if action.dest != "help" and action.help != SUPPRESS:
            name = action.option_strings[0] if action.option_strings else action.dest.upper()
            name += " …" if action.nargs == "*" else ""
            meaning = re.sub(r" \(default: .*\)$", "", action.help or "")
            rows.append((f"`{name}`", shown_default(action), sentence(meaning)))
    return table(("argument", "default", "meaning"), *rows)


def command(module: str) -> list[str]:
    """Return the parts of the page that describe `python -m MODULE`."""
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):
        found = importlib.import_module(f"{module}.__main__")
    return [f"## python -m {module}", *described(found.__doc__), arguments(found.main)]


def targets() -> str:
    """Return a table of the Makefile's targets."""
    found = re.findall(r"^([a-z-]+):.*?## (.*)$", (ROOT / "Makefile").read_text(), re.M)
    return table(("command", "meaning"), *((f"`make {name}`", sentence(meaning)) for name, meaning in found))


def commands() -> str:
    """Return the page of commands."""
    app = ast.get_docstring(ast.parse((ROOT / "app.py").read_text()), clean=False)
    return page(
        "Commands",
        "`python -m training` lists the commands of the pipeline in the order in which they are used. "
        "`python -m training.COMMAND --help` shows the options of one.",
        "An argument in capitals is given by its place; one that begins with `--` by its name. An option whose default "
        "is *off* takes no value.".replace("*off*", "`off`"),
        *(part for name in COMMANDS for part in command(f"training.{name}")),
        *command("classifier"),
        "## python app.py",
        *described(app),
        "It has no options: [settings](settings.md) come from the environment.",
        "## make",
        '`make` alone lists these. `DATA=folder` names the photos, `ARGS="…"` gives further options.',
        targets(),
    )
