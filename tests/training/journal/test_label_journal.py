"""training/journal/moves.py, journal_plan.py and label_edits.py: labels in labels.csv are changed and come back."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from fastcore.script import CliError

from helpers.paths import ROOT
from training.append_log import AppendLog
from training.data.labels import ListedPhoto, read_labels, write_labels
from training.journal.label_edits import NO_ROW, edit_rows, labels_of
from training.journal.moves import Change, Journal
from training.journal.state import COLUMNS, N_ADDED, make_row, settled

STAGE = "clean"


@pytest.fixture
def data(tmp_path) -> Path:
    """Three photos: a dress, a dress and a hat, and none of both."""
    data = tmp_path / "outfits"
    (data / "photos").mkdir(parents=True)
    for name in ("1", "2", "3"):
        (data / "photos" / f"{name}.jpg").write_text(name)
    write(data, {"1": "dress", "2": "dress|hat", "3": ""})
    return data


def write(data: Path, rows: dict[str, str]) -> None:
    """Write labels.csv, as its owner may do at any time."""
    write_labels(data, {data / "photos" / f"{name}.jpg": ListedPhoto(labels_of(text)) for name, text in rows.items()})


def rows(data: Path) -> dict[str, str]:
    labels = read_labels(data)
    return {file.stem: labels.text(file) for file in labels.listed}


def relabel(data: Path, name: str, was: str, labels: str) -> Change:
    photo = data / "photos" / f"{name}.jpg"
    return Change(photo, photo, f"is {labels}", was, labels)


def reject(journal: Journal, name: str) -> Change:
    photo = journal.data / "photos" / f"{name}.jpg"
    return Change(photo, journal.rejected(photo), "deleted")


def test_labels_are_changed_and_come_back_in_a_later_session(data):
    before = rows(data)
    assert Journal(data).change(STAGE, [relabel(data, "1", "dress", "dress|hat"), relabel(data, "2", "dress|hat", "")])
    assert rows(data) == {"1": "dress|hat", "2": "", "3": ""}
    undone = Journal(data).take_back(STAGE)
    assert rows(data) == before and [file.stem for file in undone.labelled] == ["2", "1"]
    assert Journal(data).take_back(STAGE) == ([], [], [])


def test_moves_and_edits_are_undone_in_order(data):
    journal = Journal(data)
    journal.change(STAGE, [relabel(data, "1", "dress", "hat"), reject(journal, "2")])
    journal.change(STAGE, [relabel(data, "1", "hat", "dress|hat"), reject(journal, "3")])
    journal.change(STAGE, [relabel(data, "1", "dress|hat", "")])
    for expected, there in (("dress|hat", {"1"}), ("hat", {"1", "3"}), ("dress", {"1", "2", "3"})):
        Journal(data).take_back(STAGE, only_last=True)
        assert rows(data)["1"] == expected and {file.stem for file in (data / "photos").iterdir()} == there
    assert rows(data) == {"1": "dress", "2": "dress|hat", "3": ""}


def test_the_row_of_a_deleted_photo_stays(data):
    journal = Journal(data)
    assert journal.change(STAGE, [reject(journal, "2")]) == 1
    assert rows(data)["2"] == "dress|hat" and (data / ".rejected" / "photos" / "2.jpg").exists()


def test_rows_that_somebody_else_changed_stay(data):
    write(data, {"1": "hat", "2": "dress|hat", "3": "hat", "new": "dress"})
    changes = [relabel(data, "1", "dress", "dress|hat"), relabel(data, "2", "dress|hat", "dress")]
    assert Journal(data).change(STAGE, changes) == 1
    assert rows(data) == {"1": "hat", "2": "dress", "3": "hat", "new": "dress"}


def test_undo_leaves_a_row_that_somebody_else_changed_since(data):
    Journal(data).change(STAGE, [relabel(data, "1", "dress", "hat"), relabel(data, "2", "dress|hat", "hat")])
    write(data, {**rows(data), "1": ""})
    undone = Journal(data).take_back(STAGE)
    assert [file.stem for file in undone.kept] == ["1"] and [file.stem for file in undone.labelled] == ["2"]
    assert rows(data) == {"1": "", "2": "dress|hat", "3": ""}
    assert Journal(data).take_back(STAGE) == ([], [], []), "and it does not try again"


def test_a_change_between_the_plan_and_the_write_is_not_overwritten(data, monkeypatch):
    add = AppendLog.add

    def then_the_owner_saves(self, added):
        add(self, added)
        if any(row["action"] == "label" for row in added):
            write(data, {**rows(data), "1": "hat"})

    journal = Journal(data)
    monkeypatch.setattr(AppendLog, "add", then_the_owner_saves)
    journal.change(STAGE, [relabel(data, "1", "dress", "dress|hat"), relabel(data, "3", "", "hat")])
    monkeypatch.undo()
    assert rows(data) == {"1": "hat", "2": "dress|hat", "3": "hat"}
    assert [file.stem for file in Journal(data).take_back(STAGE).labelled] == ["3"]


def test_a_photo_that_joins_gets_its_row_and_loses_it_by_undo(data):
    suggestion, target = data / ".suggested" / "hat" / "9.jpg", data / "photos" / "9.jpg"
    suggestion.parent.mkdir(parents=True)
    suggestion.write_text("9")
    before = rows(data)
    assert Journal(data).change(STAGE, [Change(suggestion, target, "is hat", NO_ROW, "hat")]) == 1
    assert target.exists() and rows(data) == {**before, "9": "hat"}
    undone = Journal(data).take_back(STAGE)
    assert undone.moved == [(target, suggestion)] and not undone.labelled
    assert suggestion.exists() and rows(data) == before


def test_a_photo_that_joins_takes_no_name_that_a_deleted_one_may_want_back(data):
    suggestion, journal = data / ".suggested" / "hat" / "2.jpg", Journal(data)
    suggestion.parent.mkdir(parents=True)
    suggestion.write_text("another 2")
    journal.change(STAGE, [reject(journal, "2")])
    journal.change(STAGE, [Change(suggestion, data / "photos" / "2.jpg", "is hat", NO_ROW, "hat")])
    assert rows(data)["2"] == "dress|hat" and rows(data)["2-2"] == "hat"
    journal.take_back(STAGE)
    assert rows(data) == {"1": "dress", "2": "dress|hat", "3": ""} and (data / "photos" / "2.jpg").read_text() == "2"


def test_a_disk_that_is_full_leaves_labels_and_photos_as_they_are(data, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    before, journal = (data / "labels.csv").read_bytes(), Journal(data)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CliError, match="No space left"):
        journal.change(STAGE, [relabel(data, "1", "dress", "hat"), reject(journal, "2")])
    monkeypatch.undo()
    assert (data / "labels.csv").read_bytes() == before and (data / "photos" / "2.jpg").exists()
    assert Journal(data).take_back(STAGE) == ([], [], [])


@pytest.mark.parametrize(
    ("text", "message"), [(None, "is gone"), ("file,labels\n1.jpg,a,b,c\n", "line 2")], ids=["gone", "broken"]
)
def test_a_list_that_cannot_be_read_is_named_and_nothing_changes(data, text, message):
    journal, path = Journal(data), data / "labels.csv"
    path.unlink()
    if text:
        path.write_text(text)
    with pytest.raises(CliError, match=message):
        journal.change(STAGE, [relabel(data, "1", "dress", "hat"), reject(journal, "2")])
    assert (data / "photos" / "2.jpg").exists() and Journal(data).take_back(STAGE) == ([], [], [])


def test_other_rows_and_sets_stay(data):
    (data / "labels.csv").write_text('file,labels,set\nphotos/1.jpg,dress,valid\n"a, b.jpg",hat,test\n')
    edit_rows(data, [(data / "photos" / "1.jpg", "dress", "hat|dress"), (data / "a, b.jpg", "dress", "")])
    assert (data / "labels.csv").read_text() == 'file,labels,set\nphotos/1.jpg,dress|hat,valid\n"a, b.jpg",hat,test\n'


def test_a_journal_of_an_earlier_version_is_continued(data):
    (data / ".rejected" / "photos").mkdir(parents=True)
    (data / "photos" / "2.jpg").rename(data / ".rejected" / "photos" / "2.jpg")
    earlier = AppendLog(data / ".rejected" / "journal.db", COLUMNS[:-N_ADDED])
    earlier.add(settled([make_row(1, STAGE, "move", "photos/2.jpg", ".rejected/photos/2.jpg")]))
    Journal(data).change(STAGE, [relabel(data, "1", "dress", "hat")])
    assert len(Journal(data).take_back(STAGE, only_last=True).labelled) == 1
    assert len(Journal(data).undo(STAGE)) == 1 and (data / "photos" / "2.jpg").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked to be killed")
def test_killed_at_any_line_or_moment_rows_are_old_or_new_and_undo_brings_all_back(tmp_path):
    step = int(os.environ.get("KILL_EVERY", 61))  # 1: at each line, in minutes
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else tmp_path) as folder:
        run = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore",
                ROOT / "tests" / "helpers" / "killed_edits.py",
                folder,
                "1",
                str(step),
                "20",
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 100
