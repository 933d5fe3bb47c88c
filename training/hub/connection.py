"""Connect to the Hub, with progress bars where somebody watches; check names of repositories and addresses."""

import os
import sys
from urllib.parse import urlsplit

from fastcore.script import CliError
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id

from .repo import patient_client


def connected() -> HfApi:
    """Return the Hub, at HF_ENDPOINT where that is set."""
    quiet_bars()
    set_client_factory(patient_client)
    return HfApi(endpoint=web_address("HF_ENDPOINT", os.environ.get("HF_ENDPOINT", "")) or None)


def quiet_bars() -> None:
    """Keep the upload's progress bars to terminals."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()


def valid(name: str) -> str:
    """Return a repository's name; CliError for what cannot be one."""
    try:
        validate_repo_id(name)
    except HFValidationError:
        name = ""
    if name.count("/") != 1:
        raise CliError("Name it by your account and a name of its own, as in USER/NAME: letters, digits, - _ and .")
    return name


def web_address(option: str, address: str) -> str:
    """Return an address that was given, "" if none was; CliError for what is not one of http or https."""
    if address and not (address.startswith(("http://", "https://")) and urlsplit(address).netloc):
        raise CliError(f"{option} {address} is no address: it begins with https://.")
    return address.rstrip("/")
