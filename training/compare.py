"""Compare two exports on photos that each held out when it answered them, and say which one is better.

Reads  OLD.pkl and NEW.pkl with their metrics.json beside them, and DATA/<label>/*.jpg with the labels as they are now,
       or DATA/labels.csv; with several labels a photo, an answer is right where all of its labels are. Labels that no
       photo of DATA has are not measured

An export that learned from all photos is compared by the predictions that metrics.json keeps, of models that were
trained without the photo (see `training.evaluation.evaluate`). With --unseen the exports themselves predict.

    python -m training.compare old.pkl export.pkl data/bears
    python -m training.compare old.pkl export.pkl photos/of-next-year --unseen
"""

from collections.abc import Sequence
from pathlib import Path

from fastcore.script import CliError

from classifier import Classifier
from classifier.command_line import run
from training.data.labels import BY_FOLDER, Labels, read_labels
from training.data.photos import get_photos, where_photos_go
from training.data.splits import n_photos

from .evaluation.comparison import Comparison, describe_changes, describe_export, describe_left_out
from .evaluation.evaluate import Evaluation, evaluate_all, evaluate_held_out
from .evaluation.predict import load_classifier
from .metrics import read_metrics


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


def check_kinds(
    exports: Sequence[str], classifiers: Sequence[Classifier], photos: Sequence[Path], labels: Labels
) -> None:
    """Raise CliError where exports, or the photos, have one label a photo, and others several."""
    several = [export for export, classifier in zip(exports, classifiers) if classifier.multi_label]
    if len(several) == 1:
        one = next(export for export in exports if export != several[0])
        raise CliError(
            f"{several[0]} gives a photo several labels or none, {one} gives one: their answers cannot be compared. "
            "Compare it with an export that was trained on the same labels."
        )
    if several and not labels.multi_label:
        raise CliError(
            "Both exports give a photo several labels or none, and these photos have one each, their folder: what else "
            "they show is not known. Compare on photos with a labels.csv."
        )
    if not several and any(len(labels(photo)) != 1 for photo in photos):
        raise CliError(
            "Both exports give a photo one label, and some of these photos have several or none. `python -m "
            "training.gather --source DATA --labels-per-photo one --out NEW` takes the photos with one."
        )


def with_known_labels(
    exports: Sequence[str], classifiers: Sequence[Classifier], photos: Sequence[Path], labels: Labels = BY_FOLDER
) -> tuple[list[Path], dict[Path, str]]:
    """Return the photos whose labels all exports know, and why the others are left out."""
    vocabs = {export: set(classifier.labels) for export, classifier in zip(exports, classifiers)}
    not_knowing = {
        photo: tuple(export for export, vocab in vocabs.items() if not vocab.issuperset(labels(photo)))
        for photo in photos
    }
    reasons = {}
    for group in set(not_knowing.values()) - {()}:
        own = labels.vocab(photo for photo in photos if not_knowing[photo] == group)
        unknown = [label for label in own if any(label not in vocabs[export] for export in group)]
        reasons[group] = f"{' and '.join(group)} {'knows' if len(group) == 1 else 'know'} no label {', '.join(unknown)}"
    known = [photo for photo in photos if not not_knowing[photo]]
    return known, {photo: reasons[group] for photo, group in not_knowing.items() if group}


def compare(
    old: str | Path, new: str | Path, photos: Sequence[Path], unseen: bool = False, labels: Labels = BY_FOLDER
) -> tuple[Comparison, dict[Path, str], list[str]]:
    """Return the predictions of two exports for photos that each held out, why others are left out, and sentences on
    labels that are not measured.

    unseen: neither has learned from any of the photos. Otherwise those that both held out are compared. labels: of the
    photos. Raises CliError where no photo can be compared, and where one export gives several labels and one does not.
    """
    exports, classifiers = (str(old), str(new)), [load_classifier(old), load_classifier(new)]
    check_kinds(exports, classifiers, photos, labels)
    known, left_out = with_known_labels(exports, classifiers, photos, labels)
    if not known:
        reasons = "; ".join(dict.fromkeys(left_out.values()))
        raise CliError(f"No photo is left: {reasons}. Are these the folders that both were trained on?")
    by_old, by_new = (
        evaluate_all(classifier, known, labels) if unseen else evaluate_export(export, classifier, known, labels)
        for export, classifier in zip(exports, classifiers)
    )
    both = sorted({*by_old.predictions.files} & {*by_new.predictions.files})
    if not both:
        raise CliError(
            "None of these photos was held out by both exports. Train the new one beside the old, on the "
            "same photos, or say --unseen for photos that neither has learned from."
        )
    notes = {f"{export}: {note}": None for export, of in zip(exports, (by_old, by_new)) for note in of.notes}
    return (
        Comparison(by_old.predictions.subset(both), by_new.predictions.subset(both)),
        {**left_out, **by_old.unreadable, **by_new.unreadable},
        list(notes),
    )


def main(
    old: str,  # export.pkl of before
    new: str,  # export.pkl of after
    data: str,  # folder of photos, one folder a label or with a labels.csv, with the labels as they should be
    unseen: bool = False,  # neither export has learned from DATA: take all of its photos
) -> None:
    "Say whether NEW is better than OLD on photos of DATA that each held out when it answered, and what changed."
    photos, labels = get_photos(data), read_labels(data)
    if not photos:
        raise CliError(f"No photos under {data}. {where_photos_go(Path(data), labels)}")
    comparison, left_out, notes = compare(old, new, photos, unseen, labels)
    for line in (*describe_left_out(left_out), *notes):
        print(line)
    n = len(comparison.old.files)
    for name, export, of in (("old", old, comparison.old), ("new", new, comparison.new)):
        print(describe_export(name, export, of))
    fixed, broken = comparison.fixed, comparison.broken
    print("\n".join([*describe_changes(comparison, fixed, "fixed "), *describe_changes(comparison, broken, "broken")]))
    how = "that neither learned from" if unseen else "held out by each when it answered them"
    print(f"{n_photos(n)} {how}: {len(fixed)} fixed, {len(broken)} broken. {comparison.verdict}")


if __name__ == "__main__":
    run(main)
