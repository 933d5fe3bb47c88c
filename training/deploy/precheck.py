"""Run every check of a Space before anything is sent, and print each with its fix.

Gives `precheck`, which returns what is to be sent, where to, and how it answers here; `check_site`, its part for the
browser edition
"""

from pathlib import Path

from huggingface_hub import get_token

from classifier.files import sha256
from training.hub.description import describe
from training.hub.errors import HubError
from training.hub.repo import Changes, Repo

from . import account_checks, checks
from .checks import Check
from .findings import Findings
from .lean import without_torch
from .manifest import CPU, SITE_NEEDED, fitting, for_hardware, serving_files
from .metadata import metadata_check
from .options import DeployOptions
from .site import built_site, site_check
from .smoke_test import smoke_test

TEMPLATE = {"index.html", "style.css"}  # what the Hub puts into a new static Space


def precheck(root: Path, space: Repo, model: str, options: DeployOptions) -> Findings:
    """Run every check of the app in a folder, print each with its fix, and return what was found.

    model: name of the model repository that is to get the export; "" for none.
    """
    found = Findings({}, options.hardware, options.static)
    try:
        _check_hub(found, space, model)
    except HubError as error:
        found.report(Check("token", problem=str(error)))
    found.hardware = found.hardware or CPU
    card = getattr(found.info, "card_data", None) or {}  # an earlier --model filled it in
    models = [model] if model else card.get("models") or []
    datasets = [options.dataset] if options.dataset else card.get("datasets") or []
    check = check_site if found.static else check_app
    check(found, root, models, datasets)
    found.changes = Changes(added=list(found.files))
    if found.info:
        try:
            _compare(found, space, options.replace)
        except HubError as error:
            found.report(Check("what is there", problem=str(error)))
    return found


def check_app(found: Findings, root: Path, models: list[str], datasets: list[str]) -> None:
    """Check the serving files of a folder for a Gradio Space, and note them with their answer."""
    found.files = serving_files(root)
    if not (check := metadata_check(found.files)).problem:
        found.files = without_torch(for_hardware(found.files, found.hardware, models, datasets))
        check = metadata_check(found.files)
    found.report(check)
    found.report(checks.pins(found.files))
    found.report(checks.export(found.files))
    found.report(checks.contents(found.files, get_token()))
    check, answer = smoke_test(found.files, found.hardware)
    found.answer = answer or {}
    found.report(check)
    _describe(found, list(found.answer.get("probabilities", ())))


def _describe(found: Findings, labels: list[str]) -> None:
    """Let the README describe a model of these labels, and say so, where it describes the one of the project."""
    try:
        readme = found.files["README.md"].decode()
    except (KeyError, ValueError):  # which a check above has named
        return
    if labels and (described := fitting(readme, labels)) != readme:
        found.files["README.md"] = described.encode()
        found.report(Check("README", f"sent as “{describe(labels)}”; write your own into its first lines"))


def check_site(found: Findings, root: Path, models: list[str], datasets: list[str]) -> None:
    """Build the browser edition of the export in a folder, check it for a static Space, and note it with its answer."""
    found.static = True
    check, found.files = built_site(root, models, datasets)
    found.report(check)
    if check.problem:
        return
    metrics = root / "metrics.json"
    known = metrics.read_bytes() if metrics.is_file() else b""
    found.report(metadata_check(found.files, "static"))
    found.report(checks.contents(found.files, get_token(), SITE_NEEDED, known))
    check, answer = site_check(found.files, sha256(root / "export.pkl"))
    found.answer = answer or {}
    found.report(check)


def _check_hub(found: Findings, space: Repo, model: str) -> None:
    """Check the account, and whether it may have this kind of Space; note the Space that is there."""
    owner = space.name.split("/")[0]
    who = space.call("asking whose token this is", space.api.whoami)
    for name in dict.fromkeys((owner, *filter(None, [model.split("/")[0]]))):
        found.report(account_checks.account(who, name))
    found.info, found.known = space.info(), True
    wanted = found.hardware
    why = "" if wanted or found.static or found.info else account_checks.why_static(who, owner, space)
    if found.static or why or getattr(found.info, "sdk", None) == "static":
        found.static = True
        found.report(account_checks.static_space(space.name, found.info, why, wanted))
        return
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
    others += [path for path in found.changes.changed if found.static and path == "index.html"]
    ours = bool({"classifier/__init__.py", "site.json"} & there.keys())
    if found.static and not ours and set(others) <= TEMPLATE:
        ours = len(space.commits()) == 1  # it was created, and nothing was sent since
    if others and not ours and not replace:
        found.report(
            Check(
                "what is there",
                problem=f"{space.name} holds another app ({', '.join(others[:3])})",
                fix="Take another name, or say --replace to put this app in its place.",
            )
        )
