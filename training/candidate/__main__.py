"""Train a candidate for the model in use where the world has drifted or labels came in, and write what it is worth.

Reads  DATA; EXPORT with its metrics.json, and the list of its photos (runs/, manifest.csv, metrics.json); feedback, as
       training.monitor does; the live Space's /health
Writes OUT/export.pkl, OUT/export.onnx, OUT/metrics.json, OUT/manifest.csv and OUT/summary.md; the training in RUNS;
       with --pull-request a pull request on the Hub; `candidate`, `version`, `shown` and `title` in GITHUB_OUTPUT

    python -m training.candidate data/bears --feedback hf://datasets/USER/NAME --space USER/NAME
    python -m training.candidate data/bears --feedback feedback --labels 50
    python -m training.candidate data/bears --feedback feedback --pull-request spaces/USER/NAME

EXPORT itself is never replaced. Without a reason, one line says so and the status is 0. The status is 1 where something
is wrong, and where the world has drifted and no photo came that a model could learn it from.
"""

import os
from pathlib import Path

from fastcore.script import CliError

from classifier.command_line import run
from training.data.photos import readable_photos
from training.data.splits import Photos
from training.hub.errors import HubError
from training.monitor.check import Check, check
from training.monitor.history import PERIODS
from training.monitor.summary import verdict
from training.output import staged
from training.run_folder import Run

from .judgement import judge
from .live import live_version
from .promoted import Promoted, read_promoted
from .proposal import propose_candidate, repository
from .reason import Reason, reason_of
from .summary import title, version_of, write_summary
from .training import EXPORT, train_candidate

SUMMARY = "summary.md"


def tell_workflow(**outputs: str) -> None:
    """Append outputs of a step to the file that GitHub names, where it runs this."""
    if path := os.environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in outputs.items())


def check_live(promoted: Promoted, space: str, url: str) -> None:
    """Raise CliError unless the live app answers from the model in use."""
    try:
        version = live_version(space, url)
    except HubError as error:
        raise CliError(str(error)) from error
    if version != promoted.version:
        raise CliError(
            f"{space or url} answers from model {version}, and {promoted.export} is {promoted.version}. Deploy this "
            "folder, or take the files of the Space, so that the candidate is compared with what is online."
        )
    print(f"{space or url} answers from {promoted.version}, as {promoted.export} is", flush=True)


def checked(feedback: str, promoted: Promoted, by: str) -> Check | None:
    """Return what the monitor finds, and print what is concluded; None without feedback."""
    if not feedback:
        return None
    found = check(feedback, str(promoted.export), by)
    for line in verdict(found.periods, found.findings, found.usable, feedback):
        print(line, flush=True)
    return found


def describe(promoted: Promoted, reason: Reason, photos: Photos, trained: Run, out: Path) -> tuple[str, str]:
    """Compare a candidate and write the summary; return the title and the text of a pull request."""
    judgement = judge(promoted, out / EXPORT, [*photos.train, *photos.valid], photos.labels)
    text, name = write_summary(promoted, trained, reason, judgement), title(trained, judgement)
    with staged(out / SUMMARY) as temporary:
        temporary.write_text(text, encoding="utf-8")
    tell_workflow(candidate="true", version=version_of(trained), shown=judgement.shown, title=name)
    print(judgement.sentence)
    print(f"{out / SUMMARY}: {reason.counts}; put it in place with `python -m training.runs --promote {trained.name}`")
    return name, text


def main(
    data: str,  # folder of photos as they are now: those of the model in use, and what was labelled since
    export: str = "export.pkl",  # the model in use, with its metrics.json beside it
    feedback: str = "",  # folder that the app keeps feedback in, or hf://datasets/USER/NAME; without it none is read
    space: str = "",  # USER/NAME of the live Space, which has to answer from EXPORT
    url: str = "",  # where the live app answers, if not at USER-NAME.hf.space
    by: str = "week",  # length of a period in which drift is looked for: day, week or month
    labels: int = 20,  # photos with new labels from which on a candidate is trained without a drift
    weights: str = "",  # file of the weights that EXPORT was trained from; or library: as torchvision or timm load them
    out: str = "candidate",  # folder for the candidate and summary.md
    runs: str = "runs",  # the folder of all trainings
    pull_request: str = "",  # where on the Hub to propose the candidate: spaces/USER/NAME, or USER/NAME of a model
) -> None:
    "Train a candidate for EXPORT on DATA where there is a reason to, and compare the two."
    if labels < 1 or by not in PERIODS:
        raise CliError(f"--labels is at least 1, and --by one of {', '.join(PERIODS)}.")
    if pull_request:
        repository(pull_request)  # before anything is trained: a name that is none
    promoted = read_promoted(export, runs)
    if space or url:
        check_live(promoted, space, url)
    found, photos = checked(feedback, promoted, by), readable_photos(data)
    reason = reason_of(promoted, found, photos, labels)
    reason.check_drift(promoted.version)
    if not reason:
        tell_workflow(candidate="false")
        print(reason.why_not(promoted.version))
        return
    trained = train_candidate(promoted, photos, Path(data), Path(out), weights, Path(runs))
    name, text = describe(promoted, reason, photos, trained, Path(out))
    if pull_request:
        proposal = propose_candidate(pull_request, Path(out) / EXPORT, name, text)
        print(f"{proposal.url}: {proposal.done}")


if __name__ == "__main__":
    run(main)
