"""Read an export file of fastai's `learn.export()` as data: no code in it is run."""

import os
from os import PathLike
from pathlib import Path

from .reader import Export, ExportError, check_file, read_as_data, read_bytes, read_facts

__all__ = ["Export", "ExportError", "check_file", "read_bytes", "read_export", "read_facts"]


def read_export(path: str | PathLike[str]) -> Export:
    """Return the labels, network, transforms and facts in an export file.

    Nothing that the file names is imported, called or given attributes, so a stranger's file can do no more than
    answer wrongly. TRUST_EXPORT=1 in the environment opens the file as fastai itself does: then it can run any code
    of its writer. Raises ExportError where the file is missing, broken, refused, or no image classifier.
    """
    check_file(path)
    if os.environ.get("TRUST_EXPORT") == "1":
        from .trusted import read_trusted

        return read_trusted(Path(path))
    return read_as_data(path)
