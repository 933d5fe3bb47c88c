"""The answers of two exports for the same photos: which photos changed, and whether one export is better.

Gives  `Comparison`, and lines to print
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.splits import n_photos

from .multi_label_predictions import MultiLabelPredictions
from .predictions import Predictions

ALPHA = 0.05  # p-value below which a difference is called more than chance
BETTER, WORSE, NOT_TOLD_APART = "better", "worse", "not told apart"
MAX_SHOWN = 20  # photos of each side
MAX_NAMED = 3  # photos that are left out for the same reason


@dataclass(frozen=True)
class Comparison:
    """The predictions of two exports for the same N labelled photos."""

    old: Predictions
    new: Predictions

    @property
    def fixed(self) -> list[int]:
        """The indices of the photos that only the new export gets right."""
        return list(map(int, np.flatnonzero(self.new.right & ~self.old.right)))

    @property
    def broken(self) -> list[int]:
        """The indices of the photos that only the old export gets right."""
        return list(map(int, np.flatnonzero(self.old.right & ~self.new.right)))

    @property
    def p_value(self) -> float:
        """The probability of so uneven a change if both were equally good, 0 to 1: McNemar's exact test."""
        fixed, broken = len(self.fixed), len(self.broken)
        from scipy.stats import binomtest  # imported here: it takes most of a second

        return float(binomtest(broken, fixed + broken).pvalue) if fixed + broken else 1.0

    @property
    def shown(self) -> str:
        """What the photos show of the new export: BETTER or WORSE by more than chance, else NOT_TOLD_APART."""
        if self.p_value > ALPHA:
            return NOT_TOLD_APART
        return BETTER if self.new.n_wrong < self.old.n_wrong else WORSE

    @property
    def verdict(self) -> str:
        """One sentence that says whether the new export is better."""
        n, old, new = len(self.old.files), self.old.n_wrong, self.new.n_wrong
        if old == new:
            return f"Neither is better: both get {new} of {n} wrong."
        word = "better" if new < old else "worse"
        sentence = f"The new one is {word}: {new / n:.1%} wrong instead of {old / n:.1%}."
        if self.p_value > ALPHA:
            sentence += f" With {n} photos that can be chance (p = {self.p_value:.2f}): more photos would tell."
        return sentence


def describe_export(name: str, export: str, predictions: Predictions) -> str:
    """Return the line of an export: how many of its answers are wrong, and its mean loss."""
    n, n_wrong = len(predictions.files), predictions.n_wrong
    line = f"{name}  {export}: {n_wrong} of {n} {predictions.WRONG}, error rate {n_wrong / n:.1%}, "
    if isinstance(predictions, MultiLabelPredictions):
        line += f"mean average precision {predictions.mean_average_precision:.3f}, "
    return line + f"mean loss {predictions.losses.mean():.3f}"


def describe_changes(comparison: Comparison, indices: Sequence[int], kind: str) -> list[str]:
    """Return a line for each of the photos, the first MAX_SHOWN of them; kind: the word at the line's beginning."""
    old, new = comparison.old, comparison.new
    shown = [
        f"  {kind}  {old.files[i].parent.name}/{old.files[i].name}: {old.answer(i)} -> {new.answer(i)}"
        for i in indices[:MAX_SHOWN]
    ]
    return shown + ([f"  and {len(indices) - MAX_SHOWN} more"] if len(indices) > MAX_SHOWN else [])


def describe_left_out(left_out: Mapping[Path, str]) -> list[str]:
    """Return a line for each reason why photos were left out, with the first MAX_NAMED of them."""
    by_reason = defaultdict(list)
    for photo, why in left_out.items():
        by_reason[why].append(f"{photo.parent.name}/{photo.name}")
    return [
        f"{n_photos(len(names))} left out: {why.rstrip('.')}; {', '.join(names[:MAX_NAMED])}"
        + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
        for why, names in by_reason.items()
    ]
