"""Find photos that do not belong to a data set, and move them away; where the lesson has `verify_images`.

Reads  DATA/<label>/*.jpg, or the photos that DATA/labels.csv names; and DATA/_inbox, the photos without a label
Writes DATA/.rejected/<label>/..., and its journal; nothing is deleted, and rows of labels.csv stay

    python -m training.verify data/bears --dry-run
    python -m training.verify data/bears
    python -m training.verify data/bears --undo

Moved are: unreadable files, photos that are too small or blank, and all but one of a group of copies; where copies
have different labels, all of them, since nobody knows which label is right. A copy without a label goes before one with
a label. Dark, blurry and very long or wide
photos are only reported, unless `--reject` names their kind: a phone's photos are often like that.
Shortcuts are named too: a label whose photos are all brighter than others may be learned by that alone.
"""

import sys
from collections.abc import Container, Sequence
from pathlib import Path

import numpy as np
from fastcore.script import CliError

from classifier.command_line import run
from training.data.labels import Labels, read_labels
from training.data.photos import get_photos, inbox_photos, where_photos_go
from training.journal.moves import Journal
from training.metrics import read_metrics

from .issues import REJECTED, REPORTED, Inspection, find_issues, short_name
from .shortcuts import find_shortcuts

STAGE = "verify"  # its name in the journal
CONFIRM_ABOVE = 0.3  # share of the photos
MAX_SHOWN = 8  # photos of each issue


def issue_table(inspections: Sequence[Inspection], rejected: Sequence[str]) -> str:
    """Return how many photos have each issue, and the first of them with the reason."""
    lines = []
    for name in (*REJECTED, *REPORTED):
        having = [inspection for inspection in inspections if name in inspection.issues]
        lines.append(f"{name:<18} {len(having):>6}  {'to move' if name in rejected else 'named only'}")
        lines += [f"    {short_name(inspection.file)}: {inspection.issues[name]}" for inspection in having[:MAX_SHOWN]]
        if len(having) > MAX_SHOWN:
            lines.append(f"    and {len(having) - MAX_SHOWN} more")
    return "\n".join(lines)


def print_shortcuts(
    inspections: Sequence[Inspection], rejected: Sequence[str], labels: Labels, unlabelled: Container[Path]
) -> None:
    """Print what tells a label's photos, but for those to move, from others without a look at what they show."""
    kept = [
        one for one in inspections if one.traits and one.file not in unlabelled and not set(one.issues) & set(rejected)
    ]
    if not kept:
        return
    found = find_shortcuts(np.array([one.traits for one in kept]), [labels(one.file) for one in kept])
    if found:
        print("shortcuts, which a model may learn in place of what the photos show; photos without them would help:")
        print("\n".join(f"    {shortcut}" for shortcut in found[:MAX_SHOWN]))


def confirmed(question: str) -> bool:
    """Return whether a person at the keyboard says yes."""
    return bool(sys.stdin and sys.stdin.isatty()) and input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def to_reject(inspections: Sequence[Inspection], rejected: Sequence[str]) -> list[tuple[Path, str]]:
    """Return (photo, why) of the photos that have one of the issues `rejected`."""
    return [
        (
            inspection.file,
            "; ".join(f"{name}: {inspection.issues[name]}" for name in rejected if name in inspection.issues),
        )
        for inspection in inspections
        if set(inspection.issues) & set(rejected)
    ]


def check_share(n_bad: int, n: int, data: str, yes: bool) -> None:
    """Raise CliError where so many photos would be moved that a person should agree first, and nobody does."""
    share = n_bad / n
    if (
        share > CONFIRM_ABOVE
        and not yes
        and not confirmed(f"Move {n_bad} of {n} photos ({share:.0%}) to {data}/.rejected?")
    ):
        raise CliError(
            f"{n_bad} of {n} photos ({share:.0%}) would be moved, which is a lot: look at the "
            "list above, and say --yes if it is right. Nothing was moved."
        )


def main(
    data: str,  # folder of photos: one folder a label, or with a labels.csv
    reject: str = "",  # kinds to move besides: dark, blurry, odd_proportions, with commas between
    dry_run: bool = False,  # show what would be moved, and move nothing
    undo: bool = False,  # bring back all that was moved
    yes: bool = False,  # move also more than 30% of the photos, unasked
    export: str = "export.pkl",  # export whose held-out photos are kept rather than their copies, where there is one
) -> None:
    "Find photos of DATA that do not belong there, and move them to DATA/.rejected."
    if undo:
        get_photos(data)  # raises CliError for a folder that is not there
        print(f"{data}: {len(Journal(data).undo(STAGE))} photos are back")
        return
    more = [name for name in reject.split(",") if name]
    if not set(more) <= set(REPORTED):
        raise CliError(f"--reject {reject}: of {', '.join(REPORTED)}, with commas between.")
    unlabelled = inbox_photos(data) if Path(data).is_dir() else []
    files = [*get_photos(data), *unlabelled]
    if not files:
        raise CliError(f"No photos under {data}. {where_photos_go(Path(data), read_labels(data))}")
    validated = read_metrics(export).get("valid_sha256", [])
    labels = read_labels(data)
    inspections, n_across = find_issues(files, validated, labels, set(unlabelled))
    rejected = (*REJECTED, *more)
    print(issue_table(inspections, rejected))
    print_shortcuts(inspections, rejected, labels, set(unlabelled))
    if n_across:
        print(f"{n_across} groups of copies lie on both sides of {export}'s split: its error looks better than it is")
    bad, moved = to_reject(inspections, rejected), 0
    if bad and not dry_run:
        check_share(len(bad), len(files), data, yes)
        moved = Journal(data).reject(STAGE, bad)
    print(
        f"{data}: {len(files)} photos, {len(bad)} to move, {moved} moved, {len(files) - moved} left"
        + (f"; --undo brings them back from {data}/.rejected" if moved else "")
    )


if __name__ == "__main__":
    run(main)
