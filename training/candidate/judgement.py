"""Compare a candidate with the model in use: each photo is answered by models that did not learn from it.

Reads  both exports with their metrics.json, and the photos with the labels that they have now
Gives  `Judgement`

Photos that the model in use was made from are compared where both held them out. Photos that came since it answers
itself, since it has not seen them; for the candidate, models that were trained without the photo answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastcore.script import CliError

from classifier import Classifier
from training.compare import check_kinds, evaluate_export, with_known_labels
from training.data.contents import sha256_of
from training.data.labels import Labels
from training.evaluation.comparison import Comparison, describe_left_out
from training.evaluation.evaluate import evaluate_all, evaluate_held_out
from training.evaluation.predict import load_classifier
from training.evaluation.predictions import Predictions
from training.metrics import read_metrics

from .promoted import Promoted


@dataclass(frozen=True)
class Judgement:
    """What a candidate answers beside the model in use."""

    comparison: Comparison
    n_came: int  # photos of the comparison that came since the model in use was trained
    left_out: list[str]  # why other photos are not compared
    named: bool = True  # whether the model in use tells the names of its photos, as its owner chose

    @property
    def shown(self) -> str:
        """Whether the candidate is better, worse, or not told apart."""
        return self.comparison.shown

    @property
    def sentence(self) -> str:
        """One sentence that says so; it calls nothing better that is not shown to be."""
        old, new, n = self.comparison.old.n_wrong, self.comparison.new.n_wrong, len(self.comparison.old.files)
        fixed, broken, p = len(self.comparison.fixed), len(self.comparison.broken), self.comparison.p_value
        counts = (
            f"{new} of {n} photos {self.comparison.old.WRONG} instead of {old}, {fixed} fixed and {broken} broken "
            f"(McNemar's exact test, {'p < 0.001' if p < 0.001 else f'p = {p:.3f}'})."
        )
        told = {
            "better": "The candidate is better: ",
            "worse": "The candidate is worse: ",
            "not told apart": "The candidate is not told apart from the model in use: ",
        }
        return told[self.shown] + counts


def judge(promoted: Promoted, candidate: Path, photos: Sequence[Path], labels: Labels) -> Judgement:
    """Return the comparison of two exports on labelled photos; CliError where no photo can be compared."""
    exports = [str(promoted.export), str(candidate)]
    classifiers = [load_classifier(export) for export in exports]
    check_kinds(exports, classifiers, photos, labels)
    known, left_out = with_known_labels(exports, classifiers, photos, labels)
    by_old = _of_the_model_in_use(promoted, classifiers[0], known, labels)
    by_new = evaluate_export(exports[1], classifiers[1], known, labels).predictions if known else None
    both = sorted({*by_old.files} & {*by_new.files}) if by_old and by_new else []
    if not by_old or not by_new or not both:
        raise CliError("No photo of the data set was held out by both models, so they cannot be compared.")
    n_came = sum(sha256_of(file) not in promoted.photos for file in both)
    comparison = Comparison(by_old.subset(both), by_new.subset(both))
    return Judgement(comparison, n_came, describe_left_out(left_out), classifiers[0].neighbours is not None)


def _of_the_model_in_use(
    promoted: Promoted, classifier: Classifier, photos: Sequence[Path], labels: Labels
) -> Predictions | None:
    """Return the answers of the model in use: recorded ones for photos that it held out, its own for others."""
    came = [file for file in photos if sha256_of(file) not in promoted.photos]
    learned = [file for file in photos if sha256_of(file) in promoted.photos]
    held_out = evaluate_held_out(classifier, learned, read_metrics(promoted.export), labels) if learned else None
    if not came:
        return held_out.predictions if held_out else None
    own = evaluate_all(classifier, came, labels).predictions
    return held_out.predictions.joined(own) if held_out else own
