"""Write a command's output in whole or not at all."""
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fastcore.script import CliError


@contextmanager
def staged(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to: it takes its place if the block ends well, or goes.

    Raises CliError for a full disk, a missing folder and the like.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield aside
        os.replace(aside, path)
    except OSError as error:
        raise CliError(f"{path} could not be written: {error.strerror or error}. "
                       "What was there before is untouched.") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
