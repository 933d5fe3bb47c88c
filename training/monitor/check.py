"""Check what an app answered against the training of its export: the monitor's findings, before they are printed.

Reads  the folder in FEEDBACK, or hf://datasets/USER/NAME: counters and records, no photo; metrics.json of the export
Gives  `Check`
"""

from dataclasses import dataclass, replace
from datetime import date

from fastcore.script import CliError

from classifier.files import sha256
from training.feedback import fetch_feedback
from training.metrics import read_metrics

from .bursts import burst_factor
from .drift import Finding, find_drifts
from .history import PERIODS, History, by_period
from .reference import Reference, read_reference
from .tally import Tally


@dataclass(frozen=True)
class Check:
    """What is known of the answers of one export, and which measures of them have drifted."""

    version: str
    days: dict[date, Tally]  # of this export, in order
    others: dict[str, dict[date, Tally]]  # of other models, by version
    periods: dict[date, Tally]
    effect: float  # how many answers count as one
    reference: Reference
    counted: bool  # whether there are counters of this export
    findings: list[Finding]
    unreadable: list[str]  # files that could not be read, and why

    @property
    def usable(self) -> Reference:
        """What answers may be compared with: without counters, only judged answers are known, and no shares."""
        return usable_reference(self.reference, self.counted)


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


def check(path: str, export: str, by: str = "day") -> Check:
    """Return what the feedback at `path` tells of an export; CliError where there is none. by: length of a period."""
    if by not in PERIODS:
        raise CliError(f"--by {by}: one of {', '.join(PERIODS)}.")
    version = version_of(export)
    history, reference = read(path, export, version)
    days = dict(sorted(history.days.pop(version, {}).items()))
    others = {name: of for name, of in history.days.items() if of}
    periods, effect = by_period(days, by), burst_factor(list(days.values()))
    counted = version in history.counted_versions
    findings = find_drifts(periods, effect, usable_reference(reference, counted))
    return Check(version, days, others, periods, effect, reference, counted, findings, history.unreadable)
