"""training/journal.py: what is moved comes back, whatever happened in between."""
import os
from pathlib import Path

import pytest
from fastcore.script import CliError
from filelock import FileLock

from training.data import get_photos
from training.journal import Journal, Log

NAMES = [os.fsdecode(b"no utf-8 \xff.jpg"), "a.jpg", "two  spaces.jpg", "Größe, \"quoted\".jpg", "it's.jpg",
         "x" * 196 + ".jpg"]


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
    with (data / ".rejected" / "journal.csv").open("a") as file:
        file.write('2,verify,move,"red/')  # and one cut off in the middle of a line
    assert len(get_photos(data)) == len(NAMES) - 1
    assert len(Journal(data).undo("verify")) == 1 and len(get_photos(data)) == len(NAMES)


def test_what_cannot_be_moved_is_named(data, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(CliError, match=r"could not be moved.*No space left.*--undo"):
        Journal(data).reject("verify", [(get_photos(data)[0], "")])
    assert len(get_photos(data)) == len(NAMES)


def test_links_are_moved_as_links(data, tmp_path):
    (tmp_path / "elsewhere.jpg").write_text("the photo")
    link = data / "red" / "link.jpg"
    link.symlink_to(tmp_path / "elsewhere.jpg")
    Journal(data).reject("verify", [(link, "")])
    assert not os.path.lexists(link) and (tmp_path / "elsewhere.jpg").exists()
    assert len(Journal(data).undo("verify")) == 1 and link.is_symlink() and link.read_text() == "the photo"


def test_log_keeps_quotes_commas_and_spaces(tmp_path):
    log = Log(tmp_path / "log.csv", ("url", "title"))
    log.add(url="http://x/", title='a "bear",  two spaces')
    assert Log(tmp_path / "log.csv", ("url", "title")).rows == log.rows == [
        {"url": "http://x/", "title": 'a "bear",  two spaces'}]


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
    monkeypatch.setattr("training.journal.PATIENCE", 0.1)
    Journal(data)
    with FileLock(data / ".rejected" / "lock"), pytest.raises(CliError, match="Another process"):
        Journal(data).reject("verify", [])


def test_a_folder_that_takes_nothing_is_named(data):
    (data / ".rejected").write_text("a file where the folder should be")
    with pytest.raises(CliError, match=r"Nothing can be written in .*data \("):
        Journal(data)


def test_a_list_with_other_columns_is_left_alone(tmp_path):
    (tmp_path / "log.csv").write_text("my,own,list\n1,2,3\n")
    with pytest.raises(CliError, match=r"log.csv is another list than expected"):
        Log(tmp_path / "log.csv", ("url", "title"))
    assert (tmp_path / "log.csv").read_text() == "my,own,list\n1,2,3\n"
