"""Show in the report what comes of acting alone on answers above a threshold, for each label and for all together.

Reads  `Predictions` for photos that were held out
Gives  rows for the slider of the report's page, which `operating.js` moves
"""

from pathlib import Path
from typing import Any

import numpy as np

from training.evaluation.answers import Answers, Outcome
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.evaluation.predictions import Predictions

ALL = "all labels together"
MAX_STEPS = 100  # of the slider: thresholds at which another answer falls below
MAX_GROUPS = 100  # labels, the most frequent ones
TABLE = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)  # thresholds for those who print the page


def operating_context(predictions: Predictions, familiar_from: float, chosen: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the section shows; chosen: `operating_point` of metrics.json."""
    answers = Answers.of(predictions, familiar_from)
    shown = np.bincount(answers.labels, minlength=len(answers.vocab)) if len(answers.labels) else np.zeros(0)
    frequent = [i for i in np.argsort(-shown, kind="stable")[:MAX_GROUPS] if shown[i]]
    groups = {ALL: curve(answers, targets_of(predictions, None))}
    for i in sorted(map(int, frequent)):
        groups[answers.vocab[i]] = curve(answers.only(i), targets_of(predictions, i))
    table = [(f"{t:.0%}", str(answers.outcome(np.full(len(answers.vocab), t)))) for t in TABLE]
    script = (Path(__file__).parent / "operating.js").read_text(encoding="utf-8")
    return {
        "groups": groups,
        "table": table,
        "script": script,
        "start": start_of(groups[ALL], chosen),
        "chosen": chosen,
    }


def targets_of(predictions: Predictions, label: int | None) -> np.ndarray:
    """Return (N,) whether a photo shows a label; of all together, whether it shows any."""
    if isinstance(predictions, MultiLabelPredictions):
        return np.asarray(predictions.targets.any(1) if label is None else predictions.targets[:, label])
    return np.ones(len(predictions.files), bool) if label is None else np.asarray(predictions.targets == label)


def curve(answers: Answers, shows: np.ndarray) -> list[list[float]]:
    """Return a row for each step of the slider, thresholds rising: see `row_of`."""
    levels = np.unique(answers.probabilities)
    if len(levels) > MAX_STEPS:
        levels = np.unique(np.quantile(levels, np.linspace(0, 1, MAX_STEPS), method="inverted_cdf"))
    steps = np.floor(np.concatenate([[0.0], levels]) * 1e4) / 1e4  # as it is shown, and never above the answer's own
    vocab = len(answers.vocab)
    return [row_of(float(t), answers.outcome(np.full(vocab, t)), int(shows.sum())) for t in np.unique(steps)]


def row_of(threshold: float, outcome: Outcome, n_shows: int) -> list[float]:
    """Return threshold, answers given alone, right ones, 95% interval, share of photos asked, and recall, 0 to 1."""
    low, high = outcome.interval
    recall = outcome.n_right / n_shows if n_shows else 0.0
    numbers = (threshold, outcome.n, outcome.n_right, low, high, outcome.asked, min(1.0, recall))
    return [round(number, 4) for number in numbers]


def start_of(rows: list[list[float]], chosen: dict[str, Any] | None) -> int:
    """Return the step at which the slider begins: the chosen threshold, or the first that is right 95 times in 100."""
    finite = [t for t in (chosen or {}).get("thresholds", []) if t is not None]
    if finite:
        return int(np.argmin([abs(row[0] - min(finite)) for row in rows]))
    good = (step for step, (_, n, right, *_) in enumerate(rows) if n and right / n >= 0.95)
    return next(good, len(rows) - 1)
