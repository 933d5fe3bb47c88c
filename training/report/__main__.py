"""See how a trained export does: one HTML page to look at, and its figures as PNG.

Reads  export.pkl, metrics.json beside it, and the photos it was trained on
Writes report/report.html (self-contained) and its figures as PNG: confusion_matrix, top_losses, training,
       reliability, familiarity

Photos that were held out are answered as metrics.json keeps it, by models that had not seen them (see `unseen`).

    python -m training.report export.pkl data/bears
    python -m training.report export.pkl data/bears --other photos/of-anything-else
    python -m training.report export.pkl data/bears --card README.md     # the model card's figures as well
"""
from pathlib import Path

import numpy as np
from fastcore.script import CliError

from classifier import Classifier
from classifier.command_line import run
from training.data.photos import get_photos, print_unreadable
from training.metrics import read_metrics
from training.output import staged
from training.predictions import familiarity_of_all, load_classifier
from training.unseen import Measured, measure

from .figures import (
    Familiar,
    figures_of,
)
from .model_card import write_card
from .page import OTHERS, to_html


def groups_of(classifier: Classifier, measured: Measured, other: str) -> dict[str, np.ndarray]:
    """Return familiarity by group of photos: those measured, and those in the folder `other`, if given."""
    if not classifier.knows_strangers:
        if other:
            raise CliError("--other: this export cannot tell what is familiar. Train it again with training.train.")
        return {}
    groups = {measured.part: measured.answers.familiarity}
    if other:
        photos = get_photos(other, labelled=False)
        if not photos:
            raise CliError(f"--other {other}: there are no photos in this folder.")
        groups[f"{OTHERS} {Path(other).name}"] = familiarity_of_all(classifier, photos)
    return {name: group for name, group in groups.items() if group is not None and len(group)}


def write_report(folder: Path, page: str, figures: dict[str, bytes]) -> None:
    """Write the page and its figures into a folder; CliError where it takes none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"--out {folder}: {error.strerror}.") from error
    pages = {"report.html": page.encode(), **{f"{name}.png": figure for name, figure in figures.items()}}
    for name, content in pages.items():
        with staged(folder / name) as aside:
            aside.write_bytes(content)


def main(
    export:str, # export.pkl to report on
    data:str, # the folder of photos that it was trained on, or another with the same labels
    out:str="report", # folder for report.html and the figures
    other:str="", # folder of photos of anything else, to see how many count as familiar
    card:str="", # README to write the model card's figures into, from metrics.json
):
    "Write a page with the confusion matrix, the top losses, the trust figures and the training of EXPORT."
    classifier = load_classifier(export)
    photos, metrics = get_photos(data), read_metrics(export)
    if card and not metrics:
        raise CliError(f"--card {card}: no metrics.json of {export} lies beside it, so there is nothing to write.")
    if not photos:
        raise CliError(f"No photos under {data}. Put them in one folder a label: {data}/<label>/photo.jpg.")
    measured = measure(classifier, photos, metrics)
    print_unreadable(measured.unreadable)
    n_others = len(photos) - len(measured.answers.files) - len(measured.unreadable)
    groups = groups_of(classifier, measured, other)
    familiar = Familiar(groups, classifier.familiarity.threshold if groups else None)
    figures = figures_of(measured, metrics, familiar)
    write_report(Path(out), to_html(measured, figures, metrics, familiar, n_others), figures)
    print(f"{Path(out) / 'report.html'}: {measured.words}; {measured.answers.n_wrong} wrong, "
          f"{len(measured.unreadable)} unreadable, {n_others} others left out, {len(figures)} figures")
    if card:
        write_card(card, metrics)


if __name__ == "__main__":
    run(main)
