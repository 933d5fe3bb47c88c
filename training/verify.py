"""Find what does not belong among gathered photos, and move it out of the way: what `verify_images` promises.

Reads  DATA/<label>/*.jpg
Writes DATA/.rejected/<label>/..., and its journal; nothing is deleted

    python -m training.verify data/bears --dry-run
    python -m training.verify data/bears
    python -m training.verify data/bears --undo

Moved are: unreadable files, photos that are too small or blank, and all but one of a group of copies; where copies
lie under different labels, all of them, since nobody knows which label is right. Dark, blurry and very long or wide
photos are named only, unless `--reject` names their kind: a phone's photos are often like that.
"""
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
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
from fastcore.script import CliError
from fastprogress import progress_bar
from PIL import Image

from classifier.command_line import run
from classifier.files import sha256
from classifier.photo import PhotoError, open_photo
from training.data.duplicates import LOOKED_AT, groups_of, hashes_of, near_pairs_of
from training.data.files import parent_label
from training.data.photos import get_photos

from .metrics import read_metrics
from .move_journal import Journal

SMALLEST = 64  # pixels of the shorter side: less shows a model nothing
ASK_BEYOND = 0.3  # share of the photos
SHOWN = 8  # of each issue
REJECTED = ("unreadable", "too_small", "blank", "exact_duplicates", "near_duplicates")
NAMED = ("dark", "blurry", "odd_proportions")


@dataclass(frozen=True)
class Look:
    """What is seen of a photo at a glance."""

    file: Path
    sha256: str
    n_pixels: int
    hashes: tuple[int, ...]  # 64 bits each, in the order of NEAR
    issues: dict[str, str]  # by name, why


def look(file: Path) -> Look:
    """Return what is seen of a file; one that cannot be opened has the issue "unreadable" and no hashes.

    Scores and thresholds of dark, blurry and blank photos and odd proportions are CleanVision's.
    """
    try:
        photo = open_photo(file)
        digest = sha256(file)
    except (PhotoError, OSError) as error:
        return Look(file, "", 0, (), {"unreadable": str(error)})
    width, height = photo.size
    issues = {}
    if min(width, height) < SMALLEST:
        issues["too_small"] = f"{width} x {height} pixels"
    photo.thumbnail((LOOKED_AT, LOOKED_AT))
    for name, (score, threshold, what) in scores(photo).items():
        if score < threshold:
            issues[name] = f"{what} {score:.2f}, below {threshold}"
    if "blank" in issues:  # a blank photo is blurry and dark as well, which says nothing more
        issues = {name: why for name, why in issues.items() if name not in NAMED}
    return Look(file, digest, width * height, hashes_of(photo), issues)


def scores(photo: Image.Image) -> dict[str, tuple[float, float, str]]:
    """Return (score, threshold, what it measures) of each of CleanVision's issues; higher is better."""
    brightness = BrightnessProperty("dark").calculate(photo)["brightness_perc_99"]
    blur = BlurrinessProperty().calculate(photo)
    sharpness, spread = (1 - np.exp(-0.01 * blur[name]) for name in ("blurriness", "blurriness_grayscale_std"))
    return {
        "blank": (0.1 * EntropyProperty().calculate(photo)["entropy"], 0.3, "information"),
        "dark": (brightness, 0.32, "its brightest parts"),
        "blurry": (min(1.0, sharpness + (spread if spread > 0.18 else 0)), 0.29, "sharpness"),
        "odd_proportions": (AspectRatioProperty().calculate(photo)["aspect_ratio"], 0.35, "shorter to longer side"),
    }


def look_at_all(files: Sequence[Path]) -> list[Look]:
    """Return a look at each file, in parallel, with a progress bar; one photo a core is in memory at a time."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(progress_bar(pool.map(look, files), total=len(files), leave=False))


def near_pairs(looks: Sequence[Look]) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i < j, of photos whose hashes are all as near as NEAR says."""
    return near_pairs_of([seen.hashes for seen in looks])


