"""Read from metrics.json what the training leads one to expect of the app's answers.

Gives  a `Reference`
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

SCORE_DIGITS = 4  # of the familiarity of held-out photos, as `training.evaluation.held_out` rounds it
DEFAULT_UNFAMILIAR = 0.05  # share expected where nobody measured it: more than the 1% of held-out photos


@dataclass(frozen=True)
class Reference:
    """What the training leads one to expect; None for what it does not tell."""

    labels: dict[str, int] = field(default_factory=dict)
    """photos by label; where a photo may have several, held-out photos by the labels they get"""
    unfamiliar: tuple[float, int | None] | None = None
    """share, and of how many photos; None of a share that nobody measured"""
    confidence: tuple[float, float, int] | None = None
    """mean, standard deviation, and of how many photos"""
    error: tuple[float, int] | None = None
    """share of held-out photos with a wrong answer, and of how many"""
    several: bool = False
    """whether a photo may have several labels, or none"""
    n_answers: int = 0
    """how many photos `labels` are of, where a photo may have several"""
    confidence_by_label: dict[str, tuple[float, int]] = field(default_factory=dict)
    """mean of each label, and of how many photos; {} where each photo has one label"""

    @property
    def n(self) -> int:
        """How many photos `labels` are of."""
        return self.n_answers if self.several else sum(self.labels.values())


def read_reference(metrics: dict[str, Any]) -> Reference:
    """Return what an export's metrics.json leads one to expect."""
    if not metrics:
        return Reference()
    if "several_labels" in metrics:
        return _of_several_labels(metrics)
    calibration = metrics.get("calibration")
    labels = {label: n["train"] + n["valid"] for label, n in metrics.get("photos", {}).items()}
    unfamiliar = _expected_unfamiliar(metrics)
    if not calibration:
        return Reference(labels, unfamiliar, None, _error(metrics))
    n, means = np.array([(row["n"], row["confidence"]) for row in calibration["after"]["bins"]]).T
    mean = np.average(means, weights=n)
    deviation = np.sqrt(np.average((means - mean) ** 2, weights=n))
    # the bins count several views of each photo, which are not independent: n is the number of photos
    n_photos = calibration["n_photos"]
    return Reference(
        labels, unfamiliar, (float(mean), float(deviation), n_photos), (calibration["error_rate"], n_photos)
    )


def _error(metrics: dict[str, Any]) -> tuple[float, int] | None:
    """Return the share of held-out photos with a wrong answer, and of how many; None where it is not told."""
    return (metrics["error_rate"], metrics["n_valid"]) if "error_rate" in metrics else None


def _expected_unfamiliar(metrics: dict[str, Any]) -> tuple[float, int | None]:
    """Return the expected share of unfamiliar photos, and of how many it was measured; None where it was not."""
    accepted = (metrics.get("familiarity") or {}).get("accepted")  # share of held-out photos
    if accepted is not None:
        return 1 - accepted, metrics["n_valid"]
    for group in metrics.get("trust", {}).get("groups", []):
        if group["name"].endswith("validation") and group["familiar"] is not None:
            return 1 - group["familiar"], group["n"]
    return DEFAULT_UNFAMILIAR, None


def _of_several_labels(metrics: dict[str, Any]) -> Reference:
    """Return what to expect where a photo may have several labels, or none: what the held-out photos get.

    Without the predictions for them, only how often each label is given is known, and the error.
    """
    from training.evaluation.held_out import HeldOutPredictions  # it imports scikit-learn, which takes seconds

    held_out = HeldOutPredictions.from_metrics(metrics)
    if held_out is None or held_out.predicted_labels is None:
        said = {label: row["said"] for label, row in metrics.get("by_label", {}).items()}
        return Reference(said, error=_error(metrics), several=True, n_answers=metrics.get("n_valid", 0))
    given = held_out.predicted_labels & _familiar(metrics, held_out.predicted_labels, held_out.familiarity)[:, None]
    labelled, confidences = given.any(1), held_out.probabilities[given]
    counts, sums = given.sum(0).tolist(), np.where(given, held_out.probabilities, 0).sum(0)
    return Reference(
        labels=dict(zip(held_out.labels, counts)),
        unfamiliar=(float(1 - labelled.mean()), len(labelled)),
        # labels of one photo are not independent: n is the number of photos
        confidence=(float(confidences.mean()), float(confidences.std()), int(labelled.sum()))
        if len(confidences)
        else None,
        error=_error(metrics),
        several=True,
        n_answers=len(labelled),
        confidence_by_label={
            label: (float(total) / max(1, n), n) for label, total, n in zip(held_out.labels, sums, counts)
        },
    )


def _familiar(metrics: dict[str, Any], predicted: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
    """Return (N,) whether held-out photos count as familiar. predicted: (N, C), labels they get; scores: (N,).

    metrics.json of an earlier version has no threshold, but the share of the photos of any label that reach it. So many
    of those that get a label are taken to be unfamiliar, the ones with the lowest scores.
    """
    known = metrics.get("familiarity") or {}
    accepted, threshold = known.get("accepted"), known.get("threshold")
    familiar = np.ones(len(predicted), dtype=bool)
    if scores is None or accepted is None:
        return familiar
    if threshold is not None:
        return np.asarray(scores >= round(threshold, SCORE_DIGITS))
    with_label = 1 - metrics["several_labels"]["n_without"] / metrics["n_valid"]
    n_unfamiliar = round((1 - accepted) * with_label * len(predicted))
    labelled = np.flatnonzero(predicted.any(1))
    familiar[labelled[np.argsort(scores[labelled], kind="stable")[:n_unfamiliar]]] = False
    return familiar
