"""Does cleaning find a known mess, and does the model get better by it? Mean of several messes.

    python -m benchmarks.data_quality ../shared/data --weights ../shared/weights/mobilenet_v2-imagenet.pth

For each seed: plant a mess in a copy of DATA/bears (see `benchmarks.measuring.mess`), verify it, train on what is
left, let a reviewer who knows the truth look at the first quarter of the suspicion list and decide about it, apply
that, and train again. Beside it two other trainings: on the photos as they were, and with the whole mess left in. All
are asked about DATA/bears-field. Every step is the command's own code; four trainings a seed, of the probe alone.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from fastcore.script import call_parse

from classifier.files import sha256
from training.clean.review.labelled import review
from training.clean.session import Cleaner
from training.data.photos import get_photos
from training.evaluation.predict import load_classifier, predict_labelled
from training.journal.moves import Journal
from training.verify.issues import REJECTED, Inspection, find_issues, near_pairs

from .measuring.mess import Mess, plant
from .measuring.trainings import train_with_command

SEEN = 0.25  # share of the list that the reviewer looks at
# copies that `bears` has of its own, told by eye: found, they are neither right nor wrong
NATURAL = (
    ("grizzly/00000006.jpg", "grizzly/00000057.jpg"),
    ("grizzly/00000052.jpg", "grizzly/00000127.jpg"),
    ("teddy/00000063.jpg", "teddy/00000066.jpg"),
)
TARGETS = {
    "broken_found": 1,
    "good_called_broken": 0,
    "exact_found": 1,
    "near_found": 0.9,
    "near_precision": 0.95,
    "swapped_found": 0.9,
    "strangers_found": 0.9,
}


@dataclass(frozen=True)
class Found:
    """What was found of one mess, and the error on other photos of models trained before and after; 0 to 1 each."""

    broken_found: float
    good_called_broken: float  # count
    exact_found: float
    near_found: float
    near_precision: float
    swapped_found: float
    strangers_found: float
    error_clean: float = np.nan
    error_messy: float = np.nan
    error_verified: float = np.nan
    error_cleaned: float = np.nan


def share(found: int, of: int) -> float:
    return found / of if of else 1.0


def copies_found(copies: dict[Path, Path], inspections: Sequence[Inspection]) -> float:
    """Return the share of copies that are told to be one, or whose original is."""
    told = {seen.file for seen in inspections if set(seen.issues) & {"exact_duplicates", "near_duplicates"}}
    return share(sum(bool({copy, original} & told) for copy, original in copies.items()), len(copies))


def near_precision(mess: Mess, inspections: Sequence[Inspection], natural: set[frozenset[str]]) -> float:
    """Return the share of near pairs that were planted; natural: pairs of SHA-256 that do not count."""
    opened = [seen for seen in inspections if seen.hashes and not set(seen.issues) & {"too_small", "blank"}]
    digest = {seen.file: seen.sha256 for seen in opened}

    def origin(seen: Inspection) -> str:
        original = {**mess.exact, **mess.near}.get(seen.file, seen.file)
        return digest.get(original, seen.sha256)

    pairs = [
        frozenset((origin(opened[i]), origin(opened[j])))
        for i, j in near_pairs(opened)
        if opened[i].sha256 != opened[j].sha256
    ]
    counted = [pair for pair in pairs if pair not in natural]
    return share(sum(len(pair) == 1 for pair in counted), len(counted))


def verified(data: Path, mess: Mess, natural: set[frozenset[str]]) -> dict[str, float]:
    """Move away what verify finds, and return what that was."""
    inspections, _ = find_issues(get_photos(data))
    unreadable = {seen.file for seen in inspections if "unreadable" in seen.issues}
    Journal(data).reject("verify", [(seen.file, "") for seen in inspections if set(seen.issues) & set(REJECTED)])
    return {
        "broken_found": share(len(unreadable & set(mess.broken)), len(mess.broken)),
        "good_called_broken": len(unreadable - set(mess.broken)),
        "exact_found": copies_found(mess.exact, inspections),
        "near_found": copies_found(mess.near, inspections),
        "near_precision": near_precision(mess, inspections, natural),
    }


def cleaned(data: Path, export: Path, mess: Mess) -> dict[str, float]:
    """Decide about the first quarter of the list as the truth says, apply it, and return what the quarter held."""
    photos, labels, _ = review(export, data)
    cleaner = Cleaner(data, photos, labels)
    wrong = {photo.file for photo in photos if mess.true_label(photo.file) not in (None, photo.label)}
    strange = {photo.file for photo in photos} & mess.strangers
    seen = cleaner.select()[: round(SEEN * len(photos))]
    files = {photo.file for _, photo, _ in seen}
    for name, photo, _ in seen:
        truth = mess.true_label(photo.file)
        cleaner.choose(name, *(("delete",) if truth is None else ("label", truth)))
    cleaner.apply()
    return {
        "swapped_found": share(len(wrong & files), len(wrong)),
        "strangers_found": share(len(strange & files), len(strange)),
    }


def trained(data: Path, out: Path, arch: str, weights: str, seed: int) -> Path:
    """Train the probe with the command, and return the export."""
    train_with_command(data, arch, weights, seed, out, "--quick")
    return out


def error(export: Path, photos: Sequence[Path]) -> float:
    predictions, _ = predict_labelled(load_classifier(export), photos)
    return predictions.n_wrong / len(predictions.files)


def measure(shared: Path, folder: Path, arch: str, weights: str, seed: int, train: bool) -> Found:
    """Return what comes of one mess; train: whether to train the models that are only compared."""
    bears, field = shared / "bears", get_photos(shared / "bears-field")
    natural = {frozenset(sha256(bears / name) for name in pair) for pair in NATURAL if (bears / pair[0]).exists()}
    messy = folder / "messy"
    mess = plant(bears, shared / "not-bears", messy, seed)
    recipe = (arch, weights, seed)
    errors = {}
    if train:
        errors["error_clean"] = error(trained(bears, folder / "clean.pkl", *recipe), field)
        errors["error_messy"] = error(trained(messy, folder / "messy.pkl", *recipe), field)
    found = verified(messy, mess, natural)
    export = trained(messy, folder / "of-verified" / "export.pkl", *recipe)
    found |= cleaned(messy, export, mess)
    if train:
        errors["error_verified"] = error(export, field)
        again = trained(messy, folder / "of-verified" / "cleaned.pkl", *recipe)
        errors["error_cleaned"] = error(again, field)
    return Found(**found, **errors)


@call_parse
def main(
    shared: str,  # folder with bears, bears-field and not-bears
    arch: str = "mobilenet_v2",  # a torchvision or timm network
    weights: str = "",  # state dict to start from, instead of a download
    seeds: int = 3,  # how many messes
    find_only: bool = False,  # leave out the three trainings a seed that are only compared
):
    "Print what the stages find of a planted mess, and the error of models trained before and after cleaning."
    rows = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "of-verified").mkdir()
            rows.append(measure(Path(shared), Path(folder), arch, weights, seed, not find_only))
        print(
            f"seed {seed}: "
            + ", ".join(f"{field.name} {getattr(rows[-1], field.name):.3f}" for field in fields(Found)),
            flush=True,
        )
    print(f"\n{'':<22}{'mean':>7}  {'each':<22}target")
    for field in fields(Found):
        values = [getattr(row, field.name) for row in rows]
        target = TARGETS.get(field.name, "")
        print(f"{field.name:<22}{np.mean(values):>7.3f}  {' '.join(f'{value:.3f}' for value in values):<22}{target}")
    worse = np.mean([row.error_cleaned - row.error_clean for row in rows])
    print(
        f"{seeds} messes; cleaned minus clean: {worse:+.1%} (target: within 1 point), mess left in minus clean: "
        f"{np.mean([row.error_messy - row.error_clean for row in rows]):+.1%}"
    )
