"""Monitor drift: compare what the app answered, over time, with the training.

Reads  the folder in FEEDBACK, or hf://datasets/USER/NAME: counters and records, no photo; metrics.json of the export
Writes report/monitor.png

    python -m training.monitor feedback
    python -m training.monitor hf://datasets/USER/NAME --by week --fail      # for a scheduled job
"""

import sys
import warnings
from dataclasses import replace
from datetime import date
from pathlib import Path

from fastcore.script import CliError
from matplotlib.figure import Figure

from classifier.command_line import run
from classifier.files import sha256
from training.feedback import fetch_feedback
from training.metrics import read_metrics
from training.output import replacing

from .bursts import burst_factor
from .drift import find_drifts
from .figure import add_title, plot_drift
from .history import PERIODS, History, by_period, shorten
from .mix import describe_mixes
from .reference import Reference, read_reference
from .summary import (
    MAX_UNREADABLE,
    caveats,
    describe_other_models,
    plural,
    sum_by_day,
    table,
    verdict,
)
from .tally import Tally, total


def save(figure: Figure, out: Path) -> None:
    """Write a figure as PNG; CliError where that cannot be."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as temporary, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # labels in a script that the font lacks
            figure.savefig(temporary, format="png", dpi=110)
    except OSError as error:
        raise CliError(f"--out {out}: {error.strerror or error}.") from error


def version_of(export: str) -> str:
    """Return the version of an export, the first 12 digits of its SHA-256; CliError where it cannot be read."""
    try:
        return sha256(export)[:12]
    except OSError as error:
        raise CliError(f"--export {export}: {error.strerror}. Name the export that the app serves.") from error


def read(path: str, export: str, version: str) -> tuple[History, Reference]:
    """Return the history at `path`, and what an export leads one to expect; CliError where there is no history.

    Without metrics.json, the history tells whether the export gives a photo several labels.
    """
    folder, metrics = fetch_feedback(path, "*.json"), read_metrics(export)
    reference = read_reference(metrics)
    history = History(folder, {version: reference.several} if metrics else {})
    return history, replace(reference, several=history.several.get(version, False))


def usable_reference(reference: Reference, counted: bool) -> Reference:
    """Return what answers may be compared with: without counters, only judged answers are known, and no shares."""
    return reference if counted else replace(reference, unfamiliar=None, confidence=None, error=None)


def summary_line(days: dict[date, Tally], others: dict[str, dict[date, Tally]], version: str) -> str:
    """Return the counts of a run."""
    whole, n_others = total(days.values()), sum(total(of.values()).n for of in others.values())
    return (
        f"{plural(whole.n, 'answer')} of {version} on {plural(len(days), 'day')}, {whole.n_judged} judged, "
        f"{whole.corrected} corrected, {n_others} of {plural(len(others), 'other model')}"
    )


def main(
    path: str,  # folder that the app keeps feedback in, or hf://datasets/USER/NAME
    export: str = "export.pkl",  # the export that the app serves, with its metrics.json beside it
    by: str = "day",  # length of a period: day, week or month
    out: str = "report/monitor.png",  # the plot
    fail: bool = False,  # end with status 1 where something has drifted; without it, with 0 either way
) -> None:
    "Say whether what the app of FEEDBACK at PATH meets has drifted from what EXPORT was trained on, and plot it."
    if by not in PERIODS:
        raise CliError(f"--by {by}: one of {', '.join(PERIODS)}.")
    version = version_of(export)
    history, reference = read(path, export, version)
    days = dict(sorted(history.days.pop(version, {}).items()))
    others = {name: of for name, of in history.days.items() if of}
    periods, effect = by_period(days, by), burst_factor(list(days.values()))
    counted = version in history.counted_versions
    usable = usable_reference(reference, counted)
    findings = find_drifts(periods, effect, usable)
    conclusion = verdict(periods, findings, usable, path)
    lines = [
        *[f"not read: {shorten(why, 120)}" for why in history.unreadable[:MAX_UNREADABLE]],
        table(periods, by, reference),
        *describe_other_models(others, reference.several),
        *conclusion,
        *describe_mixes(periods, effect, reference),
        *caveats(days, counted),
    ]
    print("\n".join(lines))
    drawn = bool(days or others)
    if drawn:
        figure = plot_drift(days, sum_by_day(others.values()), by, effect, reference, findings)
        add_title(figure, conclusion[: len(findings) or 1])
        save(figure, Path(out))
    print(
        f"{path}: {summary_line(days, others, version)}, {len(history.unreadable)} not read, {len(findings)} drifted"
        + (f"; {out}" if drawn else "")
    )
    if fail and findings:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
