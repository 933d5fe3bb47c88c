"""Find shortcuts: what tells a label's photos from all others without a look at what they show.

Reads  the traits of photos, which `issues` takes with each inspection, and their labels
Gives  a sentence for each label that brightness, colour, sharpness, size, proportions or a frame alone tell apart

Where all huskies stand in snow, a network learns the snow. Training and validation photos share the shortcut, so that
no figure of theirs shows it.
Source: Geirhos et al. 2020, Shortcut Learning in Deep Neural Networks; cleanlab's Datalab looks for the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.traits import WORDS

TOLD_APART = 0.9  # share of pairs: of two random photos, one of them of the label, the trait tells which
CLEARER = 0.05  # share of pairs, by which being alike has to tell more than having more or less of a trait
MIN_PHOTOS = 10  # of a label, and of the others


@dataclass(frozen=True)
class Shortcut:
    """A trait that tells a label's photos from all others."""

    label: str
    trait: str
    share: float  # of pairs that it tells apart, 0 to 1
    words: str  # what the label's photos are

    def __str__(self) -> str:
        return (
            f"{self.label}: of two photos, one of them {self.label}, that one is {self.words} in "
            f"{self.share * 100:.0f} of 100 pairs"
        )


def find_shortcuts(traits: np.ndarray, labels: Sequence[Sequence[str]]) -> list[Shortcut]:
    """Return the shortcut of each label that has one, the strongest trait of each, the strongest first.

    traits: (N, T), in the order of WORDS; labels: of each photo.
    """
    found = []
    for label in sorted({label for own in labels for label in own}):
        having = np.array([label in own for own in labels])
        if min(having.sum(), (~having).sum()) >= MIN_PHOTOS:
            told = [_told_apart(traits[:, i], having, name) for i, name in enumerate(WORDS)]
            share, words, trait = max(told, key=lambda one: one[0])
            if share >= TOLD_APART:
                found.append(Shortcut(label, trait, share, words))
    return sorted(found, key=lambda shortcut: -shortcut.share)


def _told_apart(values: np.ndarray, having: np.ndarray, name: str) -> tuple[float, str, str]:
    """Return the share of pairs that a trait tells apart, in which words, and its name.

    A label's photos may have more of it, less of it, or all about the same.
    """
    middle = -np.abs(values - np.median(values[having]))
    from sklearn.metrics import roc_auc_score  # imported here: it takes most of a second

    higher, alike = (float(roc_auc_score(having, of)) for of in (values, middle))
    more, less = WORDS[name]
    share, words = max((higher, more), (1 - higher, less))
    return (share, words, name) if share + CLEARER > alike else (alike, f"nearer to their usual {name}", name)
