"""Create a Space and send it what changed; put the export on the Hub as a model.

Where an account may have no Gradio Space, a static one is created in its place, with the browser edition.
"""

from pathlib import Path

from training.hub.errors import HubError, OutcomeUnknown
from training.hub.repo import Changes, Repo, changes
from training.report.model_card import CARD

from .findings import Findings
from .model_repo import model_files
from .options import DeployOptions
from .precheck import check_site
from .status import HubState

REFUSED = (402, 403)  # "pay first" and "you may not": of Gradio Spaces for new accounts too


def create(space: Repo, found: Findings, private: bool, state: HubState) -> None:
    """Create the Space, and note what differs from what the Hub puts into a new one."""
    kind = {"space_sdk": "static"} if found.static else {"space_sdk": "gradio", "space_hardware": found.hardware}
    try:
        space.create(**kind, private=private or None)
    except OutcomeUnknown:
        state.space = "Nothing was sent."
        raise
    state.space = f"The Space {space.name} was created and is empty: run the same command again."
    print(f"created {space.api.endpoint}/spaces/{space.name} {found.kind}", flush=True)
    found.compare(space)


def create_what_may_be(
    space: Repo, found: Findings, root: Path, model: str, options: DeployOptions, state: HubState
) -> Findings:
    """Create the Space, a static one where the Hub refuses a Gradio Space; return what is to be sent to it.

    root: folder with the export. model: name of the model repository, for the metadata; "" for none. Hardware that was
    asked for is never given up for a static Space.
    """
    try:
        create(space, found, options.private, state)
        return found
    except HubError as refusal:
        if refusal.status not in REFUSED or found.static or options.hardware:
            raise
        print(
            "a static Space is taken, with the browser edition: the Hub refuses this account a Gradio Space "
            f"(HTTP {refusal.status}), and every account may have static ones",
            flush=True,
        )
        site = Findings({}, "", static=True, known=True)
        datasets = [options.dataset] if options.dataset else []
        check_site(site, root, [model] if model else [], datasets)
        if site.n_problems:
            raise
    create(space, site, options.private, state)
    return site


def send(space: Repo, found: Findings, state: HubState) -> str:
    """Send the Space what changed, and return the commit that is there now."""
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


def push_model(model: Repo, files: dict[str, bytes], root: Path, space: str, state: HubState) -> None:
    """Put the export on the Hub as a model with its card. root: folder with the card's text."""
    card = root / CARD
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
