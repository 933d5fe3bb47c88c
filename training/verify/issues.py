"""Inspect photos, and find their issues: unreadable, too small, blank, dark, blurry, odd proportions, and copies.

Reads  photos, and their labels to tell whether copies agree
Gives  an `Inspection` of each, with its issues by name
"""

import os
from collections import defaultdict
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cleanvision.issue_managers.image_property import (
    AspectRatioProperty,
    BlurrinessProperty,
    BrightnessProperty,
    EntropyProperty,
)
from PIL import Image

from classifier.files import sha256
from classifier.photo import PhotoError, open_photo
from training.data.contents import INSPECTED_SIDE, perceptual_hashes
from training.data.duplicates import connected_groups, find_near_pairs
from training.data.labels import Labels
from training.data.traits import traits_of
from training.progress import progress_bar

MIN_SIDE = 64  # pixels of the shorter side: less shows a model nothing
REJECTED = ("unreadable", "too_small", "blank", "exact_duplicates", "near_duplicates")
FOLDERS = Labels()  # the labels are the names of folders
REPORTED = ("dark", "blurry", "odd_proportions")  # moved only where the command names them


@dataclass(frozen=True)
class Inspection:
    """What one look at a photo's file finds."""

    file: Path
    sha256: str  # "" where the file cannot be opened
    n_pixels: int
    hashes: tuple[int, ...]  # 64 bits each, in the order of MAX_HASH_DISTANCES; empty where it cannot be opened
    issues: dict[str, str]  # by name, why
    traits: tuple[float, ...] = ()  # see `shortcuts`; empty where it cannot be opened


def inspect_photo(file: Path) -> Inspection:
    """Return the inspection of a file; one that cannot be opened has the issue "unreadable" and no hashes.

    Scores and thresholds of dark, blurry and blank photos and odd proportions are CleanVision's.
    """
    try:
        photo = open_photo(file)
        digest = sha256(file)
    except (PhotoError, OSError) as error:
        return Inspection(file, "", 0, (), {"unreadable": str(error)})
    width, height = photo.size
    issues = {}
    if min(width, height) < MIN_SIDE:
        issues["too_small"] = f"{width} x {height} pixels"
    photo.thumbnail((INSPECTED_SIDE, INSPECTED_SIDE))
    for name, (score, threshold, what) in quality_scores(photo).items():
        if score < threshold:
            issues[name] = f"{what} {score:.2f}, below {threshold}"
    if "blank" in issues:  # a blank photo is blurry and dark as well, which adds nothing
        issues = {name: why for name, why in issues.items() if name not in REPORTED}
    traits = traits_of(photo, (width, height))
    return Inspection(file, digest, width * height, perceptual_hashes(photo), issues, traits)


def quality_scores(photo: Image.Image) -> dict[str, tuple[float, float, str]]:
    """Return (score, threshold, what it measures) of each of CleanVision's issues; a score is 0 to 1, 1 is best."""
    brightness = BrightnessProperty("dark").calculate(photo)["brightness_perc_99"]
    blur = BlurrinessProperty().calculate(photo)
    sharpness, spread = (
        1 - float(np.exp(-0.01 * float(blur[name]))) for name in ("blurriness", "blurriness_grayscale_std")
    )
    return {
        "blank": (0.1 * float(EntropyProperty().calculate(photo)["entropy"]), 0.3, "information"),
        "dark": (float(brightness), 0.32, "its brightest parts"),
        "blurry": (min(1.0, sharpness + (spread if spread > 0.18 else 0)), 0.29, "sharpness"),
        "odd_proportions": (
            float(AspectRatioProperty().calculate(photo)["aspect_ratio"]),
            0.35,
            "shorter to longer side",
        ),
    }


def inspect_all(files: Sequence[Path]) -> list[Inspection]:
    """Return the inspection of each file, with a progress bar; one photo for each core is in memory at a time."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(progress_bar(pool.map(inspect_photo, files), total=len(files), leave=False))


def near_pairs(inspections: Sequence[Inspection]) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of photos that are near copies of each other."""
    return find_near_pairs([inspection.hashes for inspection in inspections])


def mark_copies(
    inspections: Sequence[Inspection],
    name: str,
    pairs: Sequence[tuple[int, int]],
    validated: set[str],
    labels: Labels = FOLDERS,
    unlabelled: Container[Path] = (),
) -> list[list[Inspection]]:
    """Add the issue `name` to all but one of each group of copies, and return the groups, the kept one first.

    Kept is a photo with a label, of these one that was validated on, else the one with the most pixels, else the first;
    of copies under different labels, none.
    """
    groups = []
    for group in connected_groups(len(inspections), pairs) if pairs else ():
        kept, *others = copies = sorted(
            (inspections[i] for i in group),
            key=lambda copy: (copy.file in unlabelled, copy.sha256 not in validated, -copy.n_pixels, copy.file),
        )
        known = [copy for copy in copies if copy.file not in unlabelled]
        for copy in copies:
            differing = [other for other in known if copy in known and labels(other.file) != labels(copy.file)]
            if differing:
                copy.issues[name] = f"as {short_name(differing[0].file)}, {_difference(differing[0].file, labels)}"
            elif copy in others:
                copy.issues[name] = f"as {short_name(kept.file)}"
        groups.append(copies)
    return groups


def _difference(file: Path, labels: Labels) -> str:
    """Return how the labels of a copy differ from those of another one."""
    if not labels.multi_label:
        return "which has another label"
    return f"which has the labels {', '.join(labels(file))}" if labels(file) else "which has no labels"


def find_issues(
    files: Sequence[Path],
    validated: Sequence[str] = (),
    labels: Labels = FOLDERS,
    unlabelled: Container[Path] = (),
) -> tuple[list[Inspection], int]:
    """Return the inspection of each file, and how many groups of copies lie on both sides of the split.

    validated: SHA-256 of the photos that a training held out. labels: of the data set. unlabelled: photos in its inbox.
    """
    inspections, held_out = inspect_all(files), set(validated)
    usable = [
        inspection
        for inspection in inspections
        if inspection.hashes and not set(inspection.issues) & {"too_small", "blank"}
    ]
    by_digest: dict[str, list[int]] = defaultdict(list)
    for i, inspection in enumerate(usable):
        by_digest[inspection.sha256].append(i)
    same = [(group[0], other) for group in by_digest.values() for other in group[1:]]
    groups = mark_copies(usable, "exact_duplicates", same, held_out, labels, unlabelled)
    different = [inspection for inspection in usable if "exact_duplicates" not in inspection.issues]
    groups += mark_copies(different, "near_duplicates", near_pairs(different), held_out, labels, unlabelled)
    sides = [{copy.sha256 in held_out for copy in group if copy.file not in unlabelled} for group in groups]
    return inspections, sum(len(of) > 1 for of in sides)


def short_name(file: Path) -> str:
    """Return a photo's folder and file name, "label/name"."""
    return f"{file.parent.name}/{file.name}"
