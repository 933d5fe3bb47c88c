"""Does the training hold with several labels a photo, or none? Ours beside the script of the book's chapter 6.

    python -m benchmarks.several_labels ../shared/data --weights ../shared/weights
    python -m benchmarks.several_labels ../shared/data --weights ../shared/weights --only ours

Pictures are composed of the photos of the sets in --sets: half of them single photos, half pairs of two labels side by
side. Those to measure on come from other photos than those to learn from. `right` is the share of pictures whose
labels are all right, `none` the share of the photos of each other set that get no label. Weights are state dicts named
ARCH-anything.pth.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fastcore.script import CliError, call_parse

from .measuring.data_sets import data_sets
from .measuring.pairs import compose
from .measuring.trainings import train_as_chapter_6, train_with_command

N_TRAIN, N_TEST = 1000, 600  # pictures
MOST_OTHERS = 400  # photos of another set, drawn evenly


def photos_by_label(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the photos of each label in some sets."""
    from training.data.photos import get_photos

    by_label: dict[str, list[Path]] = defaultdict(list)
    for folder in folders:
        for photo in get_photos(folder):
            by_label[photo.parent.name].append(photo)
    return dict(by_label)


def measured(export: Path, test: Path, others: dict[str, list[Path]]) -> dict[str, float]:
    """Return an export's figures on composed pictures and on photos of other sets, as the app answers them."""
    from training.data.photos import readable_photos
    from training.evaluation.predict import load_classifier, predict_labelled, predict_photos
    from training.train.probes.multi_label_calibration import measure_labels

    classifier, photos = load_classifier(export), readable_photos(test)
    predictions, _ = predict_labelled(classifier, photos.train, labels=photos.labels)
    shown, said = predictions.targets, predictions.predicted
    figures = {
        "mAP": predictions.mean_average_precision,
        "F1": float(np.nanmean(2 * (shown & said).sum(0) / (shown.sum(0) + said.sum(0)))),
        "right": float(predictions.right.mean()),
        "calibration": measure_labels(predictions.probabilities[:, None], shown)["error"],
    }
    if predictions.familiarity is not None:
        familiar = [one.familiar for one in predict_photos(classifier, photos.train)[0].values()]
        figures["familiar"] = float(np.mean(familiar))
    for name, files in others.items():
        answers = predict_photos(classifier, files[:: -(-len(files) // MOST_OTHERS)])[0].values()
        figures[f"none: {name}"] = float(np.mean([not answer.labels for answer in answers]))
    return figures


@call_parse
def main(
    data: Path,  # folder of data sets; see benchmarks.datasets
    weights: Path = Path("."),  # folder of state dicts
    sets: str = "bears,clothing",  # whose photos are composed
    only: str = "",  # ours or book, instead of both
    seeds: int = 1,  # trainings of each
):
    """Train on composed pictures with each network, and print mAP, F1, calibration error and what others get."""
    from training.data.photos import get_photos

    found = {one.name: one for one in data_sets(data)}
    if missing := set(sets.split(",")) - set(found):
        raise CliError(f"No sets {', '.join(sorted(missing))} under {data}; there are {', '.join(found)}.")
    chosen = [found.pop(name) for name in sets.split(",")]
    train, test = photos_by_label([one.train for one in chosen]), photos_by_label([one.test for one in chosen])
    others = {one.name: get_photos(one.train) + get_photos(one.test) for one in found.values()}
    others |= {one.strangers.name: get_photos(one.strangers, labelled=False) for one in chosen if one.strangers}
    ways = {"ours": train_with_command, "book": train_as_chapter_6}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            here = Path(folder) / str(seed)
            compose(train, here / "train", N_TRAIN, seed)
            compose({label: test[label] for label in train if label in test}, here / "test", N_TEST, seed)
            for state_dict in sorted(weights.glob("*.pth")):
                for way in [only] if only else ways:
                    out, began = here / f"{way}.pkl", time.monotonic()
                    arch = state_dict.name.partition("-")[0]
                    ways[way](here / "train", arch, state_dict.resolve(), 42 + seed, out)
                    minutes = (time.monotonic() - began) / 60
                    line = "  ".join(
                        f"{name} {100 * value:.1f}%" for name, value in measured(out, here / "test", others).items()
                    )
                    print(f"{arch}, seed {seed}, {way}: {line}  ({minutes:.1f} min)", flush=True)
