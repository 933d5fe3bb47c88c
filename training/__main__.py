"""List the commands of the pipeline, each with one line, in the order in which they are used.

Usage:

    python -m training
"""

import ast
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMMANDS = (
    "gather",
    "verify",
    "data",
    "train",
    "report",
    "clean",
    "compare",
    "runs",
    "operate",
    "export",
    "static",
    "deploy",
    "monitor",
    "candidate",
)


def file_of(command: str) -> Path:
    """Return the file that `python -m training.COMMAND` runs."""
    alone = HERE / f"{command}.py"
    return alone if alone.is_file() else HERE / command / "__main__.py"


def purpose(file: Path) -> str:
    """Return the first line of a module's docstring, read without importing it: some take seconds to import."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def overview() -> str:
    """Return the list of commands, and how to get help for one of them."""
    width = max(map(len, COMMANDS))
    lines = [f"  {command:{width}}  {purpose(file_of(command))}" for command in COMMANDS]
    return "\n".join(
        [
            "The commands, in the order in which they are used:",
            "",
            *lines,
            "",
            "Run one with `python -m training.COMMAND`. Its options: `python -m training.COMMAND --help`.",
        ]
    )


def main() -> None:
    """Print the commands; for anything but a request for help, say how a command is run."""
    if unknown := [word for word in sys.argv[1:] if word not in ("-h", "--help")]:
        name = unknown[0] if unknown[0] in COMMANDS else "COMMAND"
        sys.exit(f"`python -m training` only lists the commands. Run one with `python -m training.{name}`.")
    print(overview())


if __name__ == "__main__":
    main()
