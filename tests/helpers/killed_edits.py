"""Change labels, move photos and undo, killed at each n-th line and at many moments; undo, killed too, brings all back.

Usage:

    python tests/helpers/killed_edits.py FOLDER FIRST STEP MOMENTS     # prints how many kills it survived
"""

import shutil
import sys
from functools import partial
from pathlib import Path

from kills import kill_everywhere, killed_at

from training.data.labels import ListedPhoto, read_labels, write_labels
from training.journal.label_edits import NO_ROW
from training.journal.moves import Change, Journal

data, first, step, timed = Path(sys.argv[1]) / "data", int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
PHOTOS = data / "photos"
ONE, TWO, THREE = (PHOTOS / name for name in ("=1.jpg", "two, lines.jpg", "3.jpg"))
SUGGESTED, ACCEPTED = data / ".suggested" / "hat" / "4.jpg", PHOTOS / "4.jpg"
LISTED = {
    ONE: ListedPhoto(("dress",)),
    TWO: ListedPhoto((), "valid"),
    THREE: ListedPhoto(("hat",)),
    PHOTOS / "gone.jpg": ListedPhoto(("dress", "hat"), "test"),
}
CHANGES = (
    [
        Change(ONE, ONE, "is dress|hat", "dress", "dress|hat"),
        Change(TWO, TWO, "is hat", "", "hat"),
        Change(THREE, data / ".rejected" / "photos" / "3.jpg", "deleted"),
        Change(SUGGESTED, ACCEPTED, "is hat", NO_ROW, "hat"),
    ],
    [Change(ONE, ONE, "is none of the labels", "dress|hat", "")],
)
TEXTS = {ONE: {"dress", "dress|hat", ""}, TWO: {"", "hat"}, ACCEPTED: {"hat"}}


def made():
    shutil.rmtree(data, ignore_errors=True)
    for file in (ONE, TWO, THREE, SUGGESTED):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name)
    write_labels(data, LISTED)


def work():
    journal = Journal(data)
    for changes in CHANGES:
        journal.change("clean", changes)
    for _ in CHANGES:
        journal.take_back("clean", only_last=True)


def n_photos():
    return sum(file.read_text() == file.name for file in data.rglob("*.jpg"))


def check(at):
    labels = read_labels(data)
    for file, row in LISTED.items():
        assert labels.text(file) in TEXTS.get(file, {"|".join(row.labels)}), ("neither the old row nor the new", at)
        assert labels.listed[file].set == row.set
    killed_at(1 + at % 181, partial(Journal(data).undo, "clean"))
    assert n_photos() == 4, ("lost or doubled", at)
    undone = Journal(data).take_back("clean")
    assert not undone.kept, ("taken for somebody else's", at)
    assert all(file.exists() for file in (ONE, TWO, THREE, SUGGESTED)) and n_photos() == 4, ("not brought back", at)
    assert read_labels(data).listed == LISTED, ("rows are not as before", at)


print(kill_everywhere(made, work, check, (first, step), timed))
