"""Draw the monitor's figure: the answers over time, beside the training.

Reads  `Tally` by day, a `Reference`, the findings
Gives  a matplotlib figure, in colours for all kinds of colour vision (Okabe & Ito 2008, Color Universal Design)
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from textwrap import wrap

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from training.statistics import wilson

from .drift import Finding, confidence_mean_and_sd
from .history import PERIODS, Tally, by_period, start_of
from .reference import Reference

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442")
GREY, ALARM = "#999999", "#D55E00"
MAX_LABELS = len(COLOURS)  # with a colour of their own
MAX_PERIODS = 62  # side by side; if there are more, longer periods are drawn
TRAINING_X = -2  # position of the training's bar, before the first period
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


def most_frequent_labels(tallies: Sequence[Tally], reference: Reference) -> list[str]:
    """Return the labels that get a colour: the most frequent ones, answers and training having the same weight."""
    counts: Counter[str] = Counter()
    for labels in (sum((tally.labels for tally in tallies), Counter()), Counter(reference.labels)):
        counts.update({label: n / labels.total() for label, n in labels.items()})
    return sorted(label for label, _ in counts.most_common(MAX_LABELS))


def shares_of(labels: dict[str, int], named: Sequence[str]) -> list[float]:
    """Return the share of each of the named labels, and of all others last; all 0 where there are none."""
    n = sum(labels.values())
    shares = [labels.get(label, 0) / max(1, n) for label in named]
    return [*shares, max(0.0, round(bool(n) - sum(shares), 9))]


def draw_labels(axes: Axes, x: Sequence[int], tallies: Sequence[Tally], reference: Reference) -> None:
    """Draw the shares of labels as stacked bars, the training's first."""
    named = most_frequent_labels(tallies, reference)
    columns = [
        *([(TRAINING_X, reference.labels)] if reference.labels else []),
        *((i, tally.labels) for i, tally in zip(x, tallies)),
    ]
    heights = np.array([shares_of(labels, named) for _, labels in columns]).T
    bottom, bars = np.zeros(len(columns)), []
    for row, colour in zip(heights, [*COLOURS[: len(named)], GREY]):
        bars.append(axes.bar([i for i, _ in columns], 100 * row, 0.85, 100 * bottom, color=colour))
        bottom += row
    shown = [*map(shorten, named), "others"] if heights[-1].any() else [shorten(label) for label in named]
    # a space before each: matplotlib leaves out of a legend what begins with _
    axes.legend(
        bars[::-1][-len(shown) :],
        [f" {text}" for text in shown[::-1]],
        loc="upper left",
        bbox_to_anchor=(1, 1),
        frameon=False,
    )
    if reference.labels:
        axes.annotate("training", (TRAINING_X - 0.4, 100), (0, 3), textcoords="offset points")
    axes.set(ylim=(0, 100), ylabel="labels, %")


def draw_level(axes: Axes, level: float | None, places: int = 0) -> None:
    """Draw what the training leads one to expect as a dashed line."""
    if level is not None:
        axes.axhline(100 * level, color="black", linestyle="--", linewidth=1)
        axes.annotate(
            f" in training\n {100 * level:.{places}f}%",
            (1, 100 * level),
            xycoords=("axes fraction", "data"),
            va="center",
            annotation_clip=False,
        )


def draw_points(axes: Axes, x: Sequence[int], values: ArrayLike, low: ArrayLike, high: ArrayLike) -> None:
    """Draw values with their intervals, all 0 to 1, in percent."""
    middle, lower, upper = (100 * np.array(row, float) for row in (values, low, high))
    axes.errorbar(
        x,
        middle,
        np.maximum(0, [middle - lower, upper - middle]),
        color=COLOURS[0],
        fmt="o",
        markersize=4,
        elinewidth=1.2,
        alpha=0.9,
    )


def draw_unfamiliar(
    axes: Axes,
    x: Sequence[int],
    tallies: Sequence[Tally],
    effect: float,
    reference: Reference,
) -> None:
    """Draw the share of unfamiliar photos with its interval."""
    known = [(i, tally.unfamiliar, tally.n) for i, tally in zip(x, tallies) if tally.n]
    intervals = [wilson(k / effect, n / effect) for _, k, n in known]
    if known:
        draw_points(axes, [i for i, *_ in known], [k / n for _, k, n in known], *zip(*intervals))
    draw_level(axes, reference.unfamiliar and reference.unfamiliar[0])
    axes.set(ylim=(-2, max(20, axes.get_ylim()[1])), ylabel="unfamiliar, %")


def draw_confidence(
    axes: Axes,
    x: Sequence[int],
    tallies: Sequence[Tally],
    effect: float,
    reference: Reference,
) -> None:
    """Draw the mean confidence, with twice its standard error."""
    known = [
        (i, *confidence_mean_and_sd(tally), tally.n_familiar / effect)
        for i, tally in zip(x, tallies)
        if tally.n_familiar
    ]
    means, errors = [mean for _, mean, _, _ in known], [2 * sd / np.sqrt(max(1, n)) for _, _, sd, n in known]
    if known:
        draw_points(axes, [i for i, *_ in known], means, np.subtract(means, errors), np.add(means, errors).clip(max=1))
    draw_level(axes, reference.confidence and reference.confidence[0])
    axes.set(ylim=(max(0, min(70, axes.get_ylim()[0])), 101), ylabel="confidence, %")


def draw_judged(axes: Axes, x: Sequence[int], tallies: Sequence[Tally]) -> None:
    """Draw how many answers users judged right, and how many they corrected."""
    right, corrected = (np.array([getattr(tally, name) for tally in tallies]) for name in ("right", "corrected"))
    axes.bar(x, right, 0.85, color=COLOURS[4], label="called right")
    axes.bar(x, corrected, 0.85, right, color=ALARM, label="corrected")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.set(ylim=(0, max(5, (right + corrected).max(initial=0) * 1.1)), ylabel="judged")


def draw_answers(axes: Axes, x: Sequence[int], tallies: Sequence[Tally], others: Sequence[int]) -> None:
    """Draw the number of answers, and those of other models."""
    axes.bar(x, [tally.n for tally in tallies], 0.85, color=COLOURS[0], label="of this model")
    if any(others):
        axes.bar(x, others, 0.85, [tally.n for tally in tallies], color=GREY, label="of others")
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.set(ylabel="answers", ylim=(0, None))


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
        draw_labels(panels[1], x, tallies, reference)
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


def shorten(text: str, most: int = 24) -> str:
    """Return a text of unknown origin as one line of at most `most` characters, without control characters."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: 4 * most])
    return line if len(line) <= most else line[: most - 1] + "…"
