"""Write the monitor's report in words and tables: what was asked, what has drifted, and by how much."""

from collections.abc import Iterable, Sequence
from datetime import date

from .drift import MIN_ANSWERS, Finding
from .history import shorten
from .reference import Reference
from .tally import Tally, total

MAX_PERIODS, MAX_LABELS, MAX_MODELS, MAX_UNREADABLE = 30, 3, 8, 8  # that are shown
BIASED = (
    "Who clicks is not everyone, and clicks sooner where an answer is wrong: the share of corrections is no error rate."
)
UNCOUNTED = "No counters are there: only judged answers are known, so they are compared with earlier ones alone."


def percent(share: float | None) -> str:
    """Return a share, 0 to 1, in percent, as the table shows it."""
    return "-" if share is None else f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def plural(n: int, noun: str) -> str:
    """Return a number with its noun: "1 day", "2 days"."""
    return f"{n} {noun}{'s' * (n != 1)}"


def mean_confidence(tally: Tally) -> float | None:
    """Return the mean confidence of the labels given; None where none was."""
    return tally.confidence_sum / tally.n_labels if tally.n_labels else None


def most_frequent(labels: dict[str, int], n: int) -> str:
    """Return the most frequent labels with their shares; n: of how many answers."""
    ranked = sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    more = f", {len(ranked) - MAX_LABELS} more" if len(ranked) > MAX_LABELS else ""
    return ", ".join(f"{shorten(label)} {count / n:.0%}" for label, count in ranked[:MAX_LABELS] if n) + more


def table_row(name: object, tally: Tally) -> str:
    """Return a line of the table."""
    unfamiliar = tally.unfamiliar / tally.n if tally.n else None
    labels = most_frequent(tally.labels, tally.n if tally.several else tally.n_labels)
    return (
        f"{name!s:<14}{tally.n:>8}  {percent(unfamiliar):>10}  {percent(mean_confidence(tally)):>10}  "
        f"{tally.right:>5}  {tally.corrected:>9}  {labels}"
    ).rstrip()


def table(periods: dict[date, Tally], by: str, reference: Reference) -> str:
    """Return a line a period, the latest of them, and a line for the training."""
    unfamiliar, labels = ("no label", "labels, % of answers") if reference.several else ("unfamiliar", "labels")
    lines = [f"{by:<14}{'answers':>8}  {unfamiliar:>10}  {'confidence':>10}  {'right':>5}  {'corrected':>9}  {labels}"]
    shown = list(periods)[-MAX_PERIODS:]
    if len(periods) > len(shown):
        lines.append(table_row("earlier", total(tally for start, tally in periods.items() if start < shown[0])))
    lines += [table_row(start, periods[start]) for start in shown]
    if reference.labels:
        shares = (known and known[0] for known in (reference.unfamiliar, reference.confidence, reference.error))
        expected, confidence, error = map(percent, shares)
        lines.append(
            f"{'in training':<14}{reference.n:>8}  {expected:>10}  {confidence:>10}  {'':>5}  {error:>9}  "
            f"{most_frequent(reference.labels, reference.n)}"
        )
    return "\n".join(lines)


def describe_finding(finding: Finding, several: bool) -> str:
    """Return a finding as a sentence. several: whether a photo may have several labels."""
    what = {
        "unfamiliar": "of {n} photos {value} get no label" if several else "of {n} photos {value} are unfamiliar",
        "confidence": "the mean confidence of the labels is {value}" if several else "the mean confidence is {value}",
        "corrected": "users correct {value} of the {n} answers that they judge",
        "wrong": "at least {value} of {n} answers are wrong, if users are right",
    }[finding.measure]
    bases = [
        f"{percent(base)} {when}"
        for base, when in ((finding.training, "in training"), (finding.before, "before"))
        if base is not None
    ]
    mix = ", for the same mix of labels" if several and finding.measure == "confidence" else ""
    p = "p < 0.001" if finding.p < 0.001 else f"p = {finding.p:.3f}"
    return (
        f"Drifted since {finding.since}: {what.format(n=finding.n, value=percent(finding.value))}, "
        f"{' and '.join(bases)}{mix} ({p})."
    )


def verdict(periods: dict[date, Tally], findings: Sequence[Finding], reference: Reference, path: str) -> list[str]:
    """Return what is concluded, in sentences; path: the folder of feedback, for the command that follows."""
    tally = total(periods.values())
    if tally.n < MIN_ANSWERS:
        return [f"Nothing can be concluded yet: {tally.n} answers of this model, and {MIN_ANSWERS} are needed."]
    if findings:
        return [
            *(describe_finding(finding, reference.several) for finding in findings),
            f"Look at them: `python -m training.gather --feedback {path} --out data/...`, then clean and train again.",
        ]
    trained = [
        f" ({percent(known[0])} in training)" if known else "" for known in (reference.unfamiliar, reference.confidence)
    ]
    mean = mean_confidence(tally)
    confidence = "" if mean is None else f", the mean confidence is {percent(mean)}{trained[1]}"
    judged = f", {tally.corrected} of {tally.n_judged} judged answers were corrected" if tally.n_judged else ""
    what = "get no label" if reference.several else "are unfamiliar"
    return [
        f"Nothing has drifted: {percent(tally.unfamiliar / tally.n)} of {tally.n} photos {what}{trained[0]}"
        f"{confidence}{judged}."
    ]


def caveats(days: dict[date, Tally], counted: bool) -> list[str]:
    """Return sentences on what the figures do not tell. counted: whether there are counters of this model."""
    biased = [BIASED] if any(tally.n_judged for tally in days.values()) else []
    return biased + ([UNCOUNTED] if days and not counted else [])


def describe_other_models(others: dict[str, dict[date, Tally]], several: bool) -> list[str]:
    """Return lines on other models that answered, the latest last; others: their days, by version.

    several: whether this model gives a photo several labels: those of the other kind are said to be.
    """
    if not others:
        return []
    lines = []
    for name, days in sorted(others.items(), key=lambda item: max(item[1])):
        whole = total(days.values())
        kind = "" if whole.several == several else f", {'several labels' if whole.several else 'one label'} a photo"
        lines.append(table_row(f"  {shorten(name, 12)}", whole) + f" ({min(days)} to {max(days)}{kind})")
    return [
        f"answers of {plural(len(others), 'other model')}, which this export is not judged by:",
        *lines[-MAX_MODELS:],
    ]


def sum_by_day(histories: Iterable[dict[date, Tally]]) -> dict[date, Tally]:
    """Return the days of several models together."""
    found: dict[date, Tally] = {}
    for days in histories:
        for day, tally in days.items():
            found[day] = found.get(day, Tally()) + tally
    return found
