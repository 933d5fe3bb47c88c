"""server/feedback/hub_sync.py: records reach the Hub whatever it is up to, and wait on the disk till then."""

import itertools
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi

from helpers.hub_stub import Hub, running_hub
from helpers.photos import noisy_photo
from helpers.records import LABELS, MANY, SURE, photo, until
from server.feedback import hub_sync
from server.feedback.corrections import NotStored
from server.feedback.hub_sync import HubUpload
from server.feedback.store import Feedback
from server.settings import Settings


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
