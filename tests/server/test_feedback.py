"""server/feedback/: what users say is kept, all of it, only it, and only where the owner wants it."""

import hashlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from huggingface_hub import HfApi
from PIL import Image

from classifier import Prediction
from helpers.api import by_path, run_predict, upload
from helpers.apps import SIZES, TIMEOUT, running_app
from helpers.hub_stub import Hub, running_hub
from helpers.paths import EXAMPLE, ROOT
from helpers.photos import noisy_photo
from server.feedback import hub_sync
from server.feedback.corrections import NotStored
from server.feedback.hub_sync import HubUpload
from server.feedback.question import SEARCH, choices, question_for
from server.feedback.records import read_records
from server.feedback.store import Feedback, open_feedback, without_metadata
from server.settings import Settings

LABELS = ["black", "grizzly", "teddy"]
SURE = Prediction("teddy", {"teddy": 0.9, "grizzly": 0.07, "black": 0.03}, 0.8, True)
STRANGE = Prediction("teddy", {"teddy": 0.6, "grizzly": 0.3, "black": 0.1}, 0.2, False)
MANY = Settings(feedback_per_minute=1_000_000)


def records(folder: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted(folder.glob("??/*.json"))]


def photo(seed: int = 0) -> Image.Image:
    return noisy_photo((90, 60, 40), seed)


def until(true, seconds: float = 15) -> None:
    for _ in range(int(seconds * 20)):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("that did not happen in time")


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


@pytest.fixture
def said_hub(monkeypatch):
    """A Hub, and `uploading` to it; the library's own waits between its tries are short."""
    without_waits = SimpleNamespace(**{**vars(time), "sleep": lambda _: time.sleep(0.01)})
    monkeypatch.setattr("huggingface_hub.utils._http.time", without_waits)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)  # the stub speaks LFS
    with running_hub() as server:
        server.uploads = []
        yield server
        server.down = False
        for upload_to in server.uploads:
            upload_to.finish(5)


def uploaded(server: Hub) -> dict[str, bytes]:
    return {path: data for path, data in server.dataset().files.items() if "/" in path}


def uploading(server: Hub, folder: Path, settings: Settings = MANY) -> Feedback:
    server.uploads.append(HubUpload("me/said", every=0.005, api=HfApi(endpoint=server.url, token="hf_none")))
    return Feedback(folder, LABELS, hub=server.uploads[-1], settings=settings)


def on_disk(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.glob("*/*")}


def test_records_reach_the_hub_whatever_it_is_up_to(tmp_path, said_hub, monkeypatch, caplog):
    """Down at the start, down in between, down for more records than a process may have open files."""
    monkeypatch.setattr(hub_sync, "MAX_FILES", 10)
    said_hub.down = True
    feedback = uploading(said_hub, tmp_path)
    feedback.add(photo(0), SURE, "black")
    until(lambda: "cannot be reached" in caplog.text)
    said_hub.down = False
    until(lambda: uploaded(said_hub) == on_disk(tmp_path))
    assert said_hub.dataset().private
    said_hub.down = True
    for seed in range(1, 20):
        feedback.add(photo(seed), SURE, "black")
    feedback.counters.count(SURE)
    time.sleep(0.7)
    assert len(uploaded(said_hub)) == 2
    said_hub.down = False
    until(lambda: len(uploaded(said_hub)) == 40)
    feedback.close(10)
    assert uploaded(said_hub) == on_disk(tmp_path) and len(uploaded(said_hub)) == 41, "and the counters"
    stages = [len(files) for _, _, files in said_hub.dataset().commits]
    assert max(after - before for before, after in itertools.pairwise(stages)) <= 10


def test_what_was_not_uploaded_is_after_a_restart(tmp_path, said_hub):
    Feedback(tmp_path, LABELS).add(photo(), SURE, "black")  # killed before it was
    feedback = uploading(said_hub, tmp_path)
    until(lambda: len(uploaded(said_hub)) == 2)
    feedback.close(5)


def test_only_what_lies_on_the_hub_makes_room(tmp_path, said_hub):
    feedback = uploading(said_hub, tmp_path, Settings(max_feedback_mb=1, feedback_per_minute=1_000_000))

    def give(seeds):
        for seed in seeds:
            feedback.add(noisy_photo((90, 60, 40), seed, (300, 300)), SURE, "black")

    give(range(10))
    until(lambda: len(uploaded(said_hub)) == 20)
    said_hub.down = True
    with pytest.raises(NotStored):
        give(range(10, 1000))
    waiting = on_disk(tmp_path)
    assert not waiting.keys() & uploaded(said_hub).keys(), "those went first"
    assert sum(map(len, waiting.values())) <= 1_000_000
    said_hub.down = False
    until(lambda: waiting.keys() <= uploaded(said_hub).keys())
    feedback.close(5)


