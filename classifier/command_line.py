"""Run a function as a command: its arguments are the options, and the comments on them the help.

    if __name__ == "__main__":
        run(main)
"""
import sys
from collections.abc import Callable
from inspect import signature

from fastcore.script import CliError, anno_parser


def run(main: Callable) -> None:
    """Call `main` with the command line's arguments; a CliError ends the process with its sentence.

    main: annotated, with a comment on each argument, as for fastcore's `call_parse`.
    """
    spec = main.__globals__["__spec__"]
    arguments = vars(anno_parser(main, f"python -m {spec.name.removesuffix('.__main__')}").parse_args())
    for unused in ("pdb", "xtra"):  # fastcore's own
        del arguments[unused]
    parameters = signature(main).parameters.values()
    listed = [parameter.name for parameter in parameters if parameter.kind is parameter.VAR_POSITIONAL]
    try:
        main(*(value for name in listed for value in arguments.pop(name)), **arguments)
    except CliError as error:
        sys.exit(str(error))
