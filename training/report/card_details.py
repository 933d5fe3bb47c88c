"""Format familiarity, heatmap and speed of metrics.json as parts of a model card, in Markdown."""

from typing import Any

from .markdown import plain, table

NOT_MEASURED = "Not measured yet: `python -m benchmarks.trust export.pkl --known DATA --other DIR --save`.\n"


def familiarity(metrics: dict[str, Any]) -> str:
    """Return how many photos count as familiar, of its labels and of other things."""
    trust = metrics.get("trust")
    if not trust:
        return NOT_MEASURED + left_out(metrics)
    rows = [
        [
            plain(score["name"]),
            f"{score['threshold']:.3f}",
            f"{score['known']:.1%}",
            f"{score['other']:.1%}",
            f"{score['auroc']:.3f}",
        ]
        for score in trust["scores"]
    ]
    familiar = "; ".join(
        f"{plain(group['name'])} {group['familiar']:.1%}" for group in trust["groups"] if group["familiar"] is not None
    )
    return (
        table("score | threshold | its labels accepted | other things accepted | AUROC", rows)
        + f"\nMeasured on {trust['n_known']} photos of its labels and {trust['n_other']} of other things."
        + (f" Familiar: {familiar}.\n" if familiar else "\n")
        + left_out(metrics)
    )


def left_out(metrics: dict[str, Any]) -> str:
    """Return how many photos of a label count as unfamiliar when that label is left out; "" where not recorded."""
    known = metrics.get("familiarity")
    if not known:
        return ""
    if known["accepted"] is None:
        return "\nIt cannot tell which photos are familiar: the network's features do not separate them.\n"
    if known["unfamiliar"] is None:
        return "\nHow it treats photos of a new label could not be measured on these photos.\n"
    label, worst = min(known["left_out"].items(), key=lambda entry: entry[1]["unfamiliar"])
    return (
        f"\nEach label was left out in turn: {known['unfamiliar']:.0%} of the photos of the missing label count "
        f"as unfamiliar (AUROC {known['auroc']:.3f}). The lowest share has {plain(label)}, "
        f"{worst['unfamiliar']:.0%}.\n"
    )


def heatmap(metrics: dict[str, Any]) -> str:
    """Return how often blurring what the heatmap marks lowers the score."""
    heatmaps = metrics.get("trust", {}).get("heatmaps")
    if not heatmaps:
        return NOT_MEASURED
    shares = "; ".join(
        "{photos}: in {share:.1%} of {n} photos (by {top:.2f} against {at_random:.2f} in the median)".format(**group)
        for group in heatmaps
    )
    what = "Blurring the heatmap's top fifth lowers the answer's log-odds more than blurring a random fifth."
    return f"{what} {shares}.\n"


def speed(metrics: dict[str, Any]) -> str:
    """Return how long an answer takes."""
    trust = metrics.get("trust")
    if not trust:
        return NOT_MEASURED
    return (
        f"From file to answer {trust['ms']:.0f} ms in the median, on {trust['cores']} "
        f"core{'s' * (trust['cores'] > 1)}, measured on {trust['date']}.\n"
    )
