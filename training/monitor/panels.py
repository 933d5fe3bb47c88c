"""Draw the panels of the monitor's figure, each about one measure of the answers.

The colours are for all kinds of colour vision (Okabe & Ito 2008, Color Universal Design)
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from numpy.typing import ArrayLike

from training.statistics import wilson

from .confidence import confidence_mean_and_sd
from .history import shorten
from .reference import Reference
from .tally import Tally

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442")
GREY, ALARM = "#999999", "#D55E00"
MAX_LABELS = len(COLOURS)  # with a colour of their own
TRAINING_X = -2  # position of the training's bar, before the first period


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
    add_legend(axes, bars[::-1][-len(shown) :], shown[::-1])
    if reference.labels:
        axes.annotate("training", (TRAINING_X - 0.4, 100), (0, 3), textcoords="offset points")
    axes.set(ylim=(0, 100), ylabel="labels, %")


def draw_shares(axes: Axes, x: Sequence[int], tallies: Sequence[Tally], reference: Reference) -> None:
    """Draw the share of the photos that get each label, where a photo may have several; the training's first."""
    named, lines = most_frequent_labels(tallies, reference), []
    known = [(i, tally) for i, tally in zip(x, tallies) if tally.n]
    for label, colour in zip(named, COLOURS):
        shares = [100 * tally.labels[label] / tally.n for _, tally in known]
        lines += axes.plot([i for i, _ in known], shares, "o-", color=colour, markersize=4)
        if reference.n:
            axes.plot(TRAINING_X, 100 * reference.labels.get(label, 0) / reference.n, "D", color=colour)
    add_legend(axes, lines, [shorten(label) for label in named])
    if reference.n:
        axes.annotate("training", (TRAINING_X - 0.4, 1), (0, 3), ("data", "axes fraction"), textcoords="offset points")
    axes.set(ylim=(0, None), ylabel="photos with\nthe label, %")


def add_legend(axes: Axes, handles: Sequence[Artist | BarContainer], texts: Sequence[str]) -> None:
    """Name what is drawn, beside the panel."""
    # a space before each: matplotlib leaves out of a legend what begins with _
    axes.legend(handles, [f" {text}" for text in texts], loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


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
    """Draw the share of unfamiliar photos with its interval; of those without a label, where they may have several."""
    known = [(i, tally.unfamiliar, tally.n) for i, tally in zip(x, tallies) if tally.n]
    intervals = [wilson(k / effect, n / effect) for _, k, n in known]
    if known:
        draw_points(axes, [i for i, *_ in known], [k / n for _, k, n in known], *zip(*intervals))
    draw_level(axes, reference.unfamiliar and reference.unfamiliar[0])
    axes.set(ylim=(-2, max(20, axes.get_ylim()[1])), ylabel="no label, %" if reference.several else "unfamiliar, %")


def draw_confidence(
    axes: Axes,
    x: Sequence[int],
    tallies: Sequence[Tally],
    effect: float,
    reference: Reference,
) -> None:
    """Draw the mean confidence, with twice its standard error."""
    known = [
        (i, *confidence_mean_and_sd(tally), tally.n_labelled / effect) for i, tally in zip(x, tallies) if tally.n_labels
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
