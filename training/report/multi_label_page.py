"""Say what the report's page says where a photo may have several labels, or none.

Reads  an `Evaluation` of `MultiLabelPredictions`, metrics.json, and the export's thresholds
Gives  what `multi_label_report.html` shows
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.statistics import wilson
from training.train.verdict import FINE_TUNE_ERROR

from .label_tables import (
    added_rows,
    calibration_rows,
    count_rows,
    label_rows,
    mean_average_precision,
    none_rows,
    thresholds_text,
)


def labels_context(
    predictions: MultiLabelPredictions, metrics: dict[str, Any], thresholds: Mapping[str, float], familiar_from: float
) -> dict[str, Any]:
    """Return what the page shows of labels.

    thresholds: the export's, by label; familiar_from: the familiarity from which on a photo counts as familiar.
    """
    shown, given = predictions.targets, predictions.predicted
    without, by_label = ~shown.any(1), predictions.by_label()
    test, calibration = metrics.get("test"), metrics.get("calibration")
    n_none, none_right = int(without.sum()), int((without & predictions.right).sum())
    return {
        "mean_average_precision": mean_average_precision(by_label),
        "n_shown": int(shown.sum()),
        "n_found": int((shown & given).sum()),
        "n_added": int((given & ~shown).sum()),
        "label_rows": label_rows(by_label, thresholds),
        "thresholds": thresholds_text(metrics.get("options", {})),
        "count_rows": count_rows(predictions),
        "n_none": n_none,
        "none_right": none_right,
        "none_interval": wilson(none_right, n_none) if n_none else None,
        "none_rows": none_rows(predictions),
        "n_unanswered": int((~without & ~given.any(1)).sum()),
        "n_wrong_where_familiar": n_wrong_where_familiar(predictions, familiar_from),
        "added_rows": added_rows(predictions),
        "test_rows": label_rows(test["by_label"], thresholds) if test else [],
        "test_mean_average_precision": mean_average_precision(test["by_label"]) if test else None,
        "calibration_rows": calibration_rows(calibration, list(metrics["photos"])) if calibration else [],
    }


def n_wrong_where_familiar(predictions: MultiLabelPredictions, familiar_from: float) -> int | None:
    """Return how many answers are wrong where unfamiliar photos get no label, as the app answers; None if not known."""
    if predictions.familiarity is None:
        return None
    given = predictions.predicted & (predictions.familiarity >= familiar_from)[:, None]
    return int((given != predictions.targets).any(1).sum())


def label_differences(predictions: MultiLabelPredictions, i: int) -> dict[str, list[str]]:
    """Return the labels that a photo gets wrongly (`added`) and those it lacks (`missing`), with probabilities."""
    shown, given = predictions.targets[i], predictions.predicted[i]

    def named(marks: np.ndarray) -> list[str]:
        return [f"{predictions.vocab[k]} {predictions.probabilities[i, k]:.0%}" for k in np.flatnonzero(marks)]

    return {"added": named(given & ~shown), "missing": named(shown & ~given)}


def not_tried_with_labels(metrics: dict[str, Any]) -> str:
    """Return why a training did not fine-tune, as part of a sentence."""
    enough, too_long = 1 - FINE_TUNE_ERROR, "it would have taken too long"
    precision = metrics["several_labels"]["mean_average_precision"]
    if metrics["measured"] != "out of fold":  # it was decided by the photos that were held out in turn
        return f"its mean average precision was above {enough:.2f}, or {too_long}"
    if precision > enough:
        return f"a mean average precision of {precision:.3f} is above the {enough:.2f} below which it is tried"
    return too_long
