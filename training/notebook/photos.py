"""Get the photos that the notebook trains on: a folder, an upload, a search, or a data set of the Hub.

Gives  `choose_photos`, the folder that has them
Writes data/NAME, for all but a folder that is used where it lies
"""

import importlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from fastcore.script import CliError

from training.gather.__main__ import main as gather
from training.host import COLAB, KAGGLE, host_name

KAGGLE_INPUT = Path("/kaggle/input")


def folder_of(name: str) -> str:
    """Return the folder under data/ for photos of a source or of search terms, the same in each run."""
    return f"data/{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'photos'}"


def choose_photos(folder: str = "", upload: bool = False, search: Sequence[str] = (), hub: str = "") -> str:
    """Return the folder of photos; CliError, with what can be done, where there are none.

    folder: of photos, or an archive of them; upload: ask for a zip file; search: terms, each a label;
    hub: hf://datasets/USER/NAME. The folder is used if none of the other three is given.
    """
    if sum(map(bool, (upload, search, hub))) > 1:
        raise CliError("Choose one of UPLOAD, SEARCH and HUB.")
    if search:
        return _gathered(" ".join(search), *search)
    if hub:
        return _gathered(hub.rpartition("/")[2], source=hub)
    if upload:
        file = uploaded()
        return _gathered(Path(file).stem, source=file)
    where = Path(folder)
    if not folder or not where.exists():
        raise CliError(f"There is no folder {folder}. {ways()}")
    if where.is_dir() and os.access(where, os.W_OK):
        return folder
    return _gathered(where.stem, source=folder)  # an archive, or a folder that only can be read


def _gathered(name: str, *terms: str, source: str = "") -> str:
    """Gather into a folder under data/ and return it."""
    out = folder_of(name)
    gather(*terms, source=source, out=out)
    return out


def uploaded() -> str:
    """Ask for a zip file and return its path; CliError on hosts whose notebooks take no uploads."""
    if host_name() != COLAB:
        raise CliError(f"{host_name()} notebooks ask for no file. {ways()}")
    files = importlib.import_module("google.colab.files").upload()
    if len(files) != 1:
        raise CliError(f"{len(files)} files were uploaded: one zip file is needed, with a folder for each label.")
    return next(iter(files))


def ways() -> str:
    """Return how to give photos on this host, in words."""
    others = 'or give search terms in SEARCH, or a data set in HUB ("hf://datasets/USER/NAME").'
    if host_name() == KAGGLE:
        found = ", ".join(map(str, sorted(KAGGLE_INPUT.iterdir()))) if KAGGLE_INPUT.is_dir() else ""
        listed = f"There are: {found}." if found else "There is nothing yet: Add Input, on the right."
        return f"Set FOLDER to a data set under {KAGGLE_INPUT}, {others} {listed}"
    if host_name() == COLAB:
        return f"Set UPLOAD = True to send a zip file with a folder for each label, {others}"
    return f"Set FOLDER to a folder with one folder a label, or to a zip file, {others}"
