"""Fetch a data set of Kaggle by its own library: kaggle://OWNER/NAME, or kaggle://competitions/NAME.

Needs  an account for data sets that are not public, and for competitions: ~/.kaggle/kaggle.json, or KAGGLE_USERNAME and
       KAGGLE_KEY
"""

from dataclasses import dataclass
from pathlib import Path

from fastcore.script import CliError

PREFIX = "kaggle://"
SITE = "https://www.kaggle.com"
ACCOUNT = f"Make a token on {SITE}/settings, and put it in ~/.kaggle/kaggle.json or KAGGLE_USERNAME and KAGGLE_KEY."


@dataclass(frozen=True)
class KaggleData:
    """A data set that was downloaded."""

    folder: Path
    page: str
    licence: str = ""


def is_on_kaggle(where: str) -> bool:
    """Return whether an address is one of a data set of Kaggle."""
    return where.startswith(PREFIX)


def fetch_kaggle(where: str) -> KaggleData:
    """Return a data set of Kaggle, downloaded; a second call finds its files here.

    CliError where it cannot be had.
    """
    import kagglehub

    owner, _, name = where.removeprefix(PREFIX).strip("/").partition("/")
    if not owner or not name:
        raise CliError(f"{where}: kaggle://OWNER/NAME or kaggle://competitions/NAME is expected.")
    contest = owner == "competitions"
    page = f"{SITE}/competitions/{name}" if contest else f"{SITE}/datasets/{owner}/{name}"
    try:
        folder = kagglehub.competition_download(name) if contest else kagglehub.dataset_download(f"{owner}/{name}")
    except Exception as error:  # the library, its archives and its HTTP client each raise their own
        raise CliError(f"{where} cannot be had from Kaggle: {_why(error, page)}") from error
    return KaggleData(Path(folder), page, "" if contest else _licence(owner, name))


def _licence(owner: str, name: str) -> str:
    """Return the licence of a data set in Kaggle's words; empty where it is not known."""
    from kagglehub.clients import build_kaggle_client
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug = owner, name.partition("/")[0]
    try:
        with build_kaggle_client() as client:
            licence = str(client.datasets.dataset_api_client.get_dataset(request).license_name or "")
    except Exception:  # the photos are here all the same
        return ""
    return "" if licence.casefold() == "unknown" else licence


def _why(error: Exception, page: str) -> str:
    """Return what went wrong and what to do, in a sentence or two."""
    from kagglehub.exceptions import UnauthenticatedError
    from requests import ConnectionError as NoConnection
    from requests import Timeout

    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status == 401 or isinstance(error, UnauthenticatedError):
        return f"Kaggle asks for an account. {ACCOUNT}"
    if status == 403:
        return f"your account may not read it. Open {page}, and accept its rules there; without an account: {ACCOUNT}"
    if status == 404:
        return f"there is none of this name. Look for {page}."
    if status == 429 or status >= 500 or isinstance(error, (NoConnection, Timeout)):
        return "Kaggle does not answer. Try again later."
    return f"{' '.join(str(error).split())[:250].rstrip('.') or type(error).__name__}."
