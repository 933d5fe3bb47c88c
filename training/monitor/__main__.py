"""Monitor drift: compare what the app answered, over time, with the training.

Reads  the folder in FEEDBACK, or hf://datasets/USER/NAME: counters and records, no photo; metrics.json of the export
Writes report/monitor.png

    python -m training.monitor feedback
    python -m training.monitor hf://datasets/USER/NAME --by week --fail      # for a scheduled job
"""

import sys
import warnings
from datetime import date
from pathlib import Path

from fastcore.script import CliError
from matplotlib.figure import Figure

from classifier.command_line import run
from training.output import replacing

from .check import check
from .figure import add_title, plot_drift
from .history import shorten
from .mix import describe_mixes
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
    found = check(path, export, by)
    days, others, periods, findings = found.days, found.others, found.periods, found.findings
    reference, effect = found.reference, found.effect
    conclusion = verdict(periods, findings, found.usable, path)
    lines = [
        *[f"not read: {shorten(why, 120)}" for why in found.unreadable[:MAX_UNREADABLE]],
        table(periods, by, reference),
        *describe_other_models(others, reference.several),
        *conclusion,
        *describe_mixes(periods, effect, reference),
        *caveats(days, found.counted),
    ]
    print("\n".join(lines))
    drawn = bool(days or others)
    if drawn:
        figure = plot_drift(days, sum_by_day(others.values()), by, effect, reference, findings)
        add_title(figure, conclusion[: len(findings) or 1])
        save(figure, Path(out))
    counts = f"{len(found.unreadable)} not read, {len(findings)} drifted"
    print(f"{path}: {summary_line(days, others, found.version)}, {counts}" + (f"; {out}" if drawn else ""))
    if fail and findings:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
