"""How often an export is wrong on folders of photos, through the serving code.

    python -m benchmarks.accuracy export.pkl DATA [DATA ...]

A folder that the export was trained on is measured on its validation photos alone, by the SHA-256
list in metrics.json beside the export; any other folder is measured whole.
"""
from collections import Counter
from pathlib import Path

from fastcore.script import CliError, call_parse
from fastprogress import progress_bar

from classifier import Classifier
from training.data import get_photos, sha256
from training.train import validated_before


def held_out(photos: list[Path], validation: set[str]) -> tuple[list[Path], str]:
    """Return the photos to measure on, and what they are: the validation part, or all."""
    part = [photo for photo in photos if sha256(photo) in validation]
    return (part, "validation") if part else (photos, "all, raw")


@call_parse
def main(
    export:str, # export.pkl to measure
    *folders:str, # folders of photos, one folder a label
):
    "Print the error rate of EXPORT on each folder, by label."
    classifier = Classifier.load(export)
    validation = set(validated_before(Path(export)))
    rows = []
    for folder in folders:
        photos, part = held_out(get_photos(folder), validation)
        if not photos:
            raise CliError(f"No photos under {folder}.")
        right, total = Counter(), Counter()
        for photo in progress_bar(photos, leave=False):
            label = photo.parent.name
            total[label] += 1
            right[label] += classifier.predict(photo).label == label
        rows.append((folder, part, right, total))
    print(f"{'photos':<28} {'part':<11} {'n':>4} {'right':>7} {'error':>7}  right by label")
    for folder, part, right, total in rows:
        share = right.total() / total.total()
        labels = ", ".join(f"{label} {right[label]}/{n}" for label, n in sorted(total.items()))
        print(f"{Path(folder).name:<28} {part:<11} {total.total():>4} {share:>7.1%} {1 - share:>7.1%}  {labels}")
