"""How often an export is wrong on folders of photos, through the serving code.

    python -m benchmarks.accuracy export.pkl DATA [DATA ...]

A folder that the export was trained on is measured on the photos that were held out, as metrics.json beside the
export keeps their answers (see `training.evaluation.evaluate`); any other folder is measured whole.
"""

from pathlib import Path

from fastcore.script import CliError, call_parse

from training.data.photos import get_photos, print_unreadable
from training.evaluation.evaluate import ALL, Evaluation, evaluate
from training.evaluation.predict import load_classifier
from training.metrics import read_metrics


def row(folder: str, evaluation: Evaluation) -> str:
    """Return a line of the table."""
    predictions, part = evaluation.predictions, "all, raw" if evaluation.part == ALL else evaluation.part
    n, error = len(predictions.files), predictions.n_wrong / len(predictions.files)
    by_label = ", ".join(
        f"{label} {counts[i]}/{counts.sum()}"
        for i, (label, counts) in enumerate(zip(predictions.vocab, predictions.confusion()))
        if counts.sum()
    )
    return f"{Path(folder).name:<28} {part:<11} {n:>4} {1 - error:>7.1%} {error:>7.1%}  {by_label}"


@call_parse
def main(
    export: str,  # export.pkl to measure
    *folders: str,  # folders of photos, one folder a label
):
    "Print the error rate of EXPORT on each folder, by label."
    classifier, metrics = load_classifier(export), read_metrics(export)
    if not folders:
        raise CliError("Name the folders of photos to measure on: python -m benchmarks.accuracy export.pkl DATA.")
    rows = []
    for folder in folders:
        photos = get_photos(folder)
        if not photos:
            raise CliError(f"No photos under {folder}. Photos lie in one folder a label: {folder}/<label>/.")
        evaluation = evaluate(classifier, photos, metrics)
        print_unreadable(evaluation.unreadable)
        rows.append(row(folder, evaluation))
    print(f"{'photos':<28} {'part':<11} {'n':>4} {'right':>7} {'error':>7}  right by label")
    print("\n".join(rows))
