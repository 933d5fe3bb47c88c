"""Propose a candidate by a pull request on the Hub, to a Space or to a model repository.

Reads  OUT/export.pkl, OUT/export.onnx, OUT/metrics.json and OUT/manifest.csv; a token: hf auth login, or HF_TOKEN
Writes a pull request: one, which later candidates bring up to date while it is open
"""

from pathlib import Path

from fastcore.script import CliError

from classifier.inference.compiled_copy import onnx_path
from training.hub.connection import connected, valid
from training.hub.errors import HubError
from training.hub.pull_request import Proposal, propose
from training.hub.repo import Content, Repo
from training.metrics import metrics_path
from training.run_folder import MANIFEST

SPACES = "spaces/"
SUBJECT = "Candidate model "


def repository(where: str) -> tuple[str, str]:
    """Return the name and the kind of a repository: spaces/USER/NAME, or USER/NAME of a model; CliError otherwise."""
    kind = "space" if where.startswith(SPACES) else "model"
    try:
        return valid(where.removeprefix(SPACES)), kind
    except CliError as error:
        raise CliError(
            f"--pull-request {where}: {SPACES}USER/NAME is a Space, USER/NAME a model repository."
        ) from error


def files_of(export: Path, kind: str) -> dict[str, Content]:
    """Return the files of a candidate by their path in a repository; see `training.deploy.model_repo` for a model's."""
    stem = "model" if kind == "model" else "export"
    files = {f"{stem}.pkl": export, f"{stem}.onnx": onnx_path(export)}
    files |= {"metrics.json": metrics_path(export), MANIFEST: export.with_name(MANIFEST)}
    return {path: file for path, file in files.items() if file.is_file()}


def propose_candidate(where: str, export: Path, title: str, body: str) -> Proposal:
    """Open a pull request with a candidate, or bring the open one up to date; CliError where it cannot be."""
    name, kind = repository(where)
    files = files_of(export, kind)
    try:
        return propose(Repo(connected(), name, kind), files, next(iter(files)), SUBJECT, title, body)
    except HubError as error:
        raise CliError(f"{error} The candidate is in {export.parent}.") from error
