"""Predictions and figures of a model that gives photos several labels, or none, made by hand."""

from pathlib import Path

import numpy as np

from helpers.photos import noisy_photo
from training.evaluation.multi_label_predictions import MultiLabelPredictions

VOCAB = ["<b>hat</b>", "shirt", "shoes"]
TARGETS = [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
PROBABILITIES = [[0.9, 0.2, 0.1], [0.6, 0.7, 0.1], [0.7, 0.3, 0.1], [0.2, 0.1, 0.1], [0.6, 0.2, 0.1]]
THRESHOLDS = {"<b>hat</b>": 0.5, "shirt": 0.5, "shoes": 0.25}


def several_labels(folder: Path | None = None) -> MultiLabelPredictions:
    """Return predictions for five photos: a hat, a hat and a shirt, a shirt that is taken for a hat, and two of none.

    One of the two without a label is taken for a hat. Nothing shows shoes. folder: where photos are written, if given.
    """
    files = [(folder or Path("data")) / "photos" / f"{i}.jpg" for i in range(len(TARGETS))]
    for i, file in enumerate(files if folder else []):
        file.parent.mkdir(exist_ok=True)
        noisy_photo((40 * i, 100, 100), i).save(file)
    probabilities = np.array(PROBABILITIES)
    return MultiLabelPredictions(
        files,
        VOCAB,
        np.array(TARGETS, dtype=bool),
        probabilities,
        np.array([0.9, 0.9, 0.9, 0.9, 0.2]),
        predicted_labels=probabilities > np.array(list(THRESHOLDS.values())),
    )


def metrics_of_several_labels() -> dict:
    """Return what metrics.json records of a training with these predictions."""
    predictions = several_labels()
    bins = [{"n": 15, "confidence": 0.5, "accuracy": 0.4}]
    return {
        "date": "2031-01-01T00:00:00+00:00",
        "error_rate": 0.4,
        "n_wrong": 2,
        "n_train": 5,
        "n_valid": 5,
        "measured": "out of fold",
        "photos": {label: {"train": n, "valid": 0} for label, n in zip(VOCAB, (2, 2, 0))},
        "by_label": predictions.by_label(),
        "several_labels": {
            "mean_average_precision": predictions.mean_average_precision,
            "thresholds": THRESHOLDS,
            "n_with_several": 1,
            "n_without": 2,
            "none_right": 0.5,
        },
        "unreadable": [],
        "fine_tuning": None,
        "epochs": [{"epoch": 0, "train_loss": 1.0, "valid_loss": 0.5, "accuracy_multi": 0.8, "time": "00:01"}] * 2,
        "calibration": {
            "slopes": [1.0, 1.5, 0.5],
            "biases": [0.0, 0.1, -0.1],
            "n_photos": 5,
            "n_folds": 2,
            "before": {"error": 0.1, "by_label": [0.1, 0.2, 0.0], "bins": bins},
            "after": {"error": 0.05, "by_label": [0.02, 0.08, 0.05], "bins": bins},
        },
        "familiarity": {
            "accepted": 0.98,
            "threshold": 0.5,
            "unfamiliar": 0.4,
            "auroc": 0.9,
            "left_out": {"shirt": {"n": 2, "unfamiliar": 0.4, "auroc": 0.9}},
        },
        "options": {"arch": "resnet18", "image_size": 224, "epochs": 4, "precision": 0.0, "quick": False},
        "export": {"bytes": 9_000_000, "sha256": "0" * 64},
        "test": {"n": 5, "n_wrong": 2, "error_rate": 0.4, "by_label": predictions.by_label()},
    }
