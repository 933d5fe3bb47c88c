"""Fine-tune a network from its linear probe, and decide by held-out photos whether it has become better.

Reads  a `Learner` whose head is the probe of its own frozen backbone
Gives  the table of epochs, and a verdict: better by more than chance, or not

A head with random weights sends large gradients into a good backbone, and batch norm in training mode replaces the
statistics of a million photos by those of 16: both damage the features, and everything that is computed from them.
Sources: Kumar et al. 2022, Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution; Wortsman
et al. 2022, Robust Fine-Tuning of Zero-Shot Models: a mean of the weights before and after is better than either.
"""

import time
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from fastai.callback import schedule  # noqa: F401  it gives Learner its fine_tune
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Learner, Recorder
from scipy import stats
from torch import nn

from .accelerator import half_precision
from .interrupt import StopOnInterrupt
from .processes.ranks import largest, size
from .verdict import FINE_TUNE_ERROR, Verdict

ALPHA = 0.05  # probability below which a lower loss is called more than chance
LR_MULT = 10  # the head's learning rate divided by that of the backbone's first layers
MAX_MINUTES = 10  # that fine-tuning may take where nobody asked for it
TUNED_SHARE = 0.75  # share of the fine-tuned weights in the mean with those before
TIMED_STEPS = 5  # from which the whole time is estimated; the step before them is slower


class EpochTable(Callback):
    """Collect the rows of the table that fastai prints, one an epoch."""

    order = Recorder.order + 1

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def after_epoch(self) -> None:
        """Add the epoch that has just been logged."""
        names, values = self.recorder.metric_names, self.recorder.log
        self.rows.append(
            {
                name: value if isinstance(value, (int, str)) else round(float(value), 6)
                for name, value in zip(names, values)
            }
        )


class FreezeBatchNorm(Callback):
    """Keep batch norm in evaluation mode, so that it normalises with the statistics of the pretraining."""

    def before_train(self) -> None:
        """Set batch norm back to evaluation mode, after `Learner` has set all layers to training mode."""
        for layer in self.model.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()


class TimeLimit(Callback):
    """Stop a training that would take too long, estimated from its first steps."""

    def __init__(self, max_minutes: float):
        self._max_minutes, self._steps = max_minutes, 0
        self.minutes = 0.0
        """estimated time of the whole training"""
        self.stopped = False

    def after_batch(self) -> None:
        """Measure the time of the steps after the first one."""
        if not self.training or self._steps > TIMED_STEPS:
            return
        self._steps += 1
        if self._steps == 1:
            self._started = time.monotonic()
        elif self._steps > TIMED_STEPS:
            seconds_a_step = (time.monotonic() - self._started) / TIMED_STEPS
            minutes = seconds_a_step * len(self.dls.train) * self.n_epoch / 60
            self.minutes = largest(minutes)  # of all processes, so that all of them stop or none
            if self.minutes > self._max_minutes:
                self.stopped = True
                raise CancelFitException


def should_fine_tune(error: float, quick: bool, always: bool) -> bool:
    """Return whether to fine-tune after a probe with this out-of-fold error, 0 to 1."""
    return not quick and (always or error >= FINE_TUNE_ERROR)


def fine_tune(
    learn: Learner,
    epochs: int,
    base_lr: float,
    from_probe: bool = True,
    max_minutes: float = np.inf,
    quiet: bool = False,
) -> tuple[list[dict[str, Any]], float | None]:
    """Fine-tune a Learner; return its table, a dict an epoch, and None.

    from_probe: the head is the probe of the pretrained backbone, batch norm keeps its statistics, and the new weights
    are a mean of those before and after; False for a network that starts with random weights. max_minutes: a training
    that would take longer stops at once, and the estimated minutes are returned instead of None. Several processes have
    as many times the photos a step, and the learning rate with them.
    """
    base_lr *= size()
    table, limit = EpochTable(), TimeLimit(max_minutes)
    callbacks = [table, limit, StopOnInterrupt(), ChannelsLast(), *half_precision(learn.dls.device)]
    callbacks += [FreezeBatchNorm()] if from_probe else []
    with learn.added_cbs(callbacks), learn.no_logging() if quiet else nullcontext():
        if from_probe:
            before = deepcopy(learn.model.state_dict())
            learn.unfreeze()
            learn.fit_one_cycle(epochs, slice(base_lr / LR_MULT, base_lr), pct_start=0.3)
            learn.model.load_state_dict(
                {
                    name: torch.lerp(before[name], after, TUNED_SHARE) if after.is_floating_point() else after
                    for name, after in learn.model.state_dict().items()
                }
            )
        else:
            learn.fine_tune(epochs, base_lr)
    learn.model.eval()
    return table.rows, limit.minutes if limit.stopped else None


def validation_scores(learn: Learner) -> np.ndarray:
    """Return the (N, C) scores of a Learner for its validation photos."""
    learn.model.eval()
    device = next(learn.model.parameters()).device
    with torch.inference_mode():
        return np.concatenate([learn.model(batch[0].to(device)).float().cpu().numpy() for batch in learn.dls.valid])


def verdict_of(losses: np.ndarray) -> Verdict:
    """Return the verdict of (2, N) losses of held-out photos, before and after: a paired t-test, one-sided."""
    gain = losses[0] - losses[1]
    spread = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    p = float(stats.t.sf(gain.mean() / spread, len(gain) - 1)) if np.isfinite(spread) and spread > 0 else 1.0
    kept = bool(gain.mean() > 0 and p < ALPHA)
    return Verdict(kept, float(losses[0].mean()), float(losses[1].mean()), p, len(gain))
