"""server/feedback/store.py: what users say is kept, all of it, only it, and only where the owner wants it."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from PIL import Image

from helpers.paths import ROOT
from helpers.photos import noisy_photo
from helpers.records import LABELS, MANY, STRANGE, SURE, photo, records
from server.feedback.corrections import NotStored
from server.feedback.question import SEARCH, choices, question_for
from server.feedback.records import read_records
from server.feedback.store import Feedback, open_feedback, without_metadata
from server.settings import Settings


def test_a_record_holds_photo_answer_correction_version_and_time(tmp_path):
    feedback = Feedback(tmp_path, LABELS, "d51c0901e26d")
    assert feedback.add(photo(), SURE, "grizzly")
    (record,) = records(tmp_path)
    assert record.pop("time").startswith("20")
    name = record.pop("photo")
    assert record == {
        "label": "teddy",
        "probabilities": SURE.probabilities,
        "familiar": True,
        "familiarity": 0.8,
        "correction": "grizzly",
        "right": False,
        "model_version": "d51c0901e26d",
    }
    data = (tmp_path / name[:2] / f"{name}.jpg").read_bytes()
    assert hashlib.sha256(data).hexdigest() == name and Image.open(io.BytesIO(data)).size == photo().size


@pytest.mark.parametrize(
    "prediction, correction, right",
    [
        (SURE, "teddy", True),
        (SURE, "black", False),
        (SURE, None, False),
        (STRANGE, None, True),
        (STRANGE, "teddy", False),
    ],
)
def test_right_is_what_the_app_stood_by(tmp_path, prediction, correction, right):
    Feedback(tmp_path, LABELS).add(photo(), prediction, correction)
    assert [record["right"] for record in records(tmp_path)] == [right]


def test_place_camera_and_comments_are_not_kept(tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x8825] = "SECRETCAMERA", {1: "N", 2: (46.0, 30.0, 0.0)}
    photo().save(tmp_path / "phone.jpg", exif=exif, comment=b"SECRETCOMMENT", icc_profile=b"SECRETPROFILE")
    with Image.open(tmp_path / "phone.jpg") as sent:
        assert sent.getexif().get_ifd(0x8825) and sent.info["comment"]
        kept = without_metadata(sent)
    with Image.open(io.BytesIO(kept)) as again:
        assert not again.getexif() and "comment" not in again.info and "icc_profile" not in again.info
    assert b"SECRET" not in kept


def test_a_large_photo_is_kept_small():
    assert Image.open(io.BytesIO(without_metadata(Image.new("RGBA", (3000, 500))))).size == (1024, 171)


def test_the_same_word_on_the_same_photo_is_kept_once_also_after_a_restart(tmp_path):
    first = Feedback(tmp_path, LABELS)
    assert first.add(photo(), SURE, "grizzly") and not first.add(photo(), SURE, "grizzly")
    again = Feedback(tmp_path, LABELS)
    assert again.n_bytes == first.n_bytes > 0
    assert not again.add(photo(), SURE, "grizzly") and again.add(photo(), SURE, None)
    assert len(records(tmp_path)) == 2 and len(list(tmp_path.glob("??/*.jpg"))) == 1


def test_the_last_word_on_a_photo_counts_also_one_that_was_said_before(tmp_path):
    feedback = Feedback(tmp_path, LABELS, settings=MANY)
    for word in ("grizzly", "black", "grizzly"):
        assert feedback.add(photo(), SURE, word)
        time.sleep(0.01)
    assert not feedback.add(photo(), SURE, "grizzly")
    assert [record["correction"] for record in read_records(tmp_path)[0]] == ["black", "grizzly"]
    assert feedback.n_bytes == sum(file.stat().st_size for file in tmp_path.glob("??/*"))


def test_a_label_is_any_text_and_never_a_path(tmp_path):
    labels = ["../../etc/passwd", "<script>alert(1)</script>", "x" * 5000, "yes", "a/b\0c", "\udcff bear"]
    feedback = Feedback(tmp_path / "said", labels, settings=MANY)
    for label in labels:
        assert feedback.add(photo(), SURE, label)
    assert {record["correction"] for record in records(tmp_path / "said")} == set(labels)
    assert os.listdir(tmp_path) == ["said"]
    assert [value for _, value in choices(labels, None)] == ["yes", *"012345", "none of these"]


def test_a_list_says_that_it_is_one_to_search():
    few, many = question_for(LABELS, SURE), question_for([str(i) for i in range(9)], None)
    assert "type" not in few.info and many.info == f"{SEARCH} {few.info}"


def test_a_correction_that_is_no_label_is_refused(tmp_path):
    with pytest.raises(NotStored, match="no such label"):
        Feedback(tmp_path, LABELS).add(photo(), SURE, "dragon")
    assert records(tmp_path) == []


def test_a_client_that_sends_too_much_is_told_and_others_are_not(tmp_path):
    feedback = Feedback(tmp_path, LABELS, settings=Settings(feedback_per_minute=3))
    for seed in range(3):
        feedback.add(photo(seed), SURE, "black", "192.0.2.1")
    with pytest.raises(NotStored, match=r"3 a minute are taken. Try again in \d+ s"):
        feedback.add(photo(3), SURE, "black", "192.0.2.1")
    assert feedback.add(photo(3), SURE, "black", "192.0.2.2")


def test_a_full_folder_takes_no_more_and_loses_nothing(tmp_path):
    feedback = Feedback(tmp_path, LABELS, settings=Settings(max_feedback_mb=1, feedback_per_minute=1_000_000))
    n = 0
    with pytest.raises(NotStored, match="no more can be kept"):
        for n in range(1000):
            feedback.add(noisy_photo((90, 60, 40), n, (300, 300)), SURE, "black")
    assert len(records(tmp_path)) == n > 5
    assert sum(file.stat().st_size for file in tmp_path.glob("??/*")) <= 1_000_000


def test_a_disk_that_takes_nothing_is_told_and_not_acknowledged(tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    feedback = Feedback(tmp_path, LABELS)
    monkeypatch.setattr("server.feedback.store.atomic_write", full)
    with pytest.raises(NotStored, match="this was not"):
        feedback.add(photo(), SURE, "black")
    assert "No space left" in caplog.text and records(tmp_path) == []


def test_many_at_once_are_all_kept(tmp_path):
    feedback = Feedback(tmp_path, LABELS, settings=MANY)
    threads = [
        threading.Thread(target=lambda i=i: [feedback.add(photo(j), SURE, LABELS[i % 3]) for j in range(5)])
        for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(records(tmp_path)) == 15 and len(list(tmp_path.glob("??/*.jpg"))) == 5


GIVER = """
import sys
from PIL import Image
from classifier import Prediction
from server.feedback.store import Feedback
from server.settings import Settings
feedback = Feedback(sys.argv[1], ["black", "grizzly"], settings=Settings(feedback_per_minute=1_000_000))
for seed in range(int(sys.argv[2]), 100_000):
    feedback.add(Image.new("RGB", (80 + seed, 60)), Prediction("black", {"black": 1.0}), "grizzly")
    print(seed, flush=True)
