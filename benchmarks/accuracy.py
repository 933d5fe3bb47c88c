"""How often an export is wrong on folders of photos, through the serving code.

    python -m benchmarks.accuracy export.pkl DATA [DATA ...]

A folder that the export was trained on is measured on its validation photos alone, by the SHA-256
list in metrics.json beside the export; any other folder is measured whole.
"""
from pathlib import Path

from fastcore.script import CliError, call_parse

from training.answers import Answers, answer_all, load_classifier
from training.data import get_photos, held_out, print_unreadable
from training.metrics import read_metrics


def row(folder: str, part: str, answers: Answers) -> str:
    """Return a line of the table."""
    n, error = len(answers.files), answers.n_wrong / len(answers.files)
    by_label = ", ".join(f"{label} {counts[i]}/{counts.sum()}" for i, (label, counts)
                         in enumerate(zip(answers.vocab, answers.confusion())) if counts.sum())
    return f"{Path(folder).name:<28} {part:<11} {n:>4} {1 - error:>7.1%} {error:>7.1%}  {by_label}"


@call_parse
def main(
    export:str, # export.pkl to measure
    *folders:str, # folders of photos, one folder a label
):
    "Print the error rate of EXPORT on each folder, by label."
    classifier = load_classifier(export)
    validation = read_metrics(export).get("valid_sha256", [])
    if not folders:
        raise CliError("Name the folders of photos to measure on: python -m benchmarks.accuracy export.pkl DATA.")
    rows = []
    for folder in folders:
        photos = get_photos(folder)
        validated = held_out(photos, validation)
        if not photos:
            raise CliError(f"No photos under {folder}. Photos lie in one folder a label: {folder}/<label>/.")
        answers, unreadable = answer_all(classifier, validated or photos)
        print_unreadable(unreadable)
        rows.append(row(folder, "validation" if validated else "all, raw", answers))
    print(f"{'photos':<28} {'part':<11} {'n':>4} {'right':>7} {'error':>7}  right by label")
    print("\n".join(rows))
