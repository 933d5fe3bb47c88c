"""Read from metrics.json what the training leads one to expect of the app's answers.

Gives  a `Reference`
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

DEFAULT_UNFAMILIAR = 0.05  # share expected where nobody measured it: more than the 1% of held-out photos


@dataclass(frozen=True)
class Reference:
    """What the training leads one to expect; None for what it does not tell."""

    labels: dict[str, int] = field(default_factory=dict)
    unfamiliar: tuple[float, int | None] | None = None
    """share, and of how many photos; None of a share that nobody measured"""
    confidence: tuple[float, float, int] | None = None
    """mean, standard deviation, and of how many photos"""
    error: tuple[float, int] | None = None
    """share of held-out photos with a wrong answer, and of how many"""


def read_reference(metrics: dict[str, Any]) -> Reference:
    """Return what an export's metrics.json leads one to expect."""
    if not metrics:
        return Reference()
    calibration = metrics.get("calibration")
    labels = {label: n["train"] + n["valid"] for label, n in metrics.get("photos", {}).items()}
    unfamiliar = _expected_unfamiliar(metrics)
    if not calibration:
        error = (metrics["error_rate"], metrics["n_valid"]) if "error_rate" in metrics else None
        return Reference(labels, unfamiliar, None, error)
    n, means = np.array([(row["n"], row["confidence"]) for row in calibration["after"]["bins"]]).T
    mean = np.average(means, weights=n)
    deviation = np.sqrt(np.average((means - mean) ** 2, weights=n))
    # the bins count several views of each photo, which are not independent: n is the number of photos
    n_photos = calibration["n_photos"]
    return Reference(
        labels, unfamiliar, (float(mean), float(deviation), n_photos), (calibration["error_rate"], n_photos)
    )


def _expected_unfamiliar(metrics: dict[str, Any]) -> tuple[float, int | None]:
    """Return the expected share of unfamiliar photos, and of how many it was measured; None where it was not."""
    accepted = (metrics.get("familiarity") or {}).get("accepted")  # share of held-out photos
    if accepted is not None:
        return 1 - accepted, metrics["n_valid"]
    for group in metrics.get("trust", {}).get("groups", []):
        if group["name"].endswith("validation") and group["familiar"] is not None:
            return 1 - group["familiar"], group["n"]
    return DEFAULT_UNFAMILIAR, None
