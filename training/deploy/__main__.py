"""Put the app online as a Hugging Face Space, and see that it answers there as it does here.

With --static, or where the account may have no Gradio Space, it is the browser edition that goes online.

Reads  the serving files of this folder (see `training.deploy.manifest`) and a token: hf auth login, or HF_TOKEN
Writes a Space, and with --model a model repository, on the Hub

    python -m training.deploy USER/NAME --dry-run     # checks everything, sends nothing
    python -m training.deploy USER/NAME               # again: sends only what changed
    python -m training.deploy USER/NAME --static      # the browser edition, as a static Space: free for every account
    python -m training.deploy USER/NAME --rollback    # the version before comes back

All files are sent as one commit, or none. When something fails, the last line says what is on the Hub.
"""

from dataclasses import replace
from typing import Any

from fastcore.script import CliError

from classifier.command_line import run, with_options
from training.hub.connection import connected, valid, web_address
from training.hub.repo import Repo

from .deployment import deploy, roll_back
from .options import DeployOptions


def checked(options: DeployOptions) -> DeployOptions:
    """Return the options with their names and addresses checked; CliError for what cannot be one."""
    if options.static and options.hardware:
        raise CliError("A static Space runs on no hardware: leave --hardware out, or --static.")
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
    api = connected()
    space_repo = Repo(api, valid(space), "space")
    model_repo = Repo(api, valid(model), "model") if model else None
    if rollback:
        roll_back(space_repo, asked)
    else:
        deploy(space_repo, model_repo, asked)


if __name__ == "__main__":
    run(main)
