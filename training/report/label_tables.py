"""Make the report's tables for photos that may have several labels, or none.

Reads  `MultiLabelPredictions`, and `by_label` as metrics.json records it
Gives  rows of text, for the page and the model card
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.data.labels_csv import SEPARATOR
from training.data.photos import FEW_PHOTOS
from training.evaluation.multi_label_predictions import NONE, MultiLabelPredictions
from training.statistics import wilson

Row = tuple[object, ...]
MOST_LABELS_OF_A_PHOTO = 4  # photos with more are counted together
MAX_PAIRS = 12
TOO_FEW = "too few to tell"
UNKNOWN = "-"  # in place of a figure that no photo gives


def share(value: float | None) -> str:
    """Return a share as text."""
    return UNKNOWN if value is None else f"{value:.1%}"


def interval_text(interval: Sequence[float] | None) -> str:
    """Return an interval of shares as text; "" for none."""
    return "" if interval is None else f"{interval[0]:.1%} to {interval[1]:.1%}"


def label_rows(by_label: Mapping[str, dict[str, Any]], thresholds: Mapping[str, float]) -> list[dict[str, str]]:
    """Return what is shown of each label, the lowest F1 first; by_label: see `MultiLabelPredictions.by_label`."""
    ordered = sorted(by_label.items(), key=lambda entry: (entry[1]["f1"] is None, entry[1]["f1"] or 0.0))
    return [
        {
            "label": label,
            "n": str(row["n"]),
            "remark": TOO_FEW if row["n"] < FEW_PHOTOS else "",
            "said": str(row["said"]),
            "precision": share(row["precision"]),
            "precision_interval": interval_text(row["precision_interval"]),
            "recall": share(row["recall"]),
            "recall_interval": interval_text(row["recall_interval"]),
            "f1": UNKNOWN if row["f1"] is None else f"{row['f1']:.3f}",
            "average_precision": UNKNOWN if row["average_precision"] is None else f"{row['average_precision']:.3f}",
            "threshold": f"{thresholds[label]:.3f}" if label in thresholds else UNKNOWN,
        }
        for label, row in ordered
    ]


def mean_average_precision(by_label: Mapping[str, dict[str, Any]]) -> float | None:
    """Return the mean over the labels that some photo shows, 0 to 1; None where none shows any."""
    known = [row["average_precision"] for row in by_label.values() if row["average_precision"] is not None]
    return float(np.mean(known)) if known else None


def count_rows(predictions: MultiLabelPredictions) -> list[Row]:
    """Return a row for photos without a label, with one, with two and so on.

    A row: photos with, how many, the share of which all is right, its 95% interval, how many get no label.
    """
    n_labels = predictions.targets.sum(1).clip(max=MOST_LABELS_OF_A_PHOTO)
    empty = ~predictions.predicted.any(1)
    rows: list[Row] = []
    for k in np.unique(n_labels).tolist():
        own = n_labels == k
        n, right = int(own.sum()), int((own & predictions.right).sum())
        more = " or more" if k == MOST_LABELS_OF_A_PHOTO else ""
        name = NONE if k == 0 else f"{k}{more} label{'s' * (k > 1)}"
        rows.append((name, n, f"{right / n:.1%}", interval_text(wilson(right, n)), int((own & empty).sum())))
    return rows


def none_rows(predictions: MultiLabelPredictions) -> list[Row]:
    """Return what photos without a label get, and how many of them, most frequent first."""
    without = np.flatnonzero(~predictions.targets.any(1))
    return list(Counter(predictions.answer(int(i)).replace(SEPARATOR, ", ") for i in without).most_common(MAX_PAIRS))


def added_rows(predictions: MultiLabelPredictions) -> list[Row]:
    """Return label, another one that photos with the first get wrongly, and how many do, most frequent first."""
    added = (predictions.predicted & ~predictions.targets).astype(int)
    shown = np.column_stack([predictions.targets, ~predictions.targets.any(1)]).astype(int)
    names, counts = [*predictions.vocab, NONE], shown.T @ added
    pairs = [(names[i], predictions.vocab[j], int(counts[i, j])) for i, j in np.argwhere(counts)]
    return list(sorted(pairs, key=lambda pair: -pair[2])[:MAX_PAIRS])


def calibration_rows(calibration: Mapping[str, Any], vocab: Sequence[str]) -> list[Row]:
    """Return the expected calibration error of each label, before and after, the highest after it first."""
    before, after = (calibration[name]["by_label"] for name in ("before", "after"))
    rows = sorted(zip(vocab, before, after), key=lambda row: -row[2])
    return [(label, f"{was:.3f}", f"{error:.3f}") for label, was, error in rows]


def thresholds_text(options: Mapping[str, Any]) -> str:
    """Return how a training chose the thresholds, as part of a sentence; "" where its options are not recorded."""
    if not options:
        return ""
    if precision := options.get("precision"):
        return f"the lowest that lets expect a precision of {precision:.0%}"
    return "the one with the best expected F1"
