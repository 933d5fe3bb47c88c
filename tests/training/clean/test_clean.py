"""training/clean/session.py and review/decisions.py: what is decided is kept, applied, taken back, and followed."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fastcore.script import CliError

from classifier.files import sha256
from helpers.cleaners import LABELS, id_of, names, open_cleaner, reviewed
from helpers.paths import ROOT
from helpers.photos import noisy_photo
from training.clean.__main__ import listen
from training.clean.actions import apply
from training.clean.review.decisions import Decision, Decisions
from training.clean.session import describe
from training.data.photos import get_photos
from training.journal.moves import Journal
from training.options import TrainingOptions


def test_photos_are_selected_by_label_and_split_and_sorted(cleaner):
    every = [photo for _, photo, _ in cleaner.select()]
    assert len(every) == 12 and [photo.suspicion for photo in every] == sorted(
        (photo.suspicion for photo in every), reverse=True
    )
    assert [photo.file.name for _, photo, _ in cleaner.select("red", "valid")] == ["03.png"]
    assert [photo.file.name for _, photo, _ in cleaner.select("green", order="name")] == [
        "00.png",
        "01.png",
        "02.png",
        "03.png",
    ]
    cleaner.choose(id_of(cleaner, "red/02.png"), "delete")
    assert [photo.file.name for _, photo, _ in cleaner.select(show="marked")] == ["02.png"]
    assert len(cleaner.select(show="undecided")) == 11


def test_loss_is_that_of_the_label_a_photo_has_now(cleaner):
    photo = cleaner.by_id[id_of(cleaner, "red/00.png")]
    assert photo.loss == pytest.approx(-np.log(0.8))
    photo.file = photo.file.parent.with_name("blue") / "00.png"
    assert photo.loss == pytest.approx(-np.log(0.1))
    assert (photo.suspicion, photo.reason) == (0, "it was moved here from red")
    photo.file = photo.file.parent.with_name("pink") / "00.png"
    assert photo.loss == np.inf


def test_decisions_are_applied_and_taken_back(data, cleaner):
    before = names(data)
    cleaner.choose(id_of(cleaner, "red/00.png"), "delete")
    cleaner.choose(id_of(cleaner, "red/01.png"), "label", "blue")
    cleaner.choose(id_of(cleaner, "green/00.png"), "label", "green")
    assert cleaner.counts() == (1, 1, 3)
    assert cleaner.apply() == (1, 1)
    assert "red/00.png" not in names(data) and (data / ".rejected" / "red" / "00.png").exists()
    assert "blue/01-2.png" in names(data), "a taken name gets a number"
    assert cleaner.counts() == (0, 0, 1) and len(cleaner.photos) == 11
    assert cleaner.apply() == (0, 0)
    assert cleaner.undo() == 2 and names(data) == before
    assert cleaner.counts() == (1, 1, 3), "what was taken back is marked again"
    assert cleaner.undo() == 0


def test_the_training_after_apply_is_the_one_that_made_the_export(data, cleaner, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = TrainingOptions(arch="mobilenet_v2", weights="/far/away.pth", image_size=64, pretrained=False, quick=True)
    Path("export.pkl").write_bytes(b"an export")
    digest = sha256(Path("export.pkl"))

    def command() -> str:
        photo = cleaner.select()[0][0]
        cleaner.choose(photo, "delete")
        return next(line for line in apply(cleaner, "export.pkl").splitlines() if "training.train" in line)

    assert command().endswith(f"training.train {data} --out cleaned.pkl"), "nothing is known of this export"
    Path("metrics.json").write_text(json.dumps({"export": {"sha256": digest}, "options": options.recorded()}))
    known = "--arch mobilenet_v2 --image-size 64 --no-pretrained --quick --out cleaned.pkl"
    assert command().endswith(f"training.train {data} {known}")
    Path("away.pth").touch()
    assert " --arch mobilenet_v2 --weights away.pth --image-size 64 " in command()
    Path("metrics.json").write_text(json.dumps({"export": {"sha256": digest}, "options": {"arch": 3, "seed": "x"}}))
    assert command().endswith(f"training.train {data} --out cleaned.pkl")


def test_a_photo_moved_to_and_fro_has_no_old_decision(data, cleaner):
    name = id_of(cleaner, "red/00.png")
    for label in ("blue", "red"):
        cleaner.choose(name, "label", label)
        assert cleaner.apply() == (0, 1)
    assert cleaner.counts() == (0, 0, 0) and cleaner.by_id[name].label == "red"


def test_decisions_outlive_the_cleaner(data, cleaner):
    cleaner.choose(id_of(cleaner, "red/00.png"), "delete")
    cleaner.choose(id_of(cleaner, "red/00.png"), "")
    cleaner.choose(id_of(cleaner, "red/01.png"), "delete")
    assert open_cleaner(data).counts() == (1, 0, 1)


def test_two_cleaners_share_decisions_and_follow_each_others_moves(data, cleaner):
    other = open_cleaner(data)
    cleaner.choose(id_of(cleaner, "red/00.png"), "delete")
    other.choose(id_of(other, "red/01.png"), "label", "blue")
    assert cleaner.counts() == other.counts() == (1, 1, 2)
    assert other.apply() == (1, 1)
    assert cleaner.apply() == (0, 0), "there is nothing left to do"
    assert [len(one.select("blue")) for one in (cleaner, other)] == [5, 5]
    assert cleaner.undo() == 2 and other.select("blue", show="marked") == []
    assert other.counts() == (1, 1, 2)


def test_two_cleaners_that_apply_at_once_lose_and_double_nothing(data, cleaner):
    other, done = open_cleaner(data), []
    before = len(names(data))
    for photo in get_photos(data)[::2]:
        cleaner.choose(
            id_of(cleaner, f"{photo.parent.name}/{photo.name}"),
            "label",
            "blue" if photo.parent.name != "blue" else "red",
        )
    threads = [threading.Thread(target=lambda one=one: done.append(one.apply())) for one in (cleaner, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(data)) == before
    assert len(Journal(data).undo("clean")) == before // 2 and len(names(data)) == before


@pytest.mark.parametrize(
    ("action", "label", "error"),
    [("burn", "", ValueError), ("label", "pink", ValueError), ("label", "", ValueError)],
    ids=["action", "label", "empty"],
)
def test_a_choice_that_is_none_is_refused(cleaner, action, label, error):
    with pytest.raises(error):
        cleaner.choose(id_of(cleaner, "red/00.png"), action, label)
    assert cleaner.counts() == (0, 0, 0)


def test_a_photo_that_is_none_is_refused(cleaner):
    with pytest.raises(KeyError):
        cleaner.choose("0" * 16, "delete")


def test_a_photo_deleted_by_somebody_else_is_passed_over(data, cleaner):
    for name in ("red/00.png", "red/01.png"):
        cleaner.choose(id_of(cleaner, name), "delete")
    (data / "red" / "00.png").unlink()
    assert cleaner.apply() == (1, 0)


def test_a_move_that_fails_leaves_the_rest_to_be_applied_again(data, cleaner, monkeypatch):
    for name in ("red/00.png", "red/01.png", "red/02.png"):
        cleaner.choose(id_of(cleaner, name), "delete")
    rename = os.rename

    def full(source, target):
        if source.name == "01.png":
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(CliError, match="No space left"):
        cleaner.apply()
    monkeypatch.undo()
    assert cleaner.counts() == (2, 0, 2)
    assert cleaner.apply() == (2, 0)
    assert len(Journal(data).undo("clean")) == 3 and len(names(data)) == 12


def test_a_photo_that_takes_anothers_place_does_not_take_its_decision(data, cleaner):
    """As after a kill between the moves and forgetting their decisions."""
    first, second = data / "red" / "00.png", data / "blue" / "00.png"
    for name, label in (("red/00.png", "blue"), ("blue/00.png", "red")):
        cleaner.choose(id_of(cleaner, name), "label", label)
    aside = data / "aside.png"
    for source, target in ((first, aside), (second, first), (aside, second)):
        source.rename(target)
    assert open_cleaner(data).counts() == (0, 0, 0)


def test_names_of_all_kinds_are_decided_on_and_moved(tmp_path):
    kinds = [
        os.fsdecode(b"\xff.png"),
        "two  spaces.png",
        'Größe "quoted", it\'s.png',
        "x" * 200 + ".png",
        "<b>bold.png",
        "new\nline.png",
    ]
    for kind in kinds:
        (tmp_path / "red").mkdir(exist_ok=True)
        noisy_photo((200, 0, 0), 1).save(tmp_path / "red" / kind)
    cleaner = open_cleaner(tmp_path)
    for name in cleaner.by_id:
        cleaner.choose(name, "label", "blue")
    assert open_cleaner(tmp_path).counts() == (0, 6, 6)
    assert cleaner.apply() == (0, 6) and {file.name for file in (tmp_path / "blue").iterdir()} == set(kinds)
    assert open_cleaner(tmp_path).undo() == 6 and {file.name for file in (tmp_path / "red").iterdir()} == set(kinds)


def test_a_link_is_moved_as_a_link(data, tmp_path):
    noisy_photo((200, 0, 0), 7).save(tmp_path / "elsewhere.png")
    (data / "red" / "link.png").symlink_to(tmp_path / "elsewhere.png")
    cleaner = open_cleaner(data)
    cleaner.choose(id_of(cleaner, "red/link.png"), "delete")
    assert cleaner.apply() == (1, 0)
    assert (tmp_path / "elsewhere.png").exists() and (data / ".rejected" / "red" / "link.png").is_symlink()


def test_a_folder_that_takes_nothing_is_named(data):
    (data / ".clean").write_text("a file where the folder should be")
    with pytest.raises(CliError, match="Nothing can be written in"):
        Decisions(data)


def test_decisions_of_an_earlier_version_are_taken_over_but_for_one_that_was_cut_off(data):
    (data / ".clean").mkdir()
    (data / ".clean" / "choices.csv").write_text(
        "photo,sha256,action,label,time\nred/00.png,ab12,delete,,2026\nred/01.png,del"
    )
    expected = {(data / "red" / "00.png", "ab12"): Decision("delete")}
    for _ in range(2):
        assert Decisions(data).all() == expected
    Decisions(data).add({(data / "red" / "00.png", "ab12"): Decision("keep")})
    assert Decisions(data).all() == {(data / "red" / "00.png", "ab12"): Decision("keep")}


def test_decisions_of_another_process_are_seen_also_where_the_list_was_made_anew(data):
    mine, key = Decisions(data), (data / "red" / "00.png", "ab12")
    for action in ("delete", "keep"):
        Decisions(data).add({key: Decision(action)})
        assert mine.all() == {key: Decision(action)}
    (data / ".clean" / "choices.db").unlink()
    assert mine.all() == {}


def test_a_line_says_what_the_page_does(data):
    assert describe(reviewed(data / "red" / "00.png")) == "0.500  loss  0.22  red/00.png: red 80%; odd"


def test_a_port_that_is_taken_is_an_error_or_passed_over():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CliError, match="--port"):
            listen("127.0.0.1", taken.getsockname()[1])
    with listen("127.0.0.1", 0) as first, listen("127.0.0.1", 0) as second:  # found, and had
        assert 7861 <= first.getsockname()[1] < second.getsockname()[1]


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from helpers.cleaners import open_cleaner
cleaner = open_cleaner(Path({data!r}))
print("ready", flush=True)
cleaner.apply()
"""


