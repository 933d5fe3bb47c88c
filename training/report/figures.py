"""Draw the report's figures: confusion matrix, top losses, training, reliability and familiarity.

With several labels a photo, those of `multi_label_figures` are in the place of the confusion matrix.

Reads  `Predictions`, and what metrics.json records of the training and the calibration
Gives  matplotlib figures; `to_png` makes files of them
"""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from classifier.photo import open_photo
from training.evaluation.evaluate import Evaluation
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.evaluation.predictions import N_TOP_LOSSES, Predictions

from .matrix import plot_counts
from .multi_label_figures import plot_co_occurrence, plot_precision_recall

METRICS = ("error_rate", "accuracy_multi")  # of fastai's table, with one label a photo and with several
BEFORE, AFTER = "tab:orange", "tab:blue"


@dataclass(frozen=True)
class FamiliarityGroups:
    """The familiarity of groups of photos, and the score from which on a photo counts as familiar."""

    groups: dict[str, np.ndarray] = field(default_factory=dict)  # by name, (N,) scores, 0 to 1
    threshold: float = 0.0


def plot_confusion_matrix(predictions: Predictions) -> Figure:
    """Return the confusion matrix as a figure; numbers in the cells for up to 30 labels."""
    return plot_counts(predictions.confusion(), predictions.vocab, "Predicted", "Actual", "Confusion matrix")


def plot_top_losses(predictions: Predictions, k: int = N_TOP_LOSSES) -> Figure:
    """Return the photos with the highest loss as a figure, titled as fastai titles them."""
    indices = predictions.top_losses(k)
    n_columns = min(4, len(indices))
    n_rows = -(-len(indices) // n_columns)
    # several labels are too long for one line
    between = " / " if predictions.targets.ndim == 1 else " /\n"
    figure = Figure(figsize=(3 * n_columns, (3.3 if between == " / " else 3.6) * n_rows), layout="constrained")
    figure.suptitle("Prediction / actual / loss / probability")
    for axes, i in zip(figure.subplots(n_rows, n_columns, squeeze=False).flat, indices):
        photo = thumbnail(predictions.files[i])
        axes.imshow(photo)
        prediction, label, loss, probability = describe_prediction(predictions, i)
        axes.set_title(f"{prediction}{between}{label}{between}{loss:.2f} / {probability:.2f}", fontsize=9)
    for axes in figure.axes:
        axes.axis("off")
    return figure


def plot_training(epochs: Sequence[dict[str, Any]]) -> Figure:
    """Return the training table as a figure: losses, and fastai's metric, over the epochs."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    losses, errors = figure.subplots(1, 2)
    x = range(1, len(epochs) + 1)
    for name in ("train_loss", "valid_loss"):
        losses.plot(x, [row[name] for row in epochs], marker="o", label=name)
    losses.legend()
    losses.set(title="Loss", xlabel="epoch", xticks=x, ylim=(0, None))
    metric = next(name for name in METRICS if name in epochs[0])
    errors.plot(x, [100 * row[metric] for row in epochs], marker="o", color="tab:red")
    errors.set(title=f"{metric}, %", xlabel="epoch", xticks=x, ylim=(0, None) if metric == "error_rate" else None)
    return figure


def plot_reliability(calibration: dict[str, Any]) -> Figure:
    """Return how often the model is right at each confidence, before and after calibration.

    calibration: as `calibrate` of `training.train.task` records it; with several labels a photo, every label's
    probability is one, and how often photos show the label. Points on the diagonal are perfectly
    calibrated; a point's area shows how many answers are in its bin.
    """
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    of_labels = "slopes" in calibration
    for axes, name, colour in zip(figure.subplots(1, 2, sharey=True), ("before", "after"), (BEFORE, AFTER)):
        bins = calibration[name]["bins"]
        confidence, accuracy, n = (np.array([row[key] for row in bins]) for key in ("confidence", "accuracy", "n"))
        axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
        axes.plot(confidence, accuracy, color=colour, linewidth=1)
        axes.scatter(confidence, accuracy, s=20 + 400 * n / n.sum(), color=colour, alpha=0.6)
        axes.set(
            title=f"{name} calibration: error {calibration[name]['error']:.3f}",
            xlabel="probability" if of_labels else "confidence",
            xlim=(0, 1.02),
            ylim=(0, 1.02),
        )
    figure.axes[0].set_ylabel("share that shows the label" if of_labels else "share that is right")
    return figure


def plot_familiarity(scores: dict[str, np.ndarray], threshold: float) -> Figure:
    """Return a histogram of familiarity for each group of photos, with the threshold."""
    figure = Figure(figsize=(9, 1.2 + 1.3 * len(scores)), layout="constrained")
    edges = np.linspace(min(0.2, *(group.min() for group in scores.values())), 1, 60)
    for axes, (name, group) in zip(figure.subplots(len(scores), 1, sharex=True, squeeze=False).flat, scores.items()):
        axes.hist(group, edges, color="tab:blue")
        axes.axvline(threshold, color="tab:red")
        axes.set_title(f"{name}: {len(group)} photos, {np.mean(group >= threshold):.1%} familiar", fontsize=10)
    axes.set_xlabel(f"familiarity; from the red line on, {threshold:.3f}, a photo counts as familiar")
    return figure


def describe_prediction(predictions: Predictions, i: int) -> tuple[str, str, float, float]:
    """Return prediction, label, loss and the prediction's probability of one photo."""
    return predictions.answer(i), predictions.truth(i), predictions.losses[i], predictions.confidence(i)


def thumbnail(file: Path, side: int = 260) -> Image.Image:
    """Return a photo whose longer side has at most `side` pixels."""
    photo = open_photo(file)
    photo.thumbnail((side, side))
    return photo


def to_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file. A letter that the font lacks, as of a label in Japanese, is a box."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def figures_of(
    evaluation: Evaluation, metrics: dict[str, Any], familiar: FamiliarityGroups | None = None
) -> dict[str, bytes]:
    """Return the report's figures as PNG, by name; a figure without data is left out."""
    predictions = evaluation.predictions
    figures = {"top_losses": plot_top_losses(predictions)}
    if isinstance(predictions, MultiLabelPredictions):
        figures["co_occurrence"] = plot_co_occurrence(predictions)
        if predictions.targets.any():
            figures["precision_recall"] = plot_precision_recall(predictions)
    else:
        figures["confusion_matrix"] = plot_confusion_matrix(predictions)
    if metrics.get("epochs"):
        figures["training"] = plot_training(metrics["epochs"])
    if metrics.get("calibration"):
        figures["reliability"] = plot_reliability(metrics["calibration"])
    if familiar and familiar.groups:
        figures["familiarity"] = plot_familiarity(familiar.groups, familiar.threshold)
    return {name: to_png(figure) for name, figure in figures.items()}
