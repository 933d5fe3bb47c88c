"""What a deployment takes beside the names of its repositories."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DeployOptions:
    """How to deploy; the comments are the help of `python -m training.deploy`."""

    dry_run: bool = False  # show everything, send nothing
    static: bool = False  # send the browser edition as a static Space, which is free for every account
    hardware: str = ""  # cpu-basic (needs PRO), zero-a10g (ZeroGPU) or another; default: what the account has for free
    dataset: str = ""  # USER/NAME of the dataset on the Hub that it was trained on, for the metadata
    private: bool = False  # create the Space for yourself only
    replace: bool = False  # put this app in the place of another one
    url: str = ""  # where the app answers, if not at USER-NAME.hf.space
    minutes: float = 30  # how long to wait for the Space to run
