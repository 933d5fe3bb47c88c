"""Compare two exports on photos that neither of them learned from, and say which one is better.

Reads  OLD.pkl and NEW.pkl with their metrics.json beside them, and DATA/<label>/*.jpg with the labels as they are now,
       or DATA/labels.csv; with several labels a photo, an answer is right where all of its labels are

An export that learned from all photos is compared by the predictions that metrics.json keeps, of models that were
trained without the photo (see `training.evaluation`). With --unseen the exports themselves predict.

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
from training.data.labels import BY_FOLDER, Labels, read_labels
from training.data.photos import get_photos, print_unreadable

from .evaluation import Evaluation, evaluate_held_out
from .metrics import read_metrics
from .multi_label_predictions import MultiLabelPredictions
from .predict import load_classifier, predict_labelled
from .predictions import Predictions

ALPHA = 0.05  # p-value below which a difference is called more than chance
MAX_SHOWN = 20  # photos of each side


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
        return float(binomtest(broken, fixed + broken).pvalue) if fixed + broken else 1.0

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


def evaluate_export(export: str, classifier: Classifier, photos: Sequence[Path], labels: Labels) -> Evaluation:
    """Return the predictions for the photos that an export held out; CliError where there are none."""
    metrics = read_metrics(export)
    if not metrics.get("valid_sha256") and not metrics.get("held_out"):
        raise CliError(
            f"There is no metrics.json of {export} beside it that says which photos it held out. If neither "
            "export has learned from these photos, say --unseen."
        )
    evaluation = evaluate_held_out(classifier, photos, metrics, labels)
    if evaluation is None:
        raise CliError(
            f"None of these photos was held out by {export}. Train the new one beside the old, on the same "
            "photos, or say --unseen for photos that neither has learned from."
        )
    return evaluation


def check_kinds(exports: Sequence[str], classifiers: Sequence[Classifier]) -> None:
    """Raise CliError where one export gives a photo one label, and the other one several."""
    several = [export for export, classifier in zip(exports, classifiers) if classifier.multi_label]
    if len(several) == 1:
        one = next(export for export in exports if export != several[0])
        raise CliError(
            f"{several[0]} gives a photo several labels or none, {one} gives one: their answers cannot be compared. "
            "Compare it with an export that was trained on the same labels."
        )


def with_known_labels(
    exports: Sequence[str], classifiers: Sequence[Classifier], photos: Sequence[Path], labels: Labels = BY_FOLDER
) -> tuple[list[Path], dict[Path, str]]:
    """Return the photos whose labels all exports know, and why the others are left out."""
    known, left_out, are = [], {}, "a label of it is" if labels.multi_label else "its label is"
    several = any(classifier.multi_label for classifier in classifiers)
    for photo in photos:
        not_knowing = [
            export
            for export, classifier in zip(exports, classifiers)
            if not set(labels(photo)) <= set(classifier.labels)
        ]
        if not_knowing:
            left_out[photo] = f"{are} none of {' or '.join(not_knowing)}'s"
        elif not several and len(labels(photo)) != 1:
            left_out[photo] = "it has several labels, or none, and the exports give one"
        else:
            known.append(photo)
    return known, left_out


def compare(
    old: str | Path, new: str | Path, photos: Sequence[Path], unseen: bool = False, labels: Labels = BY_FOLDER
) -> tuple[Comparison, dict[Path, str]]:
    """Return the predictions of two exports for photos that neither learned from, and why others are left out.

    unseen: neither has learned from any of the photos. Otherwise those that both held out are compared. labels: of the
    photos. Raises CliError where no photo can be compared, and where one export gives several labels and one does not.
    """
    exports, classifiers = (str(old), str(new)), [load_classifier(old), load_classifier(new)]
    check_kinds(exports, classifiers)
    known, left_out = with_known_labels(exports, classifiers, photos, labels)
    if not known:
        raise CliError("Both exports know none of these labels. Are these the folders that they were trained on?")
    if unseen:
        (of_old, unreadable), (of_new, _) = (predict_labelled(one, known, labels=labels) for one in classifiers)
        return Comparison(of_old, of_new), {**left_out, **unreadable}
    by_old, by_new = (
        evaluate_export(export, classifier, known, labels) for export, classifier in zip(exports, classifiers)
    )
    both = sorted({*by_old.predictions.files} & {*by_new.predictions.files})
    if not both:
        raise CliError(
            "None of these photos was held out by both exports. Train the new one beside the old, on the "
            "same photos, or say --unseen for photos that neither has learned from."
        )
    return (
        Comparison(by_old.predictions.subset(both), by_new.predictions.subset(both)),
        {**left_out, **by_old.unreadable, **by_new.unreadable},
    )


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


def main(
    old: str,  # export.pkl of before
    new: str,  # export.pkl of after
    data: str,  # folder of photos, one folder a label or with a labels.csv, with the labels as they should be
    unseen: bool = False,  # neither export has learned from DATA: take all of its photos
) -> None:
    "Say whether NEW is better than OLD on photos of DATA that neither learned from, and which answers changed."
    photos, labels = get_photos(data), read_labels(data)
    if not photos:
        raise CliError(f"No photos under {data}. Photos lie in one folder a label: {data}/<label>/.")
    comparison, left_out = compare(old, new, photos, unseen, labels)
    print_unreadable(left_out)
    n = len(comparison.old.files)
    for name, export, of in (("old", old, comparison.old), ("new", new, comparison.new)):
        print(describe_export(name, export, of))
    fixed, broken = comparison.fixed, comparison.broken
    print("\n".join([*describe_changes(comparison, fixed, "fixed "), *describe_changes(comparison, broken, "broken")]))
    print(f"{n} photos that neither learned from, {len(fixed)} fixed, {len(broken)} broken. {comparison.verdict}")


if __name__ == "__main__":
    run(main)
