"""Fetch a data set of Kaggle by its own library: kaggle://OWNER/NAME, or kaggle://competitions/NAME.

Needs  an account for data sets that are not public, and for competitions: ~/.kaggle/kaggle.json, or KAGGLE_USERNAME and
       KAGGLE_KEY
"""

from pathlib import Path

from fastcore.script import CliError

PREFIX = "kaggle://"


def is_on_kaggle(where: str) -> bool:
    """Return whether an address is one of a data set of Kaggle."""
    return where.startswith(PREFIX)


def fetch_kaggle(where: str) -> Path:
    """Return the folder that a data set was downloaded to; a second call finds it there.

    CliError where it cannot be had.
    """
    import kagglehub
    from kagglehub.exceptions import KaggleApiHTTPError
    from requests import RequestException

    owner, _, name = where.removeprefix(PREFIX).strip("/").partition("/")
    if not owner or not name:
        raise CliError(f"{where}: kaggle://OWNER/NAME or kaggle://competitions/NAME is expected.")
    try:
        download = kagglehub.competition_download if owner == "competitions" else kagglehub.dataset_download
        return Path(download(name if owner == "competitions" else f"{owner}/{name}"))
    except (KaggleApiHTTPError, RequestException, OSError, ValueError) as error:
        said = " ".join(str(error).split())[:250]
        raise CliError(f"{where} cannot be had from Kaggle: {said}") from error
