"""A trained model with its figures, measured on photos that it did not learn from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from fastai.learner import Learner
from fastcore.script import CliError

from classifier.inference.confidence import Familiarity
from training.evaluation.held_out import HeldOutPredictions
from training.evaluation.predictions import Predictions

from .probes.familiarity import FamiliarityMetrics
from .task import Task
from .verdict import Verdict


@dataclass
class Trained:
    """A trained model with its figures, measured on photos that it did not learn from."""

    learn: Learner
    task: Task
    files: list[Path]  # the photos that it learned from
    held_out: HeldOutPredictions
    calibration: dict[str, Any] | None  # see `Task.calibrate`
    familiarity: Familiarity | None
    familiarity_metrics: FamiliarityMetrics
    features: np.ndarray  # (N, D) of `files`, as the network that is served gives them
    table: list[dict[str, Any]] = field(default_factory=list)  # of the fine-tuning, a dict an epoch
    verdict: Verdict | None = None  # on the fine-tuning; None where it was not tried to its end
    thresholds: np.ndarray | None = None  # (C,) of probabilities; None with one label a photo
    validated: list[Path] = field(default_factory=list)  # the validation photos, which no part of it learned from

    @property
    def fine_tuned(self) -> bool:
        """Whether the network is the fine-tuned one, not the frozen backbone with a probe."""
        return self.verdict is not None and self.verdict.kept

    def validation(self) -> Predictions:
        """Return the predictions for the validation photos, or out-of-fold predictions for all where there are none."""
        predictions = self.held_out.predictions_for(self.validated or self.files, self.task.labels)
        if predictions is None:
            raise CliError(
                "The photos changed while the training ran: none of them has the content that was read. Train again."
            )
        return predictions
