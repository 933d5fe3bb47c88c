"""The monitor's report in words and tables: what was asked, what has drifted, and by how much."""
from collections.abc import Iterable, Sequence
from datetime import date

from training.statistics import psi

from .drift import LEAST, Finding, Reference, pooled
from .figure import short
from .history import Tally, total

SHOWN_PERIODS, SHOWN_LABELS, SHOWN_MODELS, SHOWN_UNREAD = 30, 3, 8, 8
PSI_SOME, PSI_MUCH = 0.1, 0.25
BIASED = ("Who clicks is not everyone, and clicks sooner where an answer is wrong: the share of corrections is no "
          "error rate.")
UNCOUNTED = "No counters are there: only judged answers are known, so they are compared with earlier ones alone."


def percent(share: float | None) -> str:
    """Return a share as the table shows it."""
    return "-" if share is None else f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def confidence_of(tally: Tally) -> float | None:
    """Return the mean confidence; None where the app stood by no answer."""
    return tally.confidence_sum / tally.stood if tally.stood else None


def labels_of(labels: dict[str, int]) -> str:
    """Return the most frequent labels with their shares."""
    n, most = sum(labels.values()), sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    more = f", {len(most) - SHOWN_LABELS} more" if len(most) > SHOWN_LABELS else ""
    return ", ".join(f"{short(label)} {count / n:.0%}" for label, count in most[:SHOWN_LABELS] if n) + more


def some(n: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{n} {what}{'s' * (n != 1)}"


def row(name: object, tally: Tally) -> str:
    """Return a line of the table."""
    unfamiliar = tally.unfamiliar / tally.n if tally.n else None
    return (f"{name!s:<14}{tally.n:>8}  {percent(unfamiliar):>10}  {percent(confidence_of(tally)):>10}  "
            f"{tally.right:>5}  {tally.corrected:>9}  {labels_of(tally.labels)}").rstrip()


def table(periods: dict[date, Tally], by: str, reference: Reference) -> str:
    """Return a line a period, the latest of them, and the training's."""
    lines = [f"{by:<14}{'answers':>8}  {'unfamiliar':>10}  {'confidence':>10}  {'right':>5}  {'corrected':>9}  labels"]
    shown = list(periods)[-SHOWN_PERIODS:]
    if len(periods) > len(shown):
        lines.append(row("earlier", total(tally for start, tally in periods.items() if start < shown[0])))
    lines += [row(start, periods[start]) for start in shown]
    if reference.labels:
        unfamiliar, confidence, error = (known and known[0] for known in (
            reference.unfamiliar, reference.confidence, reference.error))
        lines.append(f"{'in training':<14}{sum(reference.labels.values()):>8}  {percent(unfamiliar):>10}  "
                     f"{percent(confidence):>10}  {'':>5}  {percent(error):>9}  {labels_of(reference.labels)}")
    return "\n".join(lines)


def told(finding: Finding) -> str:
    """Return a finding as a sentence."""
    what = {"unfamiliar": "of {n} photos {value} are unfamiliar", "confidence": "the mean confidence is {value}",
            "corrected": "users correct {value} of the {n} answers that they judge",
            "wrong": "at least {value} of {n} answers are wrong, if users are right"}[finding.measure]
    bases = [f"{percent(base)} {when}" for base, when in ((finding.training, "in training"), (finding.before, "before"))
             if base is not None]
    p = "p < 0.001" if finding.p < 0.001 else f"p = {finding.p:.3f}"
    return (f"Drifted since {finding.since}: {what.format(n=finding.n, value=percent(finding.value))}, "
            f"{' and '.join(bases)} ({p}).")


def on_mix(which: str, labels: dict[str, int], before: dict[str, int], effect: float, when: str) -> list[str]:
    """Return a sentence where labels are answered in another mix than before; which, when: words for the two."""
    if not labels or not before:
        return []
    value, chance = psi(labels, before, effect)
    if value < max(PSI_SOME, chance):
        return []
    n, n_before = sum(labels.values()), sum(before.values())
    most = sorted(set(labels) | set(before), key=lambda name: -abs(labels.get(name, 0) / n
                                                                   - before.get(name, 0) / n_before))
    moved = ", ".join(f"{short(name)} {labels.get(name, 0) / n:.0%} ({before.get(name, 0) / n_before:.0%})"
                      for name in most[:SHOWN_LABELS])
    return [f"{which} of labels is {'much' if value >= PSI_MUCH else 'somewhat'} unlike the one {when}: {moved}; PSI "
            f"{value:.2f}. That can be use alone, and is no error."]


def mixes(periods: dict[date, Tally], effect: float, reference: Reference) -> list[str]:
    """Return sentences on the mix of labels, beside the training and beside what came before the latest quarter."""
    pools = list(pooled(periods).values())
    cut = len(pools) - max(1, len(pools) // 4)
    lately, before = total(pools[cut:]).labels, total(pools[:cut]).labels
    return [*on_mix("The mix", total(pools).labels, reference.labels, effect, "in training"),
            *on_mix("The latest mix", lately, before, effect, "before")]


def verdict(periods: dict[date, Tally], findings: Sequence[Finding], reference: Reference, path: str) -> list[str]:
    """Return what is concluded, in sentences."""
    tally = total(periods.values())
    if tally.n < LEAST:
        return [f"Nothing can be concluded yet: {tally.n} answers of this model, and {LEAST} are needed."]
    if findings:
        return [*map(told, findings), f"Look at them: `python -m training.gather --feedback {path} --out data/...`, "
                "then clean and train again."]
    trained = [f" ({percent(known[0])} in training)" if known else "" for known in (
        reference.unfamiliar, reference.confidence)]
    confidence = f", the mean confidence is {percent(confidence_of(tally))}{trained[1]}" * bool(tally.stood)
    judged = f", {tally.corrected} of {tally.said} judged answers were corrected" * bool(tally.said)
    return [f"Nothing has drifted: {percent(tally.unfamiliar / tally.n)} of {tally.n} photos are unfamiliar{trained[0]}"
            f"{confidence}{judged}."]


def on_others(others: dict[str, dict[date, Tally]]) -> list[str]:
    """Return lines on other models that answered, the latest last."""
    if not others:
        return []
    lines = [row(f"  {short(name, 12)}", total(days.values())) + f" ({min(days)} to {max(days)})"
             for name, days in sorted(others.items(), key=lambda item: max(item[1]))]
    return [f"answers of {some(len(others), 'other model')}, which this export is not judged by:",
            *lines[-SHOWN_MODELS:]]


def summed(histories: Iterable[dict[date, Tally]]) -> dict[date, Tally]:
    """Return the days of several models together."""
    found: dict[date, Tally] = {}
    for days in histories:
        for day, tally in days.items():
            found[day] = found.get(day, Tally()) + tally
    return found
