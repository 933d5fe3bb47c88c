"""Fine-tune a network from its linear probe, and keep that only where held-out photos say that it is better.

Reads  a `Learner` whose head is the probe of its own frozen backbone
Gives  the epoch table, and a verdict: better by more than chance, or not

A head that starts at random sends large gradients into a good backbone, and batch norm in training mode forgets the
statistics of a million photos for those of 16: both damage features, and with them everything that rests on them.
Sources: Kumar et al. 2022, Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution; Wortsman
et al. 2022, Robust Fine-Tuning of Zero-Shot Models: a mean of the weights before and after is better than either.
"""
import time
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.core import Callback, CancelFitException
from fastai.learner import Learner, Recorder
from scipy import stats
from torch import nn

from classifier.inference.confidence import probabilities

from .calibration import fit_temperature
from .interrupt import HeedInterrupt
from .probe import cross_entropy

CHANCE = 0.05  # probability below which a lower loss is called more than chance
LR_MULT = 10  # how many times slower the backbone's first layers learn than the head
POOR = 0.05  # out-of-fold error from which on fine-tuning is tried by itself
MOST_MINUTES = 10  # that it may take then
TUNED = 0.75  # share of the fine-tuned weights in the mean with those before
TIMED_STEPS = 5  # after which the time is told; the first ones are slower


class EpochTable(Callback):
    """Keep each epoch's row of the table that fastai prints."""

    order = Recorder.order + 1

    def __init__(self):
        self.rows = []

    def after_epoch(self):
        """Add the epoch that has just been logged."""
        names, values = self.recorder.metric_names, self.recorder.log
        self.rows.append({name: value if isinstance(value, (int, str)) else round(float(value), 6)
                          for name, value in zip(names, values)})


class KeepStatistics(Callback):
    """Leave batch norm in evaluation mode, so that it normalises with the statistics of the pretraining."""

    def before_train(self):
        """Undo what `Learner` has just done to batch norm: every other layer stays in training mode."""
        for layer in self.model.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()


class TimeLimit(Callback):
    """End a training that would take too long, once a few steps have shown how long they take."""

    def __init__(self, most_minutes: float):
        self._most, self._steps, self.minutes = most_minutes, 0, 0.0
        self.ended = False
        """whether it was"""

    def after_batch(self):
        """Take the time of the steps after the first."""
        if not self.training or self._steps > TIMED_STEPS:
            return
        self._steps += 1
        if self._steps == 1:
            self._started = time.monotonic()
        elif self._steps > TIMED_STEPS:
            each = (time.monotonic() - self._started) / TIMED_STEPS
            self.minutes = each * len(self.dls.train) * self.n_epoch / 60
            if self.minutes > self._most:
                self.ended = True
                raise CancelFitException


@dataclass(frozen=True)
class Verdict:
    """What held-out photos say of fine-tuning."""

    kept: bool
    loss_before: float  # mean over the held-out photos, calibrated, of the probe
    loss_after: float
    p: float  # probability of such a gain if there was none
    n: int  # held-out photos

    def __str__(self) -> str:
        figures = f"held-out loss {self.loss_after:.3f} after fine-tuning, {self.loss_before:.3f} before"
        if self.kept:
            return f"fine-tuning is kept: {figures} on {self.n} photos (p = {self.p:.3f})"
        why = "no better" if not self.loss_after < self.loss_before else f"that can be chance (p = {self.p:.2f})"
        return f"fine-tuning is not kept: {figures} on {self.n} photos, {why}"


def worth_trying(error: float, quick: bool, always: bool) -> bool:
    """Return whether to fine-tune after a probe with such an out-of-fold error, 0 to 1."""
    return not quick and (always or error >= POOR)


def fine_tune(learn: Learner, epochs: int, base_lr: float, from_probe: bool = True, most_minutes: float = np.inf,
              quiet: bool = False) -> tuple[list[dict], float | None]:
    """Fine-tune a Learner, the lesson's way; return its table, a dict an epoch, and None.

    from_probe: its head is the probe of its pretrained backbone, and the weights become a mean of those before and
    after; False for a network that starts at random, whose batch norm has everything to learn. most_minutes: where it
    would take longer it ends at once, and the minutes that it would have taken are returned instead of None.
    """
    table, limit = EpochTable(), TimeLimit(most_minutes)
    callbacks = [table, limit, HeedInterrupt(), ChannelsLast(), *([KeepStatistics()] if from_probe else [])]
    with learn.added_cbs(callbacks), learn.no_logging() if quiet else nullcontext():
        if from_probe:
            before = deepcopy(learn.model.state_dict())
            learn.unfreeze()
            learn.fit_one_cycle(epochs, slice(base_lr / LR_MULT, base_lr), pct_start=0.3)
            learn.model.load_state_dict({name: torch.lerp(before[name], after, TUNED) if after.is_floating_point()
                                         else after for name, after in learn.model.state_dict().items()})
        else:
            learn.fine_tune(epochs, base_lr)
    learn.model.eval()
    return table.rows, limit.minutes if limit.ended else None


def scores_of(learn: Learner) -> np.ndarray:
    """Return the (N, C) scores of the validation photos."""
    learn.model.eval()
    device = next(learn.model.parameters()).device
    with torch.inference_mode():
        return np.concatenate([learn.model(batch[0].to(device)).float().cpu().numpy() for batch in learn.dls.valid])


def judge(before: np.ndarray, after: np.ndarray, targets: np.ndarray) -> Verdict:
    """Return the verdict of N held-out photos on (N, C) scores before and after: a paired t-test, one-sided.

    Each half is measured at the temperature of the other: surer is not better.
    """
    losses = np.empty((2, len(targets)))
    halves = np.arange(len(targets)) % 2
    for row, scores in zip(losses, (before, after)):
        for half in np.unique(halves):  # one photo is its own other
            own, others = halves == half, (halves != half if len(targets) > 1 else halves == half)
            temperature = fit_temperature(scores[others][:, None], targets[others])
            row[own] = cross_entropy(np.log(probabilities(scores[own], temperature).clip(1e-12)), targets[own])
    gain = losses[0] - losses[1]
    spread = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    p = float(stats.t.sf(gain.mean() / spread, len(gain) - 1)) if np.isfinite(spread) and spread > 0 else 1.0
    kept = bool(gain.mean() > 0 and p < CHANCE)
    return Verdict(kept, float(losses[0].mean()), float(losses[1].mean()), p, len(targets))
