"""Draw the report's figures: confusion matrix, top losses, training, reliability and familiarity.

Reads  `Predictions`, and what metrics.json records of the training and the calibration
Gives  matplotlib figures; `to_png` makes files of them
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from classifier.photo import open_photo
from training.evaluation import Evaluation
from training.predictions import N_TOP_LOSSES, Predictions

MAX_LABELS_WITH_NUMBERS = 30  # a larger matrix is read by colour alone
BEFORE, AFTER = "tab:orange", "tab:blue"


@dataclass(frozen=True)
class FamiliarityGroups:
    """The familiarity of groups of photos, and the score from which on a photo counts as familiar."""

    groups: dict[str, np.ndarray] = field(default_factory=dict)  # by name, (N,) scores, 0 to 1
    threshold: float = 0.0


def plot_confusion_matrix(predictions: Predictions) -> Figure:
    """Return the confusion matrix as a figure; numbers in the cells for up to 30 labels."""
    matrix, n = predictions.confusion(), len(predictions.vocab)
    side = min(3 + 0.45 * n, 24)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(matrix, cmap="Blues", vmin=0)
    axes.set_xticks(range(n), predictions.vocab, rotation=90 if n > 6 else 0)
    axes.set_yticks(range(n), predictions.vocab)
    axes.set(xlabel="Predicted", ylabel="Actual", title="Confusion matrix")
    if n <= MAX_LABELS_WITH_NUMBERS:
        for (i, j), count in np.ndenumerate(matrix):
            axes.text(j, i, count, ha="center", va="center", color="white" if count > matrix.max() / 2 else "black")
    return figure


def plot_top_losses(predictions: Predictions, k: int = N_TOP_LOSSES) -> Figure:
    """Return the photos with the highest loss as a figure, titled as fastai titles them."""
    indices = predictions.top_losses(k)
    n_columns = min(4, len(indices))
    n_rows = -(-len(indices) // n_columns)
    figure = Figure(figsize=(3 * n_columns, 3.3 * n_rows), layout="constrained")
    figure.suptitle("Prediction / actual / loss / probability")
    for axes, i in zip(figure.subplots(n_rows, n_columns, squeeze=False).flat, indices):
        photo = thumbnail(predictions.files[i])
        axes.imshow(photo)
        axes.set_title("{} / {} / {:.2f} / {:.2f}".format(*describe_prediction(predictions, i)), fontsize=9)
    for axes in figure.axes:
        axes.axis("off")
    return figure


def plot_training(epochs: Sequence[dict[str, Any]]) -> Figure:
    """Return the training table as a figure: losses and error rate over the epochs."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    losses, errors = figure.subplots(1, 2)
    x = range(1, len(epochs) + 1)
    for name in ("train_loss", "valid_loss"):
        losses.plot(x, [row[name] for row in epochs], marker="o", label=name)
    losses.legend()
    losses.set(title="Loss", xlabel="epoch", xticks=x, ylim=(0, None))
    errors.plot(x, [100 * row["error_rate"] for row in epochs], marker="o", color="tab:red")
    errors.set(title="error_rate, %", xlabel="epoch", xticks=x, ylim=(0, None))
    return figure


def plot_reliability(calibration: dict[str, Any]) -> Figure:
    """Return how often the model is right at each confidence, before and after calibration.

    calibration: as `training.train.calibration.calibrate` records it. Points on the diagonal are perfectly
    calibrated; a point's area shows how many answers are in its bin.
    """
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    for axes, name, colour in zip(figure.subplots(1, 2, sharey=True), ("before", "after"), (BEFORE, AFTER)):
        bins = calibration[name]["bins"]
        confidence, accuracy, n = (np.array([row[key] for row in bins]) for key in ("confidence", "accuracy", "n"))
        axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
        axes.plot(confidence, accuracy, color=colour, linewidth=1)
        axes.scatter(confidence, accuracy, s=20 + 400 * n / n.sum(), color=colour, alpha=0.6)
        axes.set(
            title=f"{name} calibration: error {calibration[name]['error']:.3f}",
            xlabel="confidence",
            xlim=(0, 1.02),
            ylim=(0, 1.02),
        )
    figure.axes[0].set_ylabel("share that is right")
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
    prediction = predictions.predicted[i]
    return (
        predictions.vocab[prediction],
        predictions.vocab[predictions.targets[i]],
        predictions.losses[i],
        predictions.probabilities[i, prediction],
    )


def thumbnail(file: Path, side: int = 260) -> Image.Image:
    """Return a photo whose longer side has at most `side` pixels."""
    photo = open_photo(file)
    photo.thumbnail((side, side))
    return photo


def to_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def figures_of(
    evaluation: Evaluation, metrics: dict[str, Any], familiar: FamiliarityGroups | None = None
) -> dict[str, bytes]:
    """Return the report's figures as PNG, by name; a figure without data is left out."""
    figures = {
        "confusion_matrix": plot_confusion_matrix(evaluation.predictions),
        "top_losses": plot_top_losses(evaluation.predictions),
    }
    if metrics.get("epochs"):
        figures["training"] = plot_training(metrics["epochs"])
    if metrics.get("calibration"):
        figures["reliability"] = plot_reliability(metrics["calibration"])
    if familiar and familiar.groups:
        figures["familiarity"] = plot_familiarity(familiar.groups, familiar.threshold)
    return {name: to_png(figure) for name, figure in figures.items()}
