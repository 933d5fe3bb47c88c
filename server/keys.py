"""Add, list and remove the keys of those who may ask the app.

Reads and writes the file in API_KEYS_FILE, or the one that --file names

    python -m server.keys add school-4b       # prints the key, once: only its SHA-256 is kept
    python -m server.keys list
    python -m server.keys remove school-4b

A running app reads the file again within a second or two: it needs no restart.
"""

import os
import sys
from contextlib import nullcontext
from pathlib import Path

from fastcore.script import CliError
from filelock import FileLock

from classifier.command_line import run
from classifier.files import atomic_write
from server.limits.api_keys import NAME, KeysError, new_key, read_keys, read_lines

ACTIONS = ("add", "list", "remove")
DEFAULT_FILE = "api-keys.txt"
HEAD = "# Keys of the app: name, SHA-256, day. Written by `python -m server.keys`."


def add(path: Path, name: str) -> str:
    """Add a key to the file, which is made if need be, and return the key; raises KeysError."""
    if not NAME.fullmatch(name):
        raise KeysError(f"{name!r} cannot be a name: up to 64 letters, digits, dots, - and _, with no space.")
    there = path.exists()
    if there and name in (entry.name for entry in read_keys(path)):
        raise KeysError(f"There is a key of {name} already. Remove it first, or choose another name.")
    key, entry = new_key(name)
    write(path, [*(read_lines(path) if there else [HEAD]), entry.line.strip()])
    return key


def remove(path: Path, name: str) -> None:
    """Remove the keys of a name from the file; raises KeysError where there is none."""
    if name not in (entry.name for entry in read_keys(path)):
        raise KeysError(f"{path} has no key of {name}. `python -m server.keys list` shows the names.")
    write(path, [line for line in read_lines(path) if line.split()[:1] != [name]])


def write(path: Path, lines: list[str]) -> None:
    """Write the file, with the comments of its owner; raises KeysError where that cannot be."""
    try:
        atomic_write(path.resolve(), "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        raise KeysError(f"{path} cannot be written: {error.strerror}.") from error


def run_action(path: Path, action: str, names: tuple[str, ...]) -> None:
    """Do one action on the file, and print what came of it; raises KeysError."""
    if action == "list":
        lines = [f"{entry.name:<24} {entry.added}".rstrip() for entry in read_keys(path)]
        print("\n".join(lines) or f"{path} has no keys.")
    for name in names:
        if action == "remove":
            remove(path, name)
            print(f"{name} has no key any more.")
        else:
            print(add(path, name))
            print(f"That is the key of {name}. It is shown this once; {path} has its SHA-256.", file=sys.stderr)


def main(
    action: str,  # add, list or remove
    *names: str,  # whose keys: schools, programs, people
    file: str = "",  # the file of keys; else the one in API_KEYS_FILE, else api-keys.txt
) -> None:
    "Add, list and remove the keys of those who may ask the app."
    if action not in ACTIONS:
        raise CliError(f"{action} is none of {', '.join(ACTIONS)}.")
    if (action == "list") == bool(names):
        raise CliError(f"{action} takes {'no name' if names else 'a name: whose key is it'}.")
    path = Path(file or os.environ.get("API_KEYS_FILE") or DEFAULT_FILE)
    try:
        with nullcontext() if action == "list" else FileLock(f"{path}.lock"):  # two at once would forget one
            run_action(path, action, names)
    except KeysError as error:
        raise CliError(str(error)) from error
    except OSError as error:
        raise CliError(f"{path}: {error.strerror}.") from error


if __name__ == "__main__":
    run(main)
