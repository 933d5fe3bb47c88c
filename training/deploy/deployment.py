"""The steps of a deployment: send what changed, wait until the Space runs, ask it, and roll back."""
import time
from pathlib import Path

from huggingface_hub import get_token

from . import checks as preflight
from .git_push import GitSpace
from .hub_errors import NotKnown
from .hub_repo import Changes, HubError, Repo, changes
from .manifest import serving_files
from .model_repo import model_files
from .precheck import Looked, look
from .smoke_test import answer_line
from .space import NotRunning, address, answer_of, differs, log_of, wait
from .status import Stands, telling

ROOT = Path(__file__).parents[2]


def shown(of: Changes) -> str:
    """Return the files that change, one a line."""
    lines = [f"  {sign} {path}" for sign, paths in (("+", of.added), ("~", of.changed), ("-", of.deleted))
             for path in paths]
    return "\n".join([*lines, f"  {of}"])


def send(space: Repo, looked: Looked, git: GitSpace | None, private: bool, stands: Stands) -> str:
    """Create the Space if there is none, send what changed, and return the commit that is there now."""
    if looked.info is None:
        try:
            space.create(space_sdk="gradio", space_hardware=looked.hardware, private=private or None)
        except NotKnown:
            stands.space = "Nothing was sent."
            raise
        stands.space = f"The Space {space.name} was created and is empty: run the same command again."
        print(f"created {space.api.endpoint}/spaces/{space.name} on {looked.hardware}", flush=True)
        looked.compare(space, git)
    parent = looked.parent
    if not looked.changes:
        stands.space = f"The Space is at version {parent[:12]}, which holds the same files as this folder."
        print("nothing to send: the Space holds these files", flush=True)
        return parent
    message = f"Deploy model {looked.answer['model_version']}: {looked.changes}"
    try:
        commit = git.send(looked.files, message) if git else space.send(looked.files, looked.changes, message, parent)
    except NotKnown:
        stands.space = f"The Space {space.name} is there."
        raise
    stands.space = f"The files are there as version {commit[:12]}."
    if looked.info:
        stands.space += f" The version before comes back by: python -m training.deploy {space.name} --rollback"
    print(f"sent as {commit[:12]}: {looked.changes}", flush=True)
    return commit


def push_model(model: Repo, files: dict[str, bytes], space: str, stands: Stands) -> None:
    """Put the export on the Hub as a model with its card."""
    files = model_files(files, model.name, space)
    if model.info() is None:
        model.create()
        stands.model = f"The model repository {model.name} was created and is empty."
    differing = changes(files, model.tree())
    differing = Changes(differing.added, differing.changed, [], differing.n_same)  # what else lies there may stay
    if differing:
        try:
            model.send(files, differing, f"The model of the Space {space}: {differing}", model.commits()[0][0])
        except NotKnown:
            stands.model = f"The model repository {model.name} is there."
            raise
    stands.model = f"The model {model.name} is up to date."
    print(f"model {model.name}: {differing}", flush=True)


def first_example(files: dict[str, bytes]) -> tuple[str, bytes]:
    """Return name and bytes of the photo that the Space is asked about."""
    for file, content in files.items():
        if file.startswith("examples/"):
            return file, content
    raise HubError("examples/ holds no .jpg to ask the Space about.")


def see_it_answer(space: Repo, commit: str, photo: tuple[str, bytes], version: str | None, url: str,
                  minutes: float) -> dict:
    """Wait for the Space, ask it about a photo, print its address and return the answer.

    photo: name and bytes. version: of the model that is to answer, None for any. Prints the log where it does not run.
    """
    deadline = time.monotonic() + 60 * minutes
    print("waiting for the Space", flush=True)
    try:
        wait(space, commit, deadline)
    except NotRunning as error:
        print("\n".join(f"  | {line}" for line in log_of(space, error.stage)), flush=True)
        raise
    info = space.info()
    url = url or address(space.name, info)
    token = get_token() if getattr(info, "private", False) else None
    answer = answer_of(url, photo[1], version, deadline, token)
    secret = ' -H "Authorization: Bearer $HF_TOKEN"' if token else ""
    print(f"  {photo[0]} is {answer_line(answer)}\n\n{space.api.endpoint}/spaces/{space.name}\n"
          f"curl -F file=@{photo[0]}{secret} {url}/classify\n", flush=True)
    return answer


def roll_back(space: Repo, git: GitSpace | None, url: str, minutes: float, dry_run: bool) -> None:
    """Put the version before the last one back, as a new version, and see that it answers."""
    stands = Stands("Nothing was changed.", again="Look at its versions first: the same command again goes one further "
                                                  "back.")
    with telling(stands):
        files = serving_files(ROOT)
        who = space.call("asking whose token this is", space.api.whoami)
        check = preflight.account(who, space.name.split("/")[0])
        print(check, flush=True)
        if check.problem:
            raise HubError("That check found a problem.")
        if dry_run:
            print(f"Would put back version {space.earlier(space.commits())[:12]}.")
            return
        stands.sending = True
        try:
            target, commit = (git or space).put_back()
        except NotKnown:
            stands.space = f"{space.name} holds one of the two."
            raise
        stands.space = f"The files of version {target[:12]} are back, as {commit[:12]}."
        print(f"put back {target[:12]}, as {commit[:12]}", flush=True)
        export = space.tree(commit).get("export.pkl")
        version = export.lfs.sha256[:12] if export and export.lfs else None
        see_it_answer(space, commit, first_example(files), version, url, minutes)
    print(f"{space.name} answers again with what it had before {commit[:12]}.")


def tell_what_would_be_done(space: Repo, model: Repo | None, looked: Looked) -> None:
    """Print what a deployment would send, and to where."""
    there = f"{space.name} would change" if looked.info else f"{space.name} would be created on {looked.hardware}"
    print(f"{there if looked.known else f'What the Hub holds is not known; to {space.name} would go'}:\n"
          f"{shown(looked.changes)}")
    if model:
        print(f"{model.name} would get the export, as a model with its card")


def deploy(space: Repo, model: Repo | None, dataset: str, hardware: str, git: GitSpace | None, private: bool,
           replace: bool, url: str, minutes: float, dry_run: bool) -> None:
    """Look, send, wait and ask: each step only if the one before went well."""
    begun, stands = time.monotonic(), Stands()
    with telling(stands):
        looked = look(ROOT, space, [model.name] if model else [], [dataset] if dataset else [], hardware, git, replace)
        if dry_run:
            tell_what_would_be_done(space, model, looked)
        if looked.n_problems:
            raise HubError(f"{looked.n_problems} of the checks found a problem.")
        if dry_run:
            print("All checks are well. Nothing was sent; without --dry-run it is.")
            return
        stands.sending = True
        if model:
            stands.space = "Of the Space, nothing was created or sent."
            push_model(model, looked.files, space.name, stands)
        if git:
            print(git.add_remote(ROOT), flush=True)
        commit = send(space, looked, git, private, stands)
        photo = first_example(looked.files)
        answer = see_it_answer(space, commit, photo, looked.answer["model_version"], url, minutes)
        if difference := differs(looked.answer, answer):
            raise HubError(f"The Space answers otherwise than this folder: of {photo[0]}, {difference}.")
    print(f"{space.name} answers as here: {looked.changes}, {time.monotonic() - begun:.0f} s")
