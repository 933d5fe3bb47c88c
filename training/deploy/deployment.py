"""The steps of a deployment: send what changed, wait until the Space runs, ask it, and roll back."""

import time
from pathlib import Path
from typing import Any

from huggingface_hub import get_token

from training.hub.errors import HubError, OutcomeUnknown
from training.hub.repo import Changes, Repo, changes
from training.report.model_card import CARD

from . import account_checks
from .manifest import serving_files
from .model_repo import model_files
from .options import DeployOptions
from .precheck import Findings, precheck
from .smoke_test import answer_line
from .space import NotRunning, app_address, ask_until, difference, last_log_lines, wait
from .status import HubState, reporting

ROOT = Path(__file__).parents[2]


def list_changes(of: Changes) -> str:
    """Return the files that change, one a line."""
    lines = [
        f"  {sign} {path}" for sign, paths in (("+", of.added), ("~", of.changed), ("-", of.deleted)) for path in paths
    ]
    return "\n".join([*lines, f"  {of}"])


def send(space: Repo, found: Findings, private: bool, state: HubState) -> str:
    """Create the Space if there is none, send what changed, and return the commit that is there now."""
    if found.info is None:
        try:
            space.create(space_sdk="gradio", space_hardware=found.hardware, private=private or None)
        except OutcomeUnknown:
            state.space = "Nothing was sent."
            raise
        state.space = f"The Space {space.name} was created and is empty: run the same command again."
        print(f"created {space.api.endpoint}/spaces/{space.name} on {found.hardware}", flush=True)
        found.compare(space)
    parent = found.parent
    if not found.changes:
        state.space = f"The Space is at version {parent[:12]}, which holds the same files as this folder."
        print("nothing to send: the Space holds these files", flush=True)
        return parent
    message = f"Deploy model {found.answer['model_version']}: {found.changes}"
    try:
        commit = space.send(found.files, found.changes, message, parent)
    except OutcomeUnknown:
        state.space = f"The Space {space.name} is there."
        raise
    state.space = f"The files are there as version {commit[:12]}."
    if found.info:
        state.space += f" The version before comes back by: python -m training.deploy {space.name} --rollback"
    print(f"sent as {commit[:12]}: {found.changes}", flush=True)
    return commit


def push_model(model: Repo, files: dict[str, bytes], space: str, state: HubState) -> None:
    """Put the export on the Hub as a model with its card."""
    card = ROOT / CARD
    files = model_files(files, model.name, space, card.read_text(encoding="utf-8") if card.is_file() else "")
    if model.info() is None:
        model.create()
        state.model = f"The model repository {model.name} was created and is empty."
    differing = changes(files, model.tree())
    differing = Changes(differing.added, differing.changed, [], differing.n_same)  # what else lies there may stay
    if differing:
        try:
            model.send(files, differing, f"The model of the Space {space}: {differing}", model.commits()[0][0])
        except OutcomeUnknown:
            state.model = f"The model repository {model.name} is there."
            raise
    state.model = f"The model {model.name} is up to date."
    print(f"model {model.name}: {differing}", flush=True)


def first_example(files: dict[str, bytes]) -> tuple[str, bytes]:
    """Return name and bytes of the photo that the Space is asked about."""
    for file, content in files.items():
        if file.startswith("examples/"):
            return file, content
    raise HubError("examples/ holds no .jpg to ask the Space about.")


def wait_and_ask(
    space: Repo, commit: str, photo: tuple[str, bytes], version: str | None, options: DeployOptions
) -> dict[str, Any]:
    """Wait for the Space, ask it about a photo, print its address and return the answer.

    photo: name and bytes. version: of the model that is to answer, None for any. Prints the log where it does not run.
    """
    deadline = time.monotonic() + 60 * options.minutes
    print("waiting for the Space", flush=True)
    try:
        wait(space, commit, deadline)
    except NotRunning as error:
        print("\n".join(f"  | {line}" for line in last_log_lines(space, error.stage)), flush=True)
        raise
    info = space.info()
    url = options.url or app_address(space.name, info)
    token = get_token() if getattr(info, "private", False) else None
    answer = ask_until(url, photo[1], version, deadline, token)
    secret = ' -H "Authorization: Bearer $HF_TOKEN"' if token else ""
    print(
        f"  {photo[0]} is {answer_line(answer)}\n\n{space.api.endpoint}/spaces/{space.name}\n"
        f"curl -F file=@{photo[0]}{secret} {url}/classify\n",
        flush=True,
    )
    return answer


def roll_back(space: Repo, options: DeployOptions) -> None:
    """Put the version before the last one back, as a new version, and see that it answers."""
    state = HubState(
        "Nothing was changed.", again="Look at its versions first: the same command again goes one further back."
    )
    with reporting(state):
        files = serving_files(ROOT)
        who = space.call("asking whose token this is", space.api.whoami)
        check = account_checks.account(who, space.name.split("/")[0])
        print(check, flush=True)
        if check.problem:
            raise HubError("That check found a problem.")
        if options.dry_run:
            print(f"Would put back version {space.earlier(space.commits())[:12]}.")
            return
        state.sending = True
        try:
            target, commit = space.put_back()
        except OutcomeUnknown:
            state.space = f"{space.name} holds one of the two."
            raise
        state.space = f"The files of version {target[:12]} are back, as {commit[:12]}."
        print(f"put back {target[:12]}, as {commit[:12]}", flush=True)
        export = space.tree(commit).get("export.pkl")
        version = export.lfs.sha256[:12] if export and export.lfs else None
        wait_and_ask(space, commit, first_example(files), version, options)
    print(f"{space.name} answers again with what it had before {commit[:12]}.")


def print_plan(space: Repo, model: Repo | None, found: Findings) -> None:
    """Print what a deployment would send, and to where."""
    there = f"{space.name} would change" if found.info else f"{space.name} would be created on {found.hardware}"
    print(
        f"{there if found.known else f'What the Hub holds is not known; to {space.name} would go'}:\n"
        f"{list_changes(found.changes)}"
    )
    if model:
        print(f"{model.name} would get the export, as a model with its card")


def deploy(space: Repo, model: Repo | None, options: DeployOptions) -> None:
    """Check, send, wait and ask: each step only if the one before went well."""
    begun, state = time.monotonic(), HubState()
    with reporting(state):
        found = precheck(ROOT, space, model.name if model else "", options)
        if options.dry_run:
            print_plan(space, model, found)
        if found.n_problems:
            raise HubError(f"{found.n_problems} of the checks found a problem.")
        if options.dry_run:
            print("All checks are well. Nothing was sent; without --dry-run it is.")
            return
        state.sending = True
        if model:
            state.space = "Of the Space, nothing was created or sent."
            push_model(model, found.files, space.name, state)
        commit = send(space, found, options.private, state)
        photo = first_example(found.files)
        answer = wait_and_ask(space, commit, photo, found.answer["model_version"], options)
        if differing := difference(found.answer, answer):
            raise HubError(f"The Space answers otherwise than this folder: of {photo[0]}, {differing}.")
    print(f"{space.name} answers as here: {found.changes}, {time.monotonic() - begun:.0f} s")
