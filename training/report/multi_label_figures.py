"""Draw the figures of a model that gives a photo several labels, or none: co-occurrence, and precision against recall.

Reads  `MultiLabelPredictions`
Gives  matplotlib figures
"""

import numpy as np
from matplotlib.figure import Figure

from training.evaluation.multi_label_predictions import MultiLabelPredictions

from .matrix import plot_counts

MAX_CURVES = 12  # labels in one figure


def plot_co_occurrence(predictions: MultiLabelPredictions) -> Figure:
    """Return how many photos that show a row's label get a column's label, as a figure."""
    return plot_counts(
        predictions.co_occurrence(), predictions.vocab, "The photos get", "Photos that show", "Co-occurrence of labels"
    )


def worst_ranked(predictions: MultiLabelPredictions, k: int = MAX_CURVES) -> list[int]:
    """Return the indices of the k labels with the lowest average precision, lowest first; none that no photo shows."""
    ranking = predictions.average_precision  # NaN, which is last, where no photo shows the label
    return [int(i) for i in ranking.argsort(kind="stable") if not np.isnan(ranking[i])][:k]


def plot_precision_recall(predictions: MultiLabelPredictions) -> Figure:
    """Return the precision-recall curve of each label, with a point for what the photos get; see `worst_ranked`."""
    from sklearn.metrics import precision_recall_curve  # imported here: it takes most of a second

    figure, rows = Figure(figsize=(9, 4.8), layout="constrained"), list(predictions.by_label().values())
    axes = figure.add_subplot()
    indices = worst_ranked(predictions)
    for number, i in enumerate(indices):
        precision, recall, _ = precision_recall_curve(predictions.targets[:, i], predictions.probabilities[:, i])
        name = f"{predictions.vocab[i]}: {rows[i]['average_precision']:.3f}, {rows[i]['n']} photos"
        # ten colours come again as dashed lines
        colour, line = f"C{number % 10}", "--" if number >= 10 else "-"
        axes.step(recall, precision, where="post", label=name, color=colour, linestyle=line)
        if rows[i]["said"]:
            axes.plot(rows[i]["recall"], rows[i]["precision"], marker="o", color=colour)
    some = len(indices) < predictions.targets.any(0).sum()
    title = f"The {len(indices)} labels with the lowest average precision" if some else "Precision and recall by label"
    axes.set(title=title, xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    figure.legend(loc="outside right upper", title="average precision", fontsize=9)
    return figure
