"""Write a file in whole or not at all: to a temporary file beside it, which then takes its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastcore.script import CliError

from classifier.files import replacing

__all__ = ["replacing", "staged"]


@contextmanager
def staged(path: str | Path) -> Iterator[Path]:
    """Do what `replacing` does, and raise CliError with a sentence for a person instead of OSError."""
    try:
        with replacing(Path(path)) as temporary:
            yield temporary
    except OSError as error:
        raise CliError(
            f"{path} could not be written: {error.strerror or error}. What was there before is untouched."
        ) from error
