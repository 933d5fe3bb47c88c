"""training/journal/moves.py: what is moved comes back, whatever happened in between."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from fastcore.script import CliError
from filelock import FileLock

from helpers.paths import ROOT
from training.append_log import AppendLog
from training.data.photos import get_photos
from training.journal.moves import Journal
from training.journal.state import COLUMNS, N_ADDED, make_row, settled

NAMES = [
    os.fsdecode(b"no utf-8 \xff.jpg"),
    "a.jpg",
    "two  spaces.jpg",
    'Größe, "quoted".jpg',
    "it's.jpg",
    "x" * 196 + ".jpg",
]


@pytest.fixture
def data(tmp_path) -> Path:
    (tmp_path / "data" / "red").mkdir(parents=True)
    for name in NAMES:
        (tmp_path / "data" / "red" / name).write_bytes(os.fsencode(name))
    return tmp_path / "data"


def contents(data: Path) -> dict[str, str]:
    return {str(file.relative_to(data)): file.read_text(errors="surrogateescape") for file in get_photos(data)}


def test_rejected_photos_are_out_of_sight_and_come_back(data):
    before = contents(data)
    photos = get_photos(data)
    assert Journal(data).reject("verify", [(file, "blurry") for file in photos]) == len(NAMES)
    assert get_photos(data) == [] and len(list((data / ".rejected" / "red").iterdir())) == len(NAMES)
    assert len(Journal(data).undo("verify")) == len(NAMES)
    assert contents(data) == before
    assert len(Journal(data).undo("verify")) == 0


def test_undo_takes_one_stage_or_its_last_batch_back(data):
    photos = get_photos(data)
    Journal(data).reject("verify", [(photos[0], "dark")])
    Journal(data).reject("clean", [(photos[1], "wrong")])
    Journal(data).move("clean", [(photos[2], data / "blue" / photos[2].name, "blue")])
    assert len(Journal(data).undo("clean", only_last=True)) == 1 and photos[2].exists() and not photos[1].exists()
    assert len(Journal(data).undo("clean", only_last=True)) == 1 and photos[1].exists() and not photos[0].exists()
    assert len(Journal(data).undo("clean", only_last=True)) == 0
    assert len(Journal(data).undo("verify")) == 1 and len(get_photos(data)) == len(NAMES)


def test_nothing_is_overwritten_where_a_name_is_taken(data):
    photo = get_photos(data)[0]
    text = photo.read_text()
    Journal(data).reject("verify", [(photo, "first")])
    photo.write_text("another photo of that name")
    Journal(data).reject("verify", [(photo, "second")])
    assert len(list((data / ".rejected" / "red").iterdir())) == 2
    photo.write_text("a third")
    assert len(Journal(data).undo("verify")) == 2
    assert {text, "another photo of that name", "a third"} <= set(contents(data).values())


def test_killed_before_a_move_leaves_the_photo_and_undo_passes_over_it(data, monkeypatch):
    photos, rename = get_photos(data), os.rename

    def killed_at_the_second(source, target):
        if source == photos[1]:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        Journal(data).reject("verify", [(photo, "") for photo in photos])
    monkeypatch.undo()
    assert len(get_photos(data)) == len(NAMES) - 1
    assert Journal(data).reject("clean", [(photos[1], "")]) == 1, "by another stage, to the place that was planned"
    assert len(Journal(data).undo("verify")) == 1 and not photos[1].exists()
    assert len(Journal(data).undo("clean")) == 1 and len(get_photos(data)) == len(NAMES)


def test_what_cannot_be_moved_is_named(data, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(CliError, match=r"could not be moved.*No space left.*--undo"):
        Journal(data).reject("verify", [(get_photos(data)[0], "")])
    assert len(get_photos(data)) == len(NAMES)


def test_a_disk_that_is_full_before_or_after_the_moves_loses_nothing(data, monkeypatch):
    add, photos, calls = AppendLog._add, get_photos(data), []

    def full(at):
        def once(self, file, rows):
            calls.append(1)
            if len(calls) == at:
                raise sqlite3.OperationalError("database or disk is full")
            add(self, file, rows)

        return once

    for at, left in ((1, len(NAMES)), (2, 0)):
        journal = Journal(data)
        calls.clear()
        monkeypatch.setattr(AppendLog, "_add", full(at))
        with pytest.raises(CliError, match=r"Nothing can be written in .*\.rejected \(database or disk is full\)"):
            journal.reject("verify", [(photo, "") for photo in photos])
        monkeypatch.undo()
        assert len(get_photos(data)) == left
        assert len(Journal(data).undo("verify")) == len(NAMES) - left and get_photos(data) == photos


def test_links_are_moved_as_links(data, tmp_path):
    (tmp_path / "elsewhere.jpg").write_text("the photo")
    link = data / "red" / "link.jpg"
    link.symlink_to(tmp_path / "elsewhere.jpg")
    Journal(data).reject("verify", [(link, "")])
    assert not os.path.lexists(link) and (tmp_path / "elsewhere.jpg").exists()
    assert len(Journal(data).undo("verify")) == 1 and link.is_symlink() and link.read_text() == "the photo"


def test_a_name_of_255_bytes_gets_a_shorter_one_where_it_is_taken(data):
    long = data / "red" / ("ü" * 125 + ".jpg")  # 254 bytes: the most that file systems take is 255
    long.write_text("first")
    Journal(data).reject("verify", [(long, "")])
    long.write_text("second")
    assert Journal(data).reject("verify", [(long, "")]) == 1
    assert len(Journal(data).undo("verify")) == 2
    assert {"first", "second"} <= set(contents(data).values())


def test_what_somebody_else_moved_is_passed_over(data):
    photos = get_photos(data)
    mine, theirs = Journal(data), Journal(data)
    n_rows = mine.moves_since(0)[1]
    assert theirs.reject("clean", [(photo, "") for photo in photos[:3]]) == 3
    assert mine.reject("clean", [(photo, "") for photo in photos]) == len(photos) - 3
    moves, n_rows = mine.moves_since(n_rows)
    assert [source for source, _ in moves] == photos
    assert len(theirs.undo("clean", only_last=True)) == len(photos) - 3
    assert mine.moves_since(n_rows)[0] == [(target, source) for source, target in reversed(moves[3:])]


def test_one_process_at_a_time_moves_photos(data, monkeypatch):
    monkeypatch.setattr("training.journal.moves.LOCK_TIMEOUT", 0.1)
    Journal(data)
    with FileLock(data / ".rejected" / "lock"), pytest.raises(CliError, match="Another process"):
        Journal(data).reject("verify", [])


def test_a_folder_that_takes_nothing_is_named(data):
    (data / ".rejected").write_text("a file where the folder should be")
    with pytest.raises(CliError, match=r"Nothing can be written in .*data \("):
        Journal(data)


def test_a_target_that_somebody_took_meanwhile_is_not_overwritten(data, monkeypatch):
    photos, planned = get_photos(data), AppendLog.add

    def took(self, rows):
        planned(self, rows)
        (data / ".rejected" / "red").mkdir(exist_ok=True)
        (data / ".rejected" / "red" / photos[1].name).write_text("somebody's")

    journal = Journal(data)
    monkeypatch.setattr(AppendLog, "add", took)
    with pytest.raises(CliError, match="something else is there by now"):
        journal.reject("verify", [(photo, "") for photo in photos[:3]])
    monkeypatch.undo()
    assert len(Journal(data).undo("verify")) == 1 and len(get_photos(data)) == len(NAMES)
    assert (data / ".rejected" / "red" / photos[1].name).read_text() == "somebody's"


def test_a_journal_that_leads_out_of_the_folder_moves_nothing(data, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for source, target in (("red/x.jpg", "../mine.txt"), ("../x.jpg", "red/a.jpg"), ("/tmp/x.jpg", "red/a.jpg")):
        Journal(data)._log.add(settled([make_row(1, "verify", "move", source, target)]))
        with pytest.raises(CliError, match="is not in"):
            Journal(data).undo("verify")
        (data / ".rejected" / "journal.db").unlink()
    assert (tmp_path / "mine.txt").read_text() == "mine" and len(get_photos(data)) == len(NAMES)


def old_journal(data: Path, *lines: bytes) -> Path:
    """Write a journal as earlier versions did, and move what its lines name."""
    path = data / ".rejected" / "journal.csv"
    (data / ".rejected" / "red").mkdir(parents=True)
    path.write_bytes(b",".join(name.encode() for name in COLUMNS[:-N_ADDED]) + b"\n" + b"".join(lines))
    return path


def old_line(batch: int, action: str, name: str, source: str = "red", target: str = ".rejected/red") -> bytes:
    quoted = '"' + name.replace('"', '""') + '"'
    place = {"": "", **{folder: f'"{folder}/{quoted[1:]}' for folder in ("red", ".rejected/red")}}
    return f"{batch},verify,{action},{place[source]},{place[target]},why,2026\n".encode(errors="surrogateescape")


@pytest.mark.parametrize(
    "end",
    [b"", b"2,verify,move,b/0.j", b'2,verify,move,"red/two\n', b"\0" * 300],
    ids=["whole", "cut off", "cut off in a name with a line break", "zeros"],
)
def test_a_journal_of_an_earlier_version_is_taken_over(data, end):
    (data / "red" / "two\nlines.jpg").write_text("two")
    before, names = contents(data), [file.name for file in get_photos(data)]
    path = old_journal(data, *(old_line(1, "move", name) for name in names), end)
    for name in names:
        (data / "red" / name).rename(data / ".rejected" / "red" / name)
    was = path.read_bytes()
    assert len(Journal(data).undo("verify")) == len(names) and contents(data) == before
    assert Journal(data).undo("verify") == [] and path.read_bytes() == was


def test_lines_that_follow_a_cut_off_one_in_an_old_journal_are_read(data):
    (data / "red" / "a.jpg").write_text("a")
    path = old_journal(data, b'1,verify,move,"red/two\n', old_line(2, "move", "a.jpg"))
    (data / "red" / "a.jpg").rename(path.parent / "red" / "a.jpg")
    assert len(Journal(data).undo("verify")) == 1


def test_what_an_old_journal_says_is_undone_stays_so(data):
    old_journal(
        data,
        old_line(1, "move", "a.jpg"),
        old_line(1, "back", "a.jpg", ".rejected/red", "red"),
        b"1,verify,undone,,,,2026\n",
    )
    (data / ".rejected" / "red" / "a.jpg").write_text("another")
    assert Journal(data).undo("verify") == []


def test_a_list_with_other_columns_is_left_alone(data):
    path = old_journal(data)
    path.write_text("my,own,list\n1,2,3\n")
    with pytest.raises(CliError, match=r"journal.csv is another list than expected"):
        Journal(data)
    assert path.read_text() == "my,own,list\n1,2,3\n"


@pytest.fixture
def quick(tmp_path):
    """A folder in memory where there is one: thousands of transactions wait for a disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else tmp_path) as folder:
        yield folder


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked to be killed")
def test_killed_at_any_line_or_moment_undo_brings_every_photo_back_once(quick):
    step = int(os.environ.get("KILL_EVERY", 61))  # 1: at each line, in minutes
    run = subprocess.run(
        [sys.executable, "-W", "ignore", ROOT / "tests" / "helpers" / "killed_moves.py", quick, "1", str(step), "20"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 100
