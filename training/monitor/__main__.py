"""See whether the world has drifted away from the training: what the app answered, over time, beside metrics.json.

Reads  the folder in FEEDBACK, or hf://datasets/USER/NAME: counters and records, no photo; metrics.json of the export
Writes report/monitor.png

    python -m training.monitor feedback
    python -m training.monitor hf://datasets/USER/NAME --by week --fail      # for a job that runs by itself
"""
import os
import sys
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fastcore.script import CliError

from classifier.command_line import run
from classifier.files import sha256
from training.feedback import fetched
from training.metrics import read_metrics

from .drift import design_effects, find_drifts, reference_of
from .figure import plot_drift, short
from .history import PERIODS, History, by_period, total
from .summary import BIASED, SHOWN_UNREAD, UNCOUNTED, mixes, on_others, some, summed, table, verdict


def save(figure, out: Path) -> None:
    """Write a figure as PNG; CliError where that cannot be."""
    aside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # labels in a script that the font lacks
            figure.savefig(aside, format="png", dpi=110)
        os.replace(aside, out)
    except OSError as error:
        raise CliError(f"--out {out}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def main(
    path:str, # folder that the app keeps feedback in, or hf://datasets/USER/NAME
    export:str="export.pkl", # the export that the app serves, with its metrics.json beside it
    by:str="day", # length of a period: day, week or month
    out:str="report/monitor.png", # the plot
    fail:bool=False, # end with status 1 where something has drifted; without it, with 0 either way
):
    "Say whether what the app of FEEDBACK at PATH meets has drifted from what EXPORT was trained on, and plot it."
    if by not in PERIODS:
        raise CliError(f"--by {by}: one of {', '.join(PERIODS)}.")
    try:
        version = sha256(export)[:12]
    except OSError as error:
        raise CliError(f"--export {export}: {error.strerror}. Name the export that the app serves.") from error
    history, reference = History(fetched(path, "*.json")), reference_of(read_metrics(export))
    days = dict(sorted(history.days.pop(version, {}).items()))
    others = {name: of for name, of in history.days.items() if of}
    periods, effects = by_period(days, by), design_effects(list(days.values()))
    counted = version in history.counted
    judged_by = reference if counted else replace(reference, unfamiliar=None, confidence=None, error=None)
    findings = find_drifts(periods, effects, judged_by)
    sentences = verdict(periods, findings, judged_by, path)
    print("\n".join([*[f"not read: {short(why, 120)}" for why in history.unread[:SHOWN_UNREAD]],
                     table(periods, by, reference), *on_others(others), *sentences,
                     *mixes(periods, effects["labels"], reference),
                     *[BIASED] * any(tally.said for tally in days.values()),
                     *[UNCOUNTED] * bool(days and not counted)]))
    if days or others:
        told_above = sentences[:len(findings) or 1]
        save(plot_drift(days, summed(others.values()), by, effects, reference, findings, told_above), Path(out))
    whole, n_others = total(days.values()), sum(total(of.values()).n for of in others.values())
    print(f"{path}: {some(whole.n, 'answer')} of {version} on {some(len(days), 'day')}, {whole.said} judged, "
          f"{whole.corrected} corrected, {n_others} of {some(len(others), 'other model')}, {len(history.unread)} not "
          f"read, {len(findings)} drifted" + (f"; {out}" if days or others else ""))
    if fail and findings:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