def test_killed_in_the_middle_of_apply_a_second_one_finishes_it(tmp_path):
    data = tmp_path / "many"
    for label in LABELS:
        (data / label).mkdir(parents=True)
    noisy_photo((9, 9, 9), 1).save(tmp_path / "one.png")
    for i in range(3000):
        os.link(tmp_path / "one.png", data / LABELS[i % 3] / f"{i}.png")
    cleaner, before = open_cleaner(data), names(data)
    cleaner.decisions.add(
        {
            photo.key: Decision("delete") if photo.label == "red" else Decision("label", "red")
            for photo in cleaner.photos
            if photo.label != "blue"
        }
    )
    code = KILLED.format(tests=str(ROOT / "tests"), data=str(data))
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    process.stdout.readline()
    rejected = data / ".rejected" / "red"
    for _ in range(20_000):
        if rejected.exists() and len(os.listdir(rejected)) > 100:
            break
        time.sleep(0.001)
    process.kill()
    process.wait()
    moved = 3000 - len(set(names(data)) & set(before))
    assert 90 < moved < 2000, "it was killed in the middle"
    again = open_cleaner(data)
    n_deleted, n_moved = again.apply()
    assert n_deleted + n_moved == 2000 - moved
    assert len(names(data)) == 2000 and len(list((data / ".rejected" / "red").iterdir())) == 1000
    assert len(Journal(data).undo("clean")) == 2000 and names(data) == before
