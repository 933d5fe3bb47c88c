"""How often an export is wrong on folders of photos, through the serving code.

    python -m benchmarks.accuracy export.pkl DATA [DATA ...]

A folder that the export was trained on is measured on its validation photos alone, by the SHA-256
list in metrics.json beside the export; any other folder is measured whole.
"""
from pathlib import Path

from fastcore.script import CliError, call_parse

from training.answers import Answers, answer_all, load_classifier
from training.data import get_photos, print_unreadable, sha256
from training.report import read_metrics


def held_out(photos: list[Path], validation: set[str]) -> tuple[list[Path], str]:
    """Return the photos to measure on, and what they are: the validation part, or all."""
    part = [photo for photo in photos if sha256(photo) in validation]
    return (part, "validation") if part else (photos, "all, raw")


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
    validation = set(read_metrics(export).get("valid_sha256", []))
    rows = []
    for folder in folders:
        photos, part = held_out(get_photos(folder), validation)
        if not photos:
            raise CliError(f"No photos under {folder}. Photos lie in one folder a label: {folder}/<label>/.")
        answers, unreadable = answer_all(classifier, photos)
        print_unreadable(unreadable)
        rows.append(row(folder, part, answers))
    print(f"{'photos':<28} {'part':<11} {'n':>4} {'right':>7} {'error':>7}  right by label")
    print("\n".join(rows))
