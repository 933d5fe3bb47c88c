"""Say whether the new export is better than the old one, by photos that neither learned from.

Reads  OLD.pkl and NEW.pkl with their metrics.json beside them, and DATA/<label>/*.jpg with the labels as they are now

An export that learned from all photos is judged by what it was made of: models that had not seen the photo they are
asked about (see `unseen`). With --unseen the exports themselves are asked.

    python -m training.compare old.pkl export.pkl data/bears
    python -m training.compare old.pkl export.pkl photos/of-next-year --unseen
"""
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fastcore.script import CliError
from scipy.stats import binomtest

from classifier import Classifier
from classifier.command_line import run
from training.data.photos import get_photos, print_unreadable

from .metrics import read_metrics
from .predictions import Answers, answer_all, load_classifier
from .unseen import Measured, answer_unseen

CHANCE = 0.05  # probability below which a difference is called more than chance
SHOWN = 20  # photos of each side


@dataclass(frozen=True)
class Comparison:
    """What two exports say of the same N labelled photos."""

    old: Answers
    new: Answers

    @property
    def fixed(self) -> list[int]:
        """The photos that only the new export gets right."""
        return self._changed(self._right(self.new) & ~self._right(self.old))

    @property
    def broken(self) -> list[int]:
        """The photos that only the old export gets right."""
        return self._changed(self._right(self.old) & ~self._right(self.new))

    @property
    def p_value(self) -> float:
        """The probability of so uneven a change if both were equally good: McNemar's exact test, 0 to 1."""
        fixed, broken = len(self.fixed), len(self.broken)
        return binomtest(broken, fixed + broken).pvalue if fixed + broken else 1.0

    @property
    def verdict(self) -> str:
        """One sentence that says whether the new export is better."""
        n, old, new = len(self.old.files), self.old.n_wrong, self.new.n_wrong
        if old == new:
            return f"Neither is better: both get {new} of {n} wrong."
        word = "better" if new < old else "worse"
        said = f"The new one is {word}: {new / n:.1%} wrong instead of {old / n:.1%}."
        if self.p_value > CHANCE:
            said += f" With {n} photos that can be chance (p = {self.p_value:.2f}): more photos would tell."
        return said

    @staticmethod
    def _right(answers: Answers) -> np.ndarray:
        return np.array([answers.vocab[i] == file.parent.name for i, file in zip(answers.predictions, answers.files)])

    @staticmethod
    def _changed(which: np.ndarray) -> list[int]:
        return [int(i) for i in np.flatnonzero(which)]


def unlearned(export: str, classifier: Classifier, photos: Sequence[Path]) -> Measured:
    """Return the answers for the photos that an export held out; CliError where there are none or none can be told."""
    metrics = read_metrics(export)
    if not metrics.get("valid_sha256") and not metrics.get("held_out"):
        raise CliError(f"There is no metrics.json of {export} beside it that says which photos it held out. If neither "
                       "export has learned from these photos, say --unseen.")
    measured = answer_unseen(classifier, photos, metrics)
    if measured is None:
        raise CliError(f"None of these photos was held out by {export}. Train the new one beside the old, on the same "
                       "photos, or say --unseen for photos that neither has learned from.")
    return measured


def known_to_all(exports: Sequence[str], classifiers: Sequence[Classifier],
                 photos: Sequence[Path]) -> tuple[list[Path], dict[Path, str]]:
    """Return the photos whose label all exports know, and why the others are left out."""
    known, left_out = [], {}
    for photo in photos:
        ignorant = [str(export) for export, classifier in zip(exports, classifiers)
                    if photo.parent.name not in classifier.labels]
        if ignorant:
            left_out[photo] = f"its label is none of {' or '.join(ignorant)}'s"
        else:
            known.append(photo)
    return known, left_out


def compare(old: str, new: str, photos: Sequence[Path], unseen: bool = False) -> tuple[Comparison, dict[Path, str]]:
    """Return the answers of two exports for photos that neither learned from, and why others are left out.

    unseen: neither has learned from any of the photos. Otherwise those that both held out are compared.
    """
    exports, classifiers = (old, new), [load_classifier(old), load_classifier(new)]
    asked, left_out = known_to_all(exports, classifiers, photos)
    if not asked:
        raise CliError("Both exports know none of these labels. Are these the folders that they were trained on?")
    if unseen:
        (of_old, unreadable), (of_new, _) = (answer_all(classifier, asked) for classifier in classifiers)
        return Comparison(of_old, of_new), {**left_out, **unreadable}
    of_old, of_new = (unlearned(export, classifier, asked) for export, classifier in zip(exports, classifiers))
    both = sorted({*of_old.answers.files} & {*of_new.answers.files})
    if not both:
        raise CliError("None of these photos was held out by both exports. Train the new one beside the old, on the "
                       "same photos, or say --unseen for photos that neither has learned from.")
    return (Comparison(of_old.answers.only(both), of_new.answers.only(both)),
            {**left_out, **of_old.unreadable, **of_new.unreadable})


def lines(answers: Comparison, which: Sequence[int], what: str) -> list[str]:
    """Return a line for each of the photos, the first SHOWN of them."""
    shown = [f"  {what}  {answers.old.files[i].parent.name}/{answers.old.files[i].name}: "
             f"{answers.old.vocab[answers.old.predictions[i]]} -> {answers.new.vocab[answers.new.predictions[i]]}"
             for i in which[:SHOWN]]
    return shown + ([f"  and {len(which) - SHOWN} more"] if len(which) > SHOWN else [])


def main(
    old:str, # export.pkl of before
    new:str, # export.pkl of after
    data:str, # folder of photos, one folder a label, with the labels as they should be
    unseen:bool=False, # neither export has learned from DATA: take all of its photos
):
    "Say whether NEW is better than OLD on photos of DATA that neither learned from, and which answers changed."
    photos = get_photos(data)
    if not photos:
        raise CliError(f"No photos under {data}. Photos lie in one folder a label: {data}/<label>/.")
    answers, left_out = compare(old, new, photos, unseen)
    print_unreadable(left_out)
    n = len(answers.old.files)
    for name, export, of in (("old", old, answers.old), ("new", new, answers.new)):
        print(f"{name}  {export}: {of.n_wrong} of {n} wrong, error rate {of.n_wrong / n:.1%}, "
              f"mean loss {of.losses.mean():.3f}")
    print("\n".join([*lines(answers, answers.fixed, "fixed "), *lines(answers, answers.broken, "broken")]))
    print(f"{n} photos that neither learned from, {len(answers.fixed)} fixed, {len(answers.broken)} broken. "
          + answers.verdict)


if __name__ == "__main__":
    run(main)
