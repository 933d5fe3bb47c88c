"""Move photos, decide and undo, killed at each n-th line and at many moments; undo, killed too, brings all back.

Usage:

    python tests/helpers/killed_moves.py FOLDER FIRST STEP MOMENTS     # prints how many kills it survived
"""

import os
import shutil
import sys
from functools import partial
from pathlib import Path

from kills import kill_everywhere, killed_at

from training.clean.review.decisions import Decision, Decisions
from training.journal.moves import Journal

root, first, step, timed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
NAMES = [os.fsdecode(b"no utf-8 \xff.jpg"), "a.jpg", "two\nlines.jpg", 'Größe, "quoted".jpg']


def made(old):
    shutil.rmtree(root / "data", ignore_errors=True)
    data = root / "data"
    for label in ("red", "blue", ".rejected/red"):
        (data / label).mkdir(parents=True)
    for name in NAMES:
        for label in ("red", "blue"):
            (data / label / name).write_text(label + name, errors="surrogateescape")
    if old:
        (data / "red" / "a.jpg").rename(data / ".rejected" / "red" / "a.jpg")
        (data / ".rejected" / "journal.csv").write_text(
            "batch,stage,action,source,target,why,time\n1,verify,move,red/a.jpg,.rejected/red/a.jpg,x,y\n2,ver"
        )
    return data


def work(data):
    journal = Journal(data)
    journal.reject("verify", [(data / "red" / name, "why") for name in NAMES])
    Decisions(data).add({(data / "blue" / name, "ab"): Decision("delete") for name in NAMES})
    journal.move("clean", [(data / "blue" / name, data / "red" / name, "is red") for name in NAMES])
    journal.undo("verify")
    journal.undo("clean", only_last=True)


ALL = sorted((label + name).encode(errors="surrogateescape") for name in NAMES for label in ("red", "blue"))


def photos(data):
    return sorted(
        file.read_bytes()
        for folder in (data / "red", data / "blue", data / ".rejected")
        for file in folder.rglob("*.jpg")
    )


def repair(data):
    Journal(data).undo("verify")


def check(data, at):
    killed_at(1 + at % 151, partial(repair, data))
    assert photos(data) == ALL, ("lost or doubled", at)
    journal = Journal(data)
    for stage in ("clean", "verify"):
        journal.undo(stage)
    assert photos(data) == ALL, ("lost or doubled by undo", at)
    left = [file for file in (data / ".rejected").rglob("*.jpg")]
    assert not left, ("not brought back", at, left)
    assert len(list((data / "red").iterdir())) == len(list((data / "blue").iterdir())) == len(NAMES), ("misplaced", at)
    assert len(Decisions(data).all()) in (0, len(NAMES)), ("half of the choices", at)


n = 0
for old in (True, False):
    data = root / "data"
    n += kill_everywhere(partial(made, old), partial(work, data), partial(check, data), (first, step), timed)
print(n)
