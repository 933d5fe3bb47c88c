"""Put the app online as a Hugging Face Space, and see that it answers there as it does here.

Reads  the serving files of this folder (see `training.deploy.manifest`) and a token: hf auth login, or HF_TOKEN
Writes a Space, and with --model a model repository, on the Hub

    python -m training.deploy USER/NAME --dry-run     # looks at everything, sends nothing
    python -m training.deploy USER/NAME               # again: sends only what changed
    python -m training.deploy USER/NAME --rollback    # the version before comes back

Sent is all or nothing, as one commit. Whatever fails, the last line says what stands on the Hub.
"""
import os
from urllib.parse import urlsplit

from fastcore.script import CliError
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.utils import HFValidationError, validate_repo_id

from classifier.command_line import run

from .deployment import deploy, roll_back
from .git_push import by_push
from .hub_repo import Repo, patient_client
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


def main(
    space:str, # USER/NAME of the Space; it is created if it is not there
    dry_run:bool=False, # show everything, send nothing
    rollback:bool=False, # put the version before the last one back
    hardware:str="", # cpu-basic (needs PRO), zero-a10g (ZeroGPU) or another; default: what the account has for free
    model:str="", # USER/NAME of a model repository that gets the export and its card
    dataset:str="", # USER/NAME of the dataset on the Hub that it was trained on, for the metadata
    private:bool=False, # create the Space for yourself only
    replace:bool=False, # put this app in the place of another one
    git:bool=False, # send by git push instead of the Hub's API
    remote:str="", # address to push to, if not the Hub's
    url:str="", # where the app answers, if not at USER-NAME.hf.space
    minutes:float=30, # how long to wait for the Space to run
):
    "Put the app online as the Space USER/NAME, and see that it answers there as it does here."
    quiet_bars()
    set_client_factory(patient_client)
    api = HfApi(endpoint=web_address("HF_ENDPOINT", os.environ.get("HF_ENDPOINT", "")) or None)
    at = Repo(api, valid(space), "space")
    to_model = Repo(api, valid(model), "model") if model else None
    git_space = by_push(space, api.endpoint, remote) if git else None
    url = web_address("--url", url)
    if rollback:
        roll_back(at, git_space, url, minutes, dry_run)
    else:
        deploy(at, to_model, dataset and valid(dataset), hardware, git_space, private, replace, url, minutes, dry_run)


if __name__ == "__main__":
    run(main)
