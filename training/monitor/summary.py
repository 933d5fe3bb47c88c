"""Write the monitor's report in words and tables: what was asked, what has drifted, and by how much."""

from collections.abc import Iterable, Sequence
from datetime import date

from training.statistics import psi

from .drift import MIN_ANSWERS, Finding, pool_periods
from .history import Tally, shorten, total
from .reference import Reference

MAX_PERIODS, MAX_LABELS, MAX_MODELS, MAX_UNREADABLE = 30, 3, 8, 8  # that are shown
PSI_SOMEWHAT, PSI_MUCH = 0.1, 0.25
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
    """Return the mean confidence; None where no photo was familiar."""
    return tally.confidence_sum / tally.n_familiar if tally.n_familiar else None


def most_frequent(labels: dict[str, int]) -> str:
    """Return the most frequent labels with their shares."""
    n, ranked = sum(labels.values()), sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    more = f", {len(ranked) - MAX_LABELS} more" if len(ranked) > MAX_LABELS else ""
    return ", ".join(f"{shorten(label)} {count / n:.0%}" for label, count in ranked[:MAX_LABELS] if n) + more


def table_row(name: object, tally: Tally) -> str:
    """Return a line of the table."""
    unfamiliar = tally.unfamiliar / tally.n if tally.n else None
    return (
        f"{name!s:<14}{tally.n:>8}  {percent(unfamiliar):>10}  {percent(mean_confidence(tally)):>10}  "
        f"{tally.right:>5}  {tally.corrected:>9}  {most_frequent(tally.labels)}"
    ).rstrip()


def table(periods: dict[date, Tally], by: str, reference: Reference) -> str:
    """Return a line a period, the latest of them, and a line for the training."""
    lines = [f"{by:<14}{'answers':>8}  {'unfamiliar':>10}  {'confidence':>10}  {'right':>5}  {'corrected':>9}  labels"]
    shown = list(periods)[-MAX_PERIODS:]
    if len(periods) > len(shown):
        lines.append(table_row("earlier", total(tally for start, tally in periods.items() if start < shown[0])))
    lines += [table_row(start, periods[start]) for start in shown]
    if reference.labels:
        unfamiliar, confidence, error = (
            known and known[0] for known in (reference.unfamiliar, reference.confidence, reference.error)
        )
        lines.append(
            f"{'in training':<14}{sum(reference.labels.values()):>8}  {percent(unfamiliar):>10}  "
            f"{percent(confidence):>10}  {'':>5}  {percent(error):>9}  {most_frequent(reference.labels)}"
        )
    return "\n".join(lines)


def describe_finding(finding: Finding) -> str:
    """Return a finding as a sentence."""
    what = {
        "unfamiliar": "of {n} photos {value} are unfamiliar",
        "confidence": "the mean confidence is {value}",
        "corrected": "users correct {value} of the {n} answers that they judge",
        "wrong": "at least {value} of {n} answers are wrong, if users are right",
    }[finding.measure]
    bases = [
        f"{percent(base)} {when}"
        for base, when in ((finding.training, "in training"), (finding.before, "before"))
        if base is not None
    ]
    p = "p < 0.001" if finding.p < 0.001 else f"p = {finding.p:.3f}"
    return (
        f"Drifted since {finding.since}: {what.format(n=finding.n, value=percent(finding.value))}, "
        f"{' and '.join(bases)} ({p})."
    )


def describe_mix(which: str, labels: dict[str, int], before: dict[str, int], effect: float, when: str) -> list[str]:
    """Return a sentence where the shares of the labels differ from those before; which, when: names of the two."""
    if not labels or not before:
        return []
    value, chance = psi(labels, before, effect)
    if value < max(PSI_SOMEWHAT, chance):
        return []
    n, n_before = sum(labels.values()), sum(before.values())

    def shares(name: str) -> tuple[float, float]:
        return labels.get(name, 0) / n, before.get(name, 0) / n_before

    changed = sorted({*labels, *before}, key=lambda name: -abs(shares(name)[0] - shares(name)[1]))
    listed = ", ".join(
        f"{shorten(name)} {shares(name)[0]:.0%} ({shares(name)[1]:.0%})" for name in changed[:MAX_LABELS]
    )
    return [
        f"{which} of labels is {'much' if value >= PSI_MUCH else 'somewhat'} unlike the one {when}: {listed}; PSI "
        f"{value:.2f}. That can be use alone, and is no error."
    ]


def describe_mixes(periods: dict[date, Tally], effect: float, reference: Reference) -> list[str]:
    """Return sentences on the mix of labels: beside the training's, and the latest quarter beside what came before."""
    pools = list(pool_periods(periods).values())
    cut = len(pools) - max(1, len(pools) // 4)
    latest, before = total(pools[cut:]).labels, total(pools[:cut]).labels
    return [
        *describe_mix("The mix", total(pools).labels, reference.labels, effect, "in training"),
        *describe_mix("The latest mix", latest, before, effect, "before"),
    ]


def verdict(periods: dict[date, Tally], findings: Sequence[Finding], reference: Reference, path: str) -> list[str]:
    """Return what is concluded, in sentences; path: the folder of feedback, for the command that follows."""
    tally = total(periods.values())
    if tally.n < MIN_ANSWERS:
        return [f"Nothing can be concluded yet: {tally.n} answers of this model, and {MIN_ANSWERS} are needed."]
    if findings:
        return [
            *map(describe_finding, findings),
            f"Look at them: `python -m training.gather --feedback {path} --out data/...`, then clean and train again.",
        ]
    trained = [
        f" ({percent(known[0])} in training)" if known else "" for known in (reference.unfamiliar, reference.confidence)
    ]
    mean = mean_confidence(tally)
    confidence = "" if mean is None else f", the mean confidence is {percent(mean)}{trained[1]}"
    judged = f", {tally.corrected} of {tally.n_judged} judged answers were corrected" if tally.n_judged else ""
    return [
        f"Nothing has drifted: {percent(tally.unfamiliar / tally.n)} of {tally.n} photos are unfamiliar{trained[0]}"
        f"{confidence}{judged}."
    ]


def caveats(days: dict[date, Tally], counted: bool) -> list[str]:
    """Return sentences on what the figures do not tell. counted: whether there are counters of this model."""
    biased = [BIASED] if any(tally.n_judged for tally in days.values()) else []
    return biased + ([UNCOUNTED] if days and not counted else [])


def describe_other_models(others: dict[str, dict[date, Tally]]) -> list[str]:
    """Return lines on other models that answered, the latest last; others: their days, by version."""
    if not others:
        return []
    lines = [
        table_row(f"  {shorten(name, 12)}", total(days.values())) + f" ({min(days)} to {max(days)})"
        for name, days in sorted(others.items(), key=lambda item: max(item[1]))
    ]
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