"""


def test_kill_9_loses_no_record_that_was_acknowledged(tmp_path):
    acknowledged = []
    for n in (20, 33):
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", GIVER, str(tmp_path), str(len(acknowledged))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in process.stdout:
            acknowledged.append(int(line))
            if len(acknowledged) == n:
                process.send_signal(signal.SIGKILL)
        process.wait()
    kept = {(record["photo"], record["correction"]) for record in records(tmp_path)}
    for seed in acknowledged:
        digest = hashlib.sha256(without_metadata(Image.new("RGB", (80 + seed, 60)))).hexdigest()
        assert (digest, "grizzly") in kept
        assert hashlib.sha256((tmp_path / digest[:2] / f"{digest}.jpg").read_bytes()).hexdigest() == digest
    (tmp_path / "ab").mkdir(exist_ok=True)
    (tmp_path / "ab" / ".cut-off.jpg.part").write_bytes(b"half")
    Feedback(tmp_path, LABELS)
    assert not list(tmp_path.glob("??/.*")), "what nobody was thanked for goes"


@pytest.mark.parametrize("where", ["", "hf://spaces/me/bears", "hf://datasets/me", "s3://bucket", "README.md/folder"])
def test_without_a_place_that_can_be_used_nothing_is_asked_or_kept(where, caplog):
    classifier = SimpleNamespace(labels=LABELS, short_version="d" * 12)
    assert open_feedback(classifier, Settings(), {"FEEDBACK": where}) is None
    assert bool(caplog.text) == bool(where), "an owner who set it is told"


def test_counters_hold_numbers_by_day_and_no_photo(tmp_path):
    feedback = Feedback(tmp_path, LABELS, "d51c0901e26d")
    for prediction in (SURE, SURE, STRANGE):
        feedback.counters.count(prediction)
    feedback.close(0)
    (file,) = (tmp_path / "counters").iterdir()
    counted = json.loads(file.read_text())
    (day,) = counted["days"].values()
    assert counted["model_version"] == "d51c0901e26d"
    assert day == {"labels": {"teddy": 2}, "unfamiliar": 1, "confidence": [0] * 18 + [2, 0], "confidence_sum": 1.8}
    assert [path.name for path in tmp_path.iterdir()] == ["counters"]
