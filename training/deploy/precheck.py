"""Run every check of a Space before anything is sent, and print each with its fix.

Gives `precheck`, which returns what is to be sent, where to, and how the app here answers
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import get_token

from training.hub.errors import HubError
from training.hub.repo import Changes, Repo, changes

from . import account_checks, checks
from .checks import Check
from .manifest import CPU, for_hardware, serving_files
from .options import DeployOptions
from .smoke_test import smoke_test


@dataclass
class Findings:
    """What was found before anything is sent."""

    files: dict[str, bytes]
    hardware: str
    known: bool = False
    """whether the Hub said what it holds"""
    info: object = None
    """what the Hub says of the Space; None where there is none yet"""
    changes: Changes = field(default_factory=Changes)
    answer: dict[str, Any] = field(default_factory=dict)
    """to the first example, by the serving files alone; empty where they gave none"""
    n_problems: int = 0
    parent: str = ""
    """the Space's last commit when it was compared"""

    def compare(self, space: Repo) -> dict[str, Any]:
        """Note what differs from the Space as it is now, and return its files."""
        self.parent = space.commits()[0][0]  # before the files: a commit that comes in between is refused then
        there = space.tree()
        self.changes = changes(self.files, there)
        return there

    def report(self, check: Check) -> None:
        """Print a check and count it if it found a problem."""
        print(check, flush=True)
        self.n_problems += bool(check.problem)


def precheck(root: Path, space: Repo, model: str, options: DeployOptions) -> Findings:
    """Run every check of the app in a folder, print each with its fix, and return what was found.

    model: name of the model repository that is to get the export; "" for none.
    """
    found = Findings(serving_files(root), options.hardware)
    try:
        _check_hub(found, space, model)
    except HubError as error:
        found.report(Check("token", problem=str(error)))
    found.hardware = found.hardware or CPU
    card = getattr(found.info, "card_data", None) or {}  # an earlier --model filled it in
    models = [model] if model else card.get("models") or []
    datasets = [options.dataset] if options.dataset else card.get("datasets") or []
    if not (check := checks.metadata(found.files)).problem:
        found.files = for_hardware(found.files, found.hardware, models, datasets)
        check = checks.metadata(found.files)
    found.report(check)
    found.report(checks.pins(found.files))
    found.report(checks.export(found.files))
    found.report(checks.contents(found.files, get_token()))
    check, answer = smoke_test(found.files, found.hardware)
    found.answer = answer or {}
    found.report(check)
    found.changes = Changes(added=list(found.files))
    if found.info:
        try:
            _compare(found, space, options.replace)
        except HubError as error:
            found.report(Check("what is there", problem=str(error)))
    return found


def _check_hub(found: Findings, space: Repo, model: str) -> None:
    """Check the account, and whether it may have this kind of Space; note the Space that is there."""
    owner = space.name.split("/")[0]
    who = space.call("asking whose token this is", space.api.whoami)
    for name in dict.fromkeys((owner, *filter(None, [model.split("/")[0]]))):
        found.report(account_checks.account(who, name))
    found.info, found.known = space.info(), True
    wanted = found.hardware
    runtime = getattr(found.info, "runtime", None)
    found.hardware = (
        (runtime and (runtime.hardware or runtime.requested_hardware))
        or wanted
        or account_checks.hardware_for(who, owner)
    )
    check = account_checks.may_create(who, owner, found.hardware, found.info is not None)
    if wanted and wanted != found.hardware:
        check = Check(
            check.name,
            problem=f"{space.name} is on {found.hardware}, not {wanted}",
            fix="Change it on its page, under Settings, and run this again; or leave --hardware out.",
        )
    found.report(check)


def _compare(found: Findings, space: Repo, replace: bool) -> None:
    """Note what differs from the Space, and check that it is not another app."""
    there = found.compare(space)
    others = [path for path in found.changes.deleted if path != "README.md"]
    if others and "classifier/__init__.py" not in there and not replace:
        found.report(
            Check(
                "what is there",
                problem=f"{space.name} holds another app ({', '.join(others[:3])})",
                fix="Take another name, or say --replace to put this app in its place.",
            )
        )
