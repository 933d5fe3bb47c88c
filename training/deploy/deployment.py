"""The steps of a deployment: send what changed, wait until the Space runs, ask it, and roll back."""

import time
from pathlib import Path
from typing import Any

from huggingface_hub import get_token

from training.hub.errors import HubError, OutcomeUnknown
from training.hub.repo import Changes, Repo

from . import account_checks
from .findings import Findings
from .live_site import wait_and_open
from .manifest import serving_files
from .options import DeployOptions
from .precheck import precheck
from .sending import create_what_may_be, push_model, send
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


def first_example(files: dict[str, bytes]) -> tuple[str, bytes]:
    """Return name and bytes of the photo that the Space is asked about."""
    for file, content in files.items():
        if file.startswith("examples/"):
            return file, content
    raise HubError("examples/ holds no photo to ask the Space about.")


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


def compare_answers(space: Repo, commit: str, found: Findings, options: DeployOptions) -> str:
    """Wait for the Space, ask it, and return in words that it does as here; HubError where it does not."""
    example, photo = first_example(found.files)
    answer: dict[str, Any] | None
    if found.static:
        answer = wait_and_open(space, commit, options, found.files["index.html"])
    else:
        answer = wait_and_ask(space, commit, (example, photo), found.answer["model_version"], options)
    if answer is None:
        return "serves these files"
    if differing := difference(found.answer, answer):
        raise HubError(f"The Space answers otherwise than this folder: of {example}, {differing}.")
    return "answers as here"


def roll_back(space: Repo, options: DeployOptions) -> None:
    """Put the version before the last one back, as a new version, and see that it answers."""
    state = HubState(
        "Nothing was changed.", again="Look at its versions first: the same command again goes one further back."
    )
    with reporting(state):
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
        there = space.tree(commit)
        if "site.json" in there and "app.py" not in there:
            wait_and_open(space, commit, options)
        else:
            export = there.get("export.pkl")
            version = export.lfs.sha256[:12] if export and export.lfs else None
            wait_and_ask(space, commit, first_example(serving_files(ROOT)), version, options)
    print(f"{space.name} answers again with what it had before {commit[:12]}.")


def print_plan(space: Repo, model: Repo | None, found: Findings) -> None:
    """Print what a deployment would send, and to where."""
    there = f"{space.name} would change" if found.info else f"{space.name} would be created {found.kind}"
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
            files = serving_files(ROOT) if found.static else found.files
            push_model(model, {**files, "README.md": found.files["README.md"]}, ROOT, space.name, state)
        if found.info is None:
            found = create_what_may_be(space, found, ROOT, model.name if model else "", options, state)
        commit = send(space, found, state)
        told = compare_answers(space, commit, found, options)
    print(f"{space.name} {told}: {found.changes}, {time.monotonic() - begun:.0f} s")
