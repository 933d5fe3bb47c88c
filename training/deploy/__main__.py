"""Put the app online as a Hugging Face Space, and see that it answers there as it does here.

Reads  the serving files of this folder (see `training.deploy.manifest`) and a token: hf auth login, or HF_TOKEN
Writes a Space, and with --model a model repository, on the Hub

    python -m training.deploy USER/NAME --dry-run     # checks everything, sends nothing
    python -m training.deploy USER/NAME               # again: sends only what changed
    python -m training.deploy USER/NAME --rollback    # the version before comes back

All files are sent as one commit, or none. When something fails, the last line says what is on the Hub.
"""

import os
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fastcore.script import CliError
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id

from classifier.command_line import run, with_options

from .deployment import deploy, roll_back
from .hub_repo import Repo, patient_client
from .options import DeployOptions
from .space import quiet_bars


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


def checked(options: DeployOptions) -> DeployOptions:
    """Return the options with their names and addresses checked; CliError for what cannot be one."""
    return replace(options, dataset=options.dataset and valid(options.dataset), url=web_address("--url", options.url))


@with_options(DeployOptions)
def main(
    space: str,  # USER/NAME of the Space; it is created if it is not there
    rollback: bool = False,  # put the version before the last one back
    model: str = "",  # USER/NAME of a model repository that gets the export and its card
    **options: Any,
) -> None:
    "Put the app online as the Space USER/NAME, and see that it answers there as it does here."
    asked = checked(DeployOptions(**options))
    quiet_bars()
    set_client_factory(patient_client)
    api = HfApi(endpoint=web_address("HF_ENDPOINT", os.environ.get("HF_ENDPOINT", "")) or None)
    space_repo = Repo(api, valid(space), "space")
    model_repo = Repo(api, valid(model), "model") if model else None
    if rollback:
        roll_back(space_repo, asked)
    else:
        deploy(space_repo, model_repo, asked)


if __name__ == "__main__":
    run(main)
