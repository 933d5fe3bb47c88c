"""Draw the monitor's figure: the answers over time, beside the training.

Reads  `Tally` by day, a `Reference`, the findings
Gives  a matplotlib figure
"""

from collections.abc import Sequence
from datetime import date, timedelta
from textwrap import wrap

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drift import Finding
from .history import PERIODS, by_period, start_of
from .panels import (
    ALARM,
    TRAINING_X,
    draw_answers,
    draw_confidence,
    draw_judged,
    draw_labels,
    draw_shares,
    draw_unfamiliar,
)
from .reference import Reference
from .tally import Tally

MAX_PERIODS = 62  # side by side; if there are more, longer periods are drawn
MAX_DATES = 8  # named below the panels


def period_starts(days: Sequence[date], by: str) -> tuple[list[date], str]:
    """Return the first days of all periods from the first day to the last, and their length, one of PERIODS."""
    for longer in PERIODS[PERIODS.index(by) :]:
        found = [start_of(min(days), longer)]
        while found[-1] < start_of(max(days), longer) and (longer == PERIODS[-1] or len(found) <= MAX_PERIODS):
            found.append(start_of(found[-1] + timedelta({"day": 1, "week": 7, "month": 31}[longer]), longer))
        if len(found) <= MAX_PERIODS:
            break
    return found[-MAX_PERIODS:], longer


def plot_drift(
    days: dict[date, Tally],
    others: dict[date, Tally],
    by: str,
    effect: float,
    reference: Reference,
    findings: Sequence[Finding],
) -> Figure:
    """Return the figure; others: days of other models, effect: how many answers count as one."""
    starts, by = period_starts([*days, *others], by)
    own, other = by_period(days, by), by_period(others, by)
    tallies, x = [own.get(start, Tally()) for start in starts], range(len(starts))
    with matplotlib.rc_context({"text.parse_math": False, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(11, 11), layout="constrained")
        panels = figure.subplots(5, 1, sharex=True, height_ratios=(1, 2.2, 1.5, 1.5, 1))
        draw_answers(panels[0], x, tallies, [other.get(start, Tally()).n for start in starts])
        (draw_shares if reference.several else draw_labels)(panels[1], x, tallies, reference)
        draw_unfamiliar(panels[2], x, tallies, effect, reference)
        draw_confidence(panels[3], x, tallies, effect, reference)
        draw_judged(panels[4], x, tallies)
        for finding in findings:
            panel = panels[{"unfamiliar": 2, "confidence": 3}.get(finding.measure, 4)]
            panel.axvspan(
                period_index(finding.since, starts, by) - 0.5,
                len(starts) - 0.5,
                color=ALARM,
                alpha=0.15,
                linewidth=0,
                zorder=0,
            )
        label_dates(panels[-1], starts, by, bool(reference.labels))
        figure.align_ylabels()
    return figure


def add_title(figure: Figure, sentences: Sequence[str]) -> None:
    """Write sentences above the panels."""
    lines = [line for sentence in sentences for line in wrap(sentence, 120)]
    figure.suptitle("\n".join(lines), ha="left", x=0.01, parse_math=False)


def period_index(day: date, starts: Sequence[date], by: str) -> int:
    """Return the index of the period that a day lies in; 0 for a day before all."""
    return max(0, sum(start <= start_of(day, by) for start in starts) - 1)


def label_dates(axes: Axes, starts: Sequence[date], by: str, training: bool) -> None:
    """Name some of the periods below the last panel, and leave room for the training's bar."""
    ticks: dict[int, str] = {}
    year = None  # is named only where it changes
    for i in range(0, len(starts), -(-len(starts) // MAX_DATES)):
        named = f"{starts[i]:%Y-%m}" if by == "month" else str(starts[i])
        ticks[i] = named[5:] if by != "month" and starts[i].year == year else named
        year = starts[i].year
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set(xlim=(TRAINING_X - 0.7 if training else -0.7, max(len(starts), 3) - 0.3), xlabel=f"by {by}")