@pytest.mark.parametrize("when", ["listed", "read"])
def test_a_file_that_vanishes_ends_no_push(tmp_path, said_hub, monkeypatch, when):
    feedback = uploading(said_hub, tmp_path)
    until(lambda: feedback._hub._scheduler)
    scheduler, gone = feedback._hub._scheduler, {tmp_path / "ab" / f"gone{kind}" for kind in (".jpg", ".json")}
    waiting = scheduler._waiting

    class Listed(type(tmp_path)):
        def glob(self, pattern):
            return [*gone, *super().glob(pattern)]

    if when == "listed":
        monkeypatch.setattr(scheduler, "folder_path", Listed(tmp_path))
    else:
        monkeypatch.setattr(scheduler, "_waiting", lambda: [*((0, path) for path in gone), *waiting()])
    feedback.add(photo(), SURE, "black")
    until(lambda: {Path(name).suffix for name in uploaded(said_hub)} >= {".jpg", ".json"})
    monkeypatch.undo()
    feedback.close(5)


def test_a_hub_that_stays_down_does_not_hold_up_the_end(tmp_path, said_hub):
    feedback = uploading(said_hub, tmp_path)
    until(lambda: feedback._hub._scheduler)
    said_hub.down = True
    feedback.add(photo(), SURE, "black")
    began = time.monotonic()
    feedback.close(2)
    assert time.monotonic() - began < 4


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    """An app with a folder for feedback; (url, folder)."""
    folder = tmp_path_factory.mktemp("said")
    with running_app(FEEDBACK=str(folder), MAX_PER_MINUTE="0") as url:
        yield url, folder


def test_without_feedback_the_app_has_no_question(app_url):
    assert "/feedback" not in requests.get(f"{app_url}/gradio_api/info").json()["named_endpoints"]
    assert "Was this right?" not in requests.get(app_url).text


def said(url: str, path: str, word: str) -> requests.Response:
    return requests.post(f"{url}/gradio_api/run/feedback", json={"data": [by_path(path), word]}, timeout=60)


def test_the_api_takes_it_too_and_counts_no_answer_twice(asking):
    url, folder = asking
    before = len(records(folder))
    path = upload(url, EXAMPLE)
    run_predict(url, by_path(path))
    assert said(url, path, "black").json()["data"] == [{"kept": True, "new": True}]
    assert said(url, path, "black").json()["data"] == [{"kept": True, "new": False}]
    assert "no such label" in said(url, path, "dragon").json()["error"]
    (record,) = [record for record in records(folder) if record["correction"] == "black"]
    assert len(records(folder)) == before + 1 and record["label"] == "teddy" and record["right"] is False


def test_nobody_reads_what_others_sent(asking):
    url, folder = asking
    said(url, upload(url, EXAMPLE), "grizzly")
    for file in [*folder.glob("??/*"), folder, ROOT / "feedback"]:
        for path in (f"{url}/gradio_api/file={file}", f"{url}/file={file}"):
            assert requests.get(path, timeout=10).status_code in (403, 404)
    stolen = next(folder.glob("??/*.jpg"))
    answer = run_predict(url, by_path(str(stolen)))
    assert answer.status_code != 200 or "error" in answer.json(), "a path of the server is no photo of the sender's"


@pytest.mark.parametrize("size", SIZES)
def test_a_click_is_thanked_once_the_record_is_on_the_disk(asking, browser, size, tmp_path):
    url, folder = asking
    context = browser.new_context(**SIZES[size])
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(url)
    page.get_by_text("Show me a photo").wait_for()
    question = page.locator("#was-this-right")
    assert question.count() == 0
    before = len(records(folder))
    with Image.open(ROOT / "examples" / "grizzly-1.jpg") as example:
        example.rotate(1 if size == "phone" else 2).save(tmp_path / "photo.jpg")
    page.set_input_files("input[type=file]", tmp_path / "photo.jpg")
    question.wait_for()
    assert "without the place" in question.inner_text() and len(records(folder)) == before
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.get_by_label("No, it is teddy").click()
    question.get_by_text("Thank you. This photo, the answer and your word are kept").wait_for()
    record = max(records(folder), key=lambda record: record["time"])
    assert len(records(folder)) == before + 1 and (record["label"], record["correction"]) == ("grizzly", "teddy")
    page.get_by_label("Yes").click()  # the other was a slip
    page.wait_for_function("n => [...document.querySelectorAll('#was-this-right input')][0].checked", arg=0)
    until(lambda: len(records(folder)) == before + 2)
    assert max(records(folder), key=lambda record: record["time"])["right"] is True
    page.get_by_label("Clear").or_(page.get_by_label("Remove Image")).first.click()
    question.wait_for(state="detached")
    page.set_input_files("input[type=file]", ROOT / "examples" / "other-mug.jpg")
    question.get_by_text("Your click sends").wait_for()
    assert question.get_by_label("No, it is none of these").count() == 0
    context.close()


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


def test_each_answer_is_counted_once(asking):
    from classifier import Classifier
    from server.predictor import Predictor

    counted = []
    predictor = Predictor(Classifier.load(ROOT / "export.pkl"), on_prediction=counted.append)
    predictor.predict(EXAMPLE), predictor.predict(EXAMPLE)
    predictor.explain(EXAMPLE), predictor.open_and_predict(EXAMPLE)
    predictor.explain(EXAMPLE, "black"), predictor.open_and_predict(EXAMPLE, again=True)
    assert [prediction.label for prediction in counted] == ["teddy"] * 4
