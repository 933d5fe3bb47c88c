"""Run a function as a command: its parameters are the options, and the comments on them the help.

Usage:

    if __name__ == "__main__":
        run(main)
"""

import io
import os
import re
import sys
from collections.abc import Callable
from inspect import signature
from typing import Any

from fastcore.meta import delegates
from fastcore.script import CliError, anno_parser

Command = Callable[..., None]
DEFAULT = re.compile(r" ?\(default: .*\)$")


def with_options(options: type) -> Callable[[Command], Command]:
    """Return a decorator that adds the fields of a dataclass to a command's keyword parameters.

    The comments on the fields are the help.
    """

    def decorate(main: Any) -> Any:
        main = delegates(options)(main)
        main.__delwrap__ = options  # where fastcore reads the comments
        return main

    return decorate


def run(main: Command) -> None:
    """Call `main` with the command line's arguments; a CliError ends the process with its message.

    Ctrl-C ends it with 130 where `main` has no words of its own, and a reader who leaves, such as `| head`, with 1.

    main: annotated, with a comment on each parameter, as for fastcore's `call_parse`.
    """
    for stream in (sys.stdout, sys.stderr):  # a name that this terminal cannot show ends no command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    spec = main.__globals__["__spec__"]
    parser = anno_parser(main, f"python -m {spec.name.removesuffix('.__main__')}")
    for action in parser._actions:  # argparse has no public way to list them
        if action.nargs == 0 and action.help:  # of --no-keep, "default: True" is not said of what is typed
            action.help = DEFAULT.sub("", action.help)
    arguments = vars(parser.parse_args())
    for unused in ("pdb", "xtra"):  # fastcore's own
        del arguments[unused]
    parameters = list(signature(main).parameters.values())
    listed: list[Any] = []
    for n, parameter in enumerate(parameters):
        if parameter.kind is parameter.VAR_POSITIONAL:  # what stands before it has to be given by its place, too
            listed = [arguments.pop(before.name) for before in parameters[:n]] + arguments.pop(parameter.name)
    try:
        main(*listed, **arguments)
        sys.stdout.flush()
    except CliError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left is flushed as Python ends
        sys.exit(1)
