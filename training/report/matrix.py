"""Draw a matrix of counts by two labels."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

MAX_LABELS_WITH_NUMBERS = 30  # a larger matrix is read by colour alone


def plot_counts(matrix: np.ndarray, vocab: Sequence[str], columns: str, rows: str, title: str) -> Figure:
    """Return (C, C) counts as a figure; numbers in the cells for up to 30 labels. columns, rows: names of the axes."""
    n = len(vocab)
    side = min(3 + 0.45 * n, 24)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(matrix, cmap="Blues", vmin=0)
    axes.set_xticks(range(n), vocab, rotation=90 if n > 6 else 0)
    axes.set_yticks(range(n), vocab)
    axes.set(xlabel=columns, ylabel=rows, title=title)
    if n <= MAX_LABELS_WITH_NUMBERS:
        for (i, j), count in np.ndenumerate(matrix):
            axes.text(j, i, count, ha="center", va="center", color="white" if count > matrix.max() / 2 else "black")
    return figure
