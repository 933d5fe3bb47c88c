"""training/clean: photos without a label get theirs: in order, with a suggestion, moved with the journal."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fastcore.script import CliError

from helpers.cleaners import LABELS
from helpers.commands import run_module
from helpers.inboxes import ids, opened, opened_several, put
from helpers.paths import ROOT
from helpers.photos import COLOURS, make_pairs, make_photos, noisy_photo
from training.clean.__main__ import open_cleaner
from training.clean.cards import card, details, progress
from training.clean.review.labelled import review
from training.data.files import INBOX
from training.data.labels import read_labels
from training.data.photos import get_photos, inbox_photos
from training.journal.moves import Journal


@pytest.fixture
def data(tmp_path) -> Path:
    return make_photos(tmp_path / "photos", n=4)


def test_photos_without_a_label_are_a_queue_of_their_own(data):
    put(data)
    cleaner = opened(data)
    assert len(cleaner.select()) == 12 and cleaner.select("", order="loss") and cleaner.select(INBOX, order="name")
    assert [photo.file.name for _, photo, _ in cleaner.select(INBOX)] == ["new-0.png", "new-1.png", "new-2.png"]
    assert progress(cleaner) == "Nothing marked · 0 of 12 decided · 0 of 3 without a label"
    photo = cleaner.by_id[ids(cleaner)[0]]
    assert (photo.label, photo.labels, photo.suggestion, photo.loss) == ("", (), "blue", np.inf)


def test_a_label_moves_the_photo_to_its_folder_and_undo_brings_it_back(data):
    files = put(data)
    cleaner = opened(data)
    first, second, third = ids(cleaner)
    cleaner.choose(first, "label", "green")
    cleaner.choose(second, "delete")
    cleaner.choose(third, "keep")
    assert progress(cleaner) == "1 to delete, 1 to move · 0 of 12 decided · 3 of 3 without a label"
    assert {name for name, *_ in cleaner.select(show="marked")} == {first, second}
    assert cleaner.apply() == (1, 1)
    assert (data / "green" / "new-0.png").exists() and (data / ".rejected" / INBOX / "new-1.png").exists()
    assert inbox_photos(data) == [files[2]], "what was skipped stays"
    moved = cleaner.by_id[first]
    assert (moved.label, moved.suspicion, moved.reason) == ("green", 0, "it had no label when this was opened")
    assert len(cleaner.select("green")) == 5
    assert cleaner.undo() == 2 and inbox_photos(data) == files
    assert progress(cleaner) == "1 to delete, 1 to move · 0 of 12 decided · 3 of 3 without a label"
    assert cleaner.apply() == (1, 1), "what was taken back is marked again"


def test_only_a_label_that_there_is_can_be_given(data):
    put(data)
    cleaner = opened(data)
    with pytest.raises(ValueError, match="no such choice"):
        cleaner.choose(ids(cleaner)[0], "label", INBOX)
    with pytest.raises(ValueError, match="no such choice"):
        cleaner.choose(ids(cleaner)[0], "label", "")


def test_where_there_are_sets_it_goes_to_those_to_train_on(tmp_path):
    data = make_photos(tmp_path / "made", n=4)
    for split in ("train", "valid"):
        shutil.copytree(data, tmp_path / "photos" / split)
    data = tmp_path / "photos"
    put(data)
    cleaner = opened(data)
    cleaner.choose(ids(cleaner)[0], "label", "green")
    cleaner.labels.append("pink")
    cleaner.choose(ids(cleaner)[1], "label", "pink")
    assert cleaner.apply() == (0, 2)
    assert (data / "train" / "green" / "new-0.png").exists() and (data / "train" / "pink" / "new-1.png").exists()


def test_a_name_that_is_taken_gets_a_number(data):
    (data / INBOX).mkdir()
    noisy_photo((1, 2, 3), 5).save(data / INBOX / "00.png")
    cleaner = opened(data)
    cleaner.choose(ids(cleaner)[0], "label", "red")
    cleaner.apply()
    assert (data / "red" / "00-2.png").exists() and len(get_photos(data)) == 13


def test_the_card_suggests_and_skips(data):
    put(data)
    cleaner = opened(data)
    name = ids(cleaner)[0]
    photo = cleaner.by_id[name]
    html = card(cleaner, name, photo, cleaner.decision(photo))
    assert 'class="card unlabelled"' in html and "<b>No label yet</b>" in html and ">Skip</button>" in html
    assert 'data-likely="blue"' in html and ">Accept</button>" in html and "predicted blue 60%<" in html
    assert details(cleaner, name)["unlabelled"] and details(cleaner, name)["loss"] == ""
    photo.probabilities = {}
    html = card(cleaner, name, photo, cleaner.decision(photo))
    assert "data-likely" not in html and "Accept" not in html and "predicted" not in html


@pytest.fixture
def several(tmp_path) -> Path:
    data = make_pairs(tmp_path / "several", n=2)
    put(data)
    return data


def test_with_several_labels_it_gets_a_row_and_undo_takes_it_away(several):
    before = read_labels(several).listed
    cleaner = opened_several(several)
    first, second, third = ids(cleaner)
    cleaner.choose(first, "toggle", "red")
    cleaner.choose(first, "toggle", "blue")
    cleaner.choose(second, "label", "")
    cleaner.choose(third, "toggle", "red")
    cleaner.choose(third, "toggle", "red")
    assert progress(cleaner) == "2 to relabel · 0 of 14 decided · 2 of 3 without a label"
    assert cleaner.apply() == (0, 2)
    labels = read_labels(several)
    assert (
        labels(several / "photos" / "new-0.png") == ("blue", "red") and labels(several / "photos" / "new-1.png") == ()
    )
    assert [file.name for file in inbox_photos(several)] == ["new-2.png"] and len(cleaner.select()) == 16
    assert cleaner.by_id[second].words == "none of the labels" and cleaner.by_id[third].words == "No label yet"
    assert cleaner.undo() == 2 and read_labels(several).listed == before and len(inbox_photos(several)) == 3
    assert progress(cleaner) == "2 to relabel · 0 of 14 decided · 2 of 3 without a label"
    assert cleaner.apply() == (0, 2)


def test_with_several_labels_skipping_and_deleting_leave_labels_csv_alone(several):
    before = read_labels(several).listed
    cleaner = opened_several(several)
    cleaner.choose(ids(cleaner)[0], "keep")
    cleaner.choose(ids(cleaner)[1], "delete")
    assert cleaner.apply() == (1, 0) and read_labels(several).listed == before and len(cleaner.select(INBOX)) == 2
    assert "Accept" in card(cleaner, "x", cleaner.by_id[ids(cleaner)[0]], cleaner.decision(cleaner.photos[0]))


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from helpers.inboxes import ids, opened, opened_several
from training.clean.review.decisions import Decisions
data = Path({data!r})
cleaner = opened_several(data) if (data / "labels.csv").exists() else opened(data)
for name in ids(cleaner):
    cleaner.choose(name, "label", "red")
Decisions.add = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # after the changes, before they are forgotten
cleaner.apply()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed")
@pytest.mark.parametrize("multi_label", [False, True], ids=["folders", "labels.csv"])
def test_killed_after_the_moves_a_second_apply_finishes_and_undo_brings_all_back(data, several, multi_label):
    folder = several if multi_label else data
    if not multi_label:
        put(data)
    code = KILLED.format(tests=str(ROOT / "tests"), data=str(folder))
    killed = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert inbox_photos(folder) == []
    cleaner = opened_several(folder) if multi_label else opened(folder)
    assert cleaner.apply() == (0, 0) and len(cleaner.select("red")) >= 3
    assert len(Journal(folder).undo("clean")) == 3 and len(inbox_photos(folder)) == 3


def test_review_puts_them_last_in_order_without_copies_and_broken_ones(trained, tmp_path):
    data = tmp_path / "photos"
    shutil.copytree(trained / "photos", data)
    files = put(data, 6)
    shutil.copy(files[0], data / INBOX / "z-copy.png")
    shutil.copy(data / "red" / "00.png", data / INBOX / "z-known.png")
    (data / INBOX / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a photo")
    photos, labels, unreadable = review(trained / "export.pkl", data)
    unlabelled = [photo for photo in photos if photo.unlabelled]
    assert photos[-6:] == unlabelled and {photo.file for photo in unlabelled} == set(files)
    assert labels == LABELS and len(unreadable) == 2
    places = [photo.suspicion for photo in unlabelled]
    assert places == sorted(places, reverse=True) and all(photo.reason for photo in unlabelled)
    assert set(unlabelled[0].probabilities) == set(LABELS)
    assert len(open_cleaner(data, photos, labels).select(INBOX)) == 6


def test_an_export_of_other_labels_orders_and_suggests_nothing(trained, tmp_path):
    data = make_photos(tmp_path / "photos", n=2)
    for old, new in zip(sorted(COLOURS), ("ant", "bee", "cat")):
        (data / old).rename(data / new)
    with pytest.raises(CliError, match="knows none of the labels"):
        review(trained / "export.pkl", data)
    put(data)
    photos, labels, _ = review(trained / "export.pkl", data, ["dog"])
    assert labels == ["ant", "bee", "cat", "dog"]
    assert [(photo.suggestion, photo.probabilities) for photo in photos if photo.unlabelled] == [("", {})] * 3


@pytest.mark.slow
def test_the_next_ones_are_listed_and_an_inbox_alone_is_enough(trained, tmp_path):
    data = tmp_path / "photos"
    data.mkdir()
    put(data, 5)
    said = run_module("training.clean", trained / "export.pkl", data, "--next", 2)
    lines = said.stdout.splitlines()
    assert sum(line.startswith(f"{INBOX}/new-") for line in lines) == 2, said.stderr
    assert lines[-1].endswith("0 photos of 3 labels, 0 unreadable; 5 without a label, and 0 copies in the inbox")
