"""Draw a matrix of counts by two labels."""

from collections.abc import Sequence
from unicodedata import east_asian_width

import numpy as np
from matplotlib.figure import Figure

MAX_LABELS_WITH_NUMBERS = 30  # a larger matrix is read by colour alone
CHARACTER = 0.085  # width of one in the names of labels, in inches


def names_fit(vocab: Sequence[str], side: float) -> bool:
    """Return whether the names of labels fit side by side below the columns of a square figure; side: in inches."""
    longest = max(CHARACTER * sum(1 + (east_asian_width(letter) in "WF") for letter in label) for label in vocab)
    beside = 0.6 + longest  # the names of the rows, and the name of their axis
    return len(vocab) <= 6 and longest < (side - beside) / len(vocab)


def plot_counts(matrix: np.ndarray, vocab: Sequence[str], columns: str, rows: str, title: str) -> Figure:
    """Return (C, C) counts as a figure; numbers in the cells for up to 30 labels. columns, rows: names of the axes."""
    n = len(vocab)
    side = min(3 + 0.45 * n, 24)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(matrix, cmap="Blues", vmin=0)
    axes.set_xticks(range(n), vocab, rotation=0 if names_fit(vocab, side) else 90)
    axes.set_yticks(range(n), vocab)
    axes.set(xlabel=columns, ylabel=rows, title=title)
    if n <= MAX_LABELS_WITH_NUMBERS:
        for (i, j), count in np.ndenumerate(matrix):
            axes.text(j, i, count, ha="center", va="center", color="white" if count > matrix.max() / 2 else "black")
    return figure
