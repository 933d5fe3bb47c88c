"""Deployments of the app to me/bears by `training.deploy` in this process, and what its app answers."""

import pytest
from fastcore.script import CliError

from training.deploy.__main__ import main

VERSION = "abcdef012345"
ANSWER = {"label": "teddy", "probabilities": {"teddy": 0.9, "black": 0.1}, "model_version": VERSION}


def run(*args, **options) -> None:
    main("me/bears", *args, url=options.pop("url", ""), **options)


def fails(hub, what: str, **options) -> str:
    """Return what a deployment that fails says last."""
    with pytest.raises(CliError, match=what) as error:
        run(**options)
    assert "\n" not in str(error.value) and "Traceback" not in str(error.value)
    return str(error.value)
