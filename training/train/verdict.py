"""The verdict on fine-tuning: whether it is better than the probe, by held-out photos.

Gives  `Verdict`, which the training decides with and the report shows; it does not import torch
"""

from dataclasses import dataclass

FINE_TUNE_ERROR = 0.05  # out-of-fold error of the probe from which on fine-tuning is tried


@dataclass(frozen=True)
class Verdict:
    """Whether the fine-tuned network is kept, and the figures that decided it."""

    kept: bool
    loss_before: float  # mean over the held-out photos, calibrated, of the probe
    loss_after: float
    p: float  # probability of such a gain by chance
    n: int  # held-out photos

    def __str__(self) -> str:
        """Return the verdict as part of a sentence."""
        figures = f"held-out loss {self.loss_after:.3f} after fine-tuning, {self.loss_before:.3f} before"
        if self.kept:
            return f"fine-tuning is kept: {figures} on {self.n} photos (p = {self.p:.3f})"
        why = "no better" if not self.loss_after < self.loss_before else f"that can be chance (p = {self.p:.2f})"
        return f"fine-tuning is not kept: {figures} on {self.n} photos, {why}"
