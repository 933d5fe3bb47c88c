"""Report how good a trained export is: one HTML page, and its figures as PNG.

Reads  export.pkl, metrics.json beside it, and the photos it was trained on
Writes report/report.html (self-contained) and its figures as PNG: confusion_matrix, top_losses, training,
       reliability, familiarity; co_occurrence and precision_recall where a photo may have several labels

For photos that were held out, the predictions are those that metrics.json keeps, by models that were not trained on
them (see `training.evaluation.evaluate`).

    python -m training.report export.pkl data/bears
    python -m training.report export.pkl data/bears --other photos/of-anything-else
    python -m training.report export.pkl data/bears --card README.md     # the model card's figures as well

--card README.md writes the figures into docs/MODEL_CARD.md and the results into README.md's metadata.
"""

from functools import partial
from pathlib import Path

import numpy as np
from fastcore.script import CliError

from classifier import Classifier
from classifier.command_line import run
from training.data.labels import read_labels
from training.data.photos import get_photos, print_unreadable, where_photos_go
from training.evaluation.evaluate import Evaluation, evaluate
from training.evaluation.multi_label_predictions import NONE, MultiLabelPredictions
from training.evaluation.predict import familiarity_of_photos, load_classifier
from training.evaluation.predictions import Predictions
from training.metrics import read_metrics
from training.output import staged

from .figures import FamiliarityGroups, figures_of
from .groups import groups_context, groups_of
from .model_card import write_card
from .page import OTHERS, to_html
from .resembling import picture_url, resembling


def familiarity_of(evaluation: Evaluation) -> dict[str, np.ndarray | None]:
    """Return the familiarity of the photos evaluated; those without a label are a group of their own."""
    predictions, scores = evaluation.predictions, evaluation.predictions.familiarity
    if scores is None or not isinstance(predictions, MultiLabelPredictions):
        return {evaluation.part: scores}
    with_labels = predictions.targets.any(1)
    return {f"{evaluation.part}, {NONE}": scores[~with_labels], f"{evaluation.part}, with labels": scores[with_labels]}


def familiarity_groups(classifier: Classifier, evaluation: Evaluation, other: str) -> dict[str, np.ndarray]:
    """Return (N,) familiarity by group of photos: those evaluated, and those in the folder `other`, if given."""
    if not classifier.reports_familiarity:
        if other:
            raise CliError("--other: this export cannot tell what is familiar. Train it again with training.train.")
        return {}
    groups = familiarity_of(evaluation)
    if other:
        photos = get_photos(other, labelled=False)
        if not photos:
            raise CliError(f"--other {other}: there are no photos in this folder.")
        groups[f"{OTHERS} {Path(other).name}"] = familiarity_of_photos(classifier, photos)
    return {name: group for name, group in groups.items() if group is not None and len(group)}


def wrong_text(predictions: Predictions) -> str:
    """Return how many photos have a wrong answer, as part of a sentence."""
    counts = f"{predictions.n_wrong} {predictions.WRONG}"
    if isinstance(predictions, MultiLabelPredictions):
        counts += f", mean average precision {predictions.mean_average_precision:.3f}"
    return counts


def write_report(folder: Path, page: str, figures: dict[str, bytes]) -> None:
    """Write the page and its figures into a folder; CliError where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"--out {folder}: {error.strerror}.") from error
    pages = {"report.html": page.encode(), **{f"{name}.png": figure for name, figure in figures.items()}}
    for name, content in pages.items():
        with staged(folder / name) as temporary:
            temporary.write_bytes(content)


def main(
    export: str,  # export.pkl to report on
    data: str,  # the folder of photos that it was trained on, or another with the same labels
    out: str = "report",  # folder for report.html and the figures
    other: str = "",  # folder of photos of anything else, to see how many count as familiar
    card: str = "",  # README.md or docs/MODEL_CARD.md: write the figures of metrics.json into both
) -> None:
    "Write a page with the confusion matrix, the top losses, the trust figures and the training of EXPORT."
    classifier = load_classifier(export)
    photos, metrics, labels = get_photos(data), read_metrics(export), read_labels(data)
    if card and not metrics:
        raise CliError(f"--card {card}: no metrics.json of {export} lies beside it, so there is nothing to write.")
    if not photos:
        raise CliError(f"No photos under {data}. {where_photos_go(Path(data), labels)}")
    evaluation = evaluate(classifier, photos, metrics, labels)
    print_unreadable(evaluation.unreadable)
    for note in evaluation.notes:
        print(note)
    n_others = len(photos) - len(evaluation.predictions.files) - len(evaluation.unreadable)
    groups = familiarity_groups(classifier, evaluation, other)
    familiar = FamiliarityGroups(groups, classifier.familiarity.threshold if classifier.familiarity else 0.0)
    figures = figures_of(evaluation, metrics, familiar)
    near = partial(resembling, classifier, Path(data))
    found, files = groups_of(classifier, evaluation.predictions)
    for group in found:
        print(f"wrong more often: {group}")
    shown = groups_context(found, files, lambda file: picture_url(file, None))
    page = to_html(evaluation, figures, metrics, familiar, n_others, classifier.thresholds, near, shown)
    write_report(Path(out), page, figures)
    print(
        f"{Path(out) / 'report.html'}: {evaluation.description}; {wrong_text(evaluation.predictions)}, "
        f"{len(evaluation.unreadable)} unreadable, {n_others} others left out, {len(figures)} figures"
    )
    if card:
        write_card(card, metrics)


if __name__ == "__main__":
    run(main)