def mark_copies(looks: Sequence[Look], name: str, pairs: Sequence[tuple[int, int]],
                validated: set[str]) -> list[list[Look]]:
    """Add the issue `name` to all but one of each group of copies, and return the groups, the kept one first.

    Kept is a photo that was validated on, else the one with the most pixels, else the first; of copies
    under different labels, none.
    """
    groups = []
    for group in groups_of(len(looks), pairs) if pairs else ():
        kept, *others = copies = sorted((looks[i] for i in group), key=lambda seen: (
            seen.sha256 not in validated, -seen.n_pixels, seen.file))
        for seen in copies:
            differing = [other for other in copies if parent_label(other.file) != parent_label(seen.file)]
            if differing:
                seen.issues[name] = f"as {_short(differing[0].file)}, which has another label"
            elif seen in others:
                seen.issues[name] = f"as {_short(kept.file)}"
        groups.append(copies)
    return groups


def find_issues(files: Sequence[Path], validated: Sequence[str] = ()) -> tuple[list[Look], int]:
    """Return a look at each file with all its issues, and how many groups of copies lie on both sides of the split.

    validated: SHA-256 of the photos that a training held out.
    """
    looks, held_out = look_at_all(files), set(validated)
    opened = [seen for seen in looks if seen.hashes and not set(seen.issues) & {"too_small", "blank"}]
    by_digest = defaultdict(list)
    for i, seen in enumerate(opened):
        by_digest[seen.sha256].append(i)
    same = [(group[0], other) for group in by_digest.values() for other in group[1:]]
    groups = mark_copies(opened, "exact_duplicates", same, held_out)
    left = [seen for seen in opened if "exact_duplicates" not in seen.issues]
    groups += mark_copies(left, "near_duplicates", near_pairs(left), held_out)
    return looks, sum(len({seen.sha256 in held_out for seen in group}) > 1 for group in groups)


def _short(file: Path) -> str:
    return f"{parent_label(file)}/{file.name}"


def table(looks: Sequence[Look], rejected: Sequence[str]) -> str:
    """Return how many photos have each issue, and the first of them by name."""
    lines = []
    for name in (*REJECTED, *NAMED):
        having = [seen for seen in looks if name in seen.issues]
        lines.append(f"{name:<18} {len(having):>6}  {'to move' if name in rejected else 'named only'}")
        lines += [f"    {_short(seen.file)}: {seen.issues[name]}" for seen in having[:SHOWN]]
        if len(having) > SHOWN:
            lines.append(f"    and {len(having) - SHOWN} more")
    return "\n".join(lines)


def confirmed(question: str) -> bool:
    """Return whether a person at the keyboard says yes."""
    return bool(sys.stdin and sys.stdin.isatty()) and input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def main(
    data:str, # folder of photos, one folder a label
    reject:str="", # kinds to move besides: dark, blurry, odd_proportions, with commas between
    dry_run:bool=False, # show what would be moved, and move nothing
    undo:bool=False, # bring back all that was moved
    yes:bool=False, # move also more than 30% of the photos, unasked
    export:str="export.pkl", # whose held-out photos are kept rather than their copies, where there is one
):
    "Find photos of DATA that do not belong there, and move them to DATA/.rejected."
    if undo:
        get_photos(data)  # names a folder that is not there
        print(f"{data}: {len(Journal(data).undo('verify'))} photos are back")
        return
    more = [name for name in reject.split(",") if name]
    if not set(more) <= set(NAMED):
        raise CliError(f"--reject {reject}: of {', '.join(NAMED)}, with commas between.")
    files = get_photos(data)
    if not files:
        raise CliError(f"No photos under {data}. Photos lie in one folder a label: {data}/<label>/.")
    looks, split = find_issues(files, read_metrics(export).get("valid_sha256", []))
    rejected = (*REJECTED, *more)
    print(table(looks, rejected))
    if split:
        print(f"{split} groups of copies lie on both sides of {export}'s split: its error looks better than it is")
    bad = [(seen.file, "; ".join(f"{name}: {seen.issues[name]}" for name in rejected if name in seen.issues))
           for seen in looks if set(seen.issues) & set(rejected)]
    share = len(bad) / len(files)
    if bad and not dry_run and share > ASK_BEYOND and not yes and not confirmed(
            f"Move {len(bad)} of {len(files)} photos ({share:.0%}) to {data}/.rejected?"):
        raise CliError(f"{len(bad)} of {len(files)} photos ({share:.0%}) would be moved, which is a lot: look at the "
                       "list above, and say --yes if it is right. Nothing was moved.")
    moved = 0 if dry_run else Journal(data).reject("verify", bad)
    print(f"{data}: {len(files)} photos, {len(bad)} to move, {moved} moved, {len(files) - moved} left"
          + (f"; --undo brings them back from {data}/.rejected" if moved else ""))


if __name__ == "__main__":
    run(main)
