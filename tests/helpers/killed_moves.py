"""Move photos, decide and undo, killed at each n-th line and at many moments; undo, killed too, brings all back.

Usage:

    python tests/helpers/killed_moves.py FOLDER FIRST STEP MOMENTS     # prints how many kills it survived
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from training.clean.decisions import Decision, Decisions
from training.move_journal import Journal

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


def photos(data):
    return sorted(
        file.read_bytes()
        for folder in (data / "red", data / "blue", data / ".rejected")
        for file in folder.rglob("*.jpg")
    )


def repair(data):
    Journal(data).undo("verify")


def killed_at(data, at, work=work):
    """Do the work until the at-th line of it in the project's own code, and be killed there."""

    def count(frame, event, _):
        nonlocal at
        if "training" not in frame.f_code.co_filename:
            return None
        at -= 1
        if at == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    sys.settrace(count)
    work(data)


def killed(data, how, at):
    """Do it in a process of its own, killed by itself or after so many seconds; return whether it was."""
    child = os.fork()
    if not child:
        try:
            how(data, at)
        finally:
            os._exit(0)
    if how is later:
        time.sleep(at)
        os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def later(data, _):
    work(data)


def repair_killed_at(data, at):
    killed_at(data, 1 + at % 151, repair)


def check(data, all_of_them, at):
    killed(data, repair_killed_at, at)
    assert photos(data) == all_of_them, ("lost or doubled", at)
    journal = Journal(data)
    for stage in ("clean", "verify"):
        journal.undo(stage)
    assert photos(data) == all_of_them, ("lost or doubled by undo", at)
    left = [file for file in (data / ".rejected").rglob("*.jpg")]
    assert not left, ("not brought back", at, left)
    assert len(list((data / "red").iterdir())) == len(list((data / "blue").iterdir())) == len(NAMES), ("misplaced", at)
    assert len(Decisions(data).all()) in (0, len(NAMES)), ("half of the choices", at)


n = 0
for old in (True, False):
    at = first
    while True:
        data = made(old)
        all_of_them = photos(data)
        ended = not killed(data, killed_at, at)
        check(data, all_of_them, at)
        n += 1
        if ended:
            break
        at += step
    began = time.monotonic()
    work(made(old))
    whole = time.monotonic() - began
    for i in range(timed):
        data = made(old)
        all_of_them = photos(data)
        killed(data, later, whole * i / timed)
        check(data, all_of_them, i)
        n += 1
print(n)
