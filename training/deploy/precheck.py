"""Looks at everything that can go wrong with a Space before anything is sent, and prints each check with its fix.

Gives `look`, which returns what is to be sent, where to, and how the app here answers
"""
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import get_token

from . import checks as preflight
from .checks import Check
from .git_push import GitSpace
from .hub_repo import Changes, HubError, Repo, changes
from .manifest import fitted, serving_files
from .smoke_test import rehearse


@dataclass
class Looked:
    """What was found before anything is sent."""

    files: dict[str, bytes]
    hardware: str
    known: bool = False
    """whether the Hub said what it holds"""
    info: object = None
    """what the Hub says of the Space; None where there is none yet"""
    changes: Changes = field(default_factory=Changes)
    answer: dict | None = None
    """to the first example, of the serving files alone"""
    n_problems: int = 0
    parent: str = ""
    """the Space's last commit when it was compared"""

    def compare(self, space: Repo, git: GitSpace | None) -> dict:
        """Note what differs from the Space as it is now, and return its files."""
        self.parent = space.commits()[0][0]  # before the files: a commit that comes in between is refused then
        there = space.tree()
        self.changes = git.changes(self.files) if git else changes(self.files, there)
        return there

    def tell(self, check: Check) -> None:
        """Print a check and count it if it found a problem."""
        print(check, flush=True)
        self.n_problems += bool(check.problem)


def look(root: Path, space: Repo, models: list[str], datasets: list[str], hardware: str, git: GitSpace | None,
         replace: bool) -> Looked:
    """Run every check of the app in a folder, print each with its fix, and return what was found."""
    looked = Looked(serving_files(root), hardware)
    try:
        _look_at_hub(looked, space, models)
    except HubError as error:
        looked.tell(Check("token", problem=str(error)))
    looked.hardware = looked.hardware or preflight.CPU
    card = getattr(looked.info, "card_data", None) or {}  # what an earlier --model filled in stays
    models, datasets = models or card.get("models") or [], datasets or card.get("datasets") or []
    if not (check := preflight.metadata(looked.files)).problem:
        looked.files = fitted(looked.files, looked.hardware, models, datasets)
        check = preflight.metadata(looked.files)
    looked.tell(check)
    looked.tell(preflight.pins(looked.files))
    looked.tell(preflight.export(looked.files, git is not None, all(map(shutil.which, ("git", "git-lfs")))))
    looked.tell(preflight.contents(looked.files, get_token()))
    check, looked.answer = rehearse(looked.files, looked.hardware)
    looked.tell(check)
    looked.changes = Changes(added=list(looked.files))
    if looked.info:
        try:
            _compare(looked, space, git, replace)
        except HubError as error:
            looked.tell(Check("what is there", problem=str(error)))
    return looked


def _look_at_hub(looked: Looked, space: Repo, models: list[str]) -> None:
    """Check the account, and whether it may have this kind of Space; note the Space that is there."""
    owner = space.name.split("/")[0]
    who = space.call("asking whose token this is", space.api.whoami)
    for name in dict.fromkeys((owner, *(model.split("/")[0] for model in models))):
        looked.tell(preflight.account(who, name))
    looked.info, looked.known = space.info(), True
    wanted = looked.hardware
    runtime = getattr(looked.info, "runtime", None)
    looked.hardware = ((runtime and (runtime.hardware or runtime.requested_hardware)) or wanted
                       or preflight.hardware_for(who, owner))
    check = preflight.may_create(who, owner, looked.hardware, looked.info is not None)
    if wanted and wanted != looked.hardware:
        check = Check(check.name, problem=f"{space.name} is on {looked.hardware}, not {wanted}",
                      fix="Change it on its page, under Settings, and run this again; or leave --hardware out.")
    looked.tell(check)


def _compare(looked: Looked, space: Repo, git: GitSpace | None, replace: bool) -> None:
    """Note what differs from the Space, and see that it is not somebody's other app."""
    there = looked.compare(space, git)
    others = [path for path in looked.changes.deleted if path != "README.md"]
    if others and "classifier/__init__.py" not in there and not replace:
        looked.tell(Check("what is there", problem=f"{space.name} holds another app ({', '.join(others[:3])})",
                          fix="Take another name, or say --replace to put this app in its place."))
