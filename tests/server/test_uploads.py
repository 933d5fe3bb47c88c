"""server/uploads.py: uploads go after a while, whatever the clock does, and never take more room than they may."""

import os
import time
from pathlib import Path

import pytest

from server import uploads as module
from server.uploads import Uploads


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def put(folder: Path, name: str, n_bytes: int = 10) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(n_bytes))
    return path


@pytest.fixture
def swept(tmp_path):
    clock = Clock()
    kept = put(tmp_path, "examples/teddy.jpg")
    return tmp_path, clock, Uploads(tmp_path, minutes=1, max_mb=10, keep={str(kept)}, clock=clock), kept


def test_uploads_go_when_they_are_old_and_examples_stay(swept):
    folder, clock, uploads, kept = swept
    debris = put(folder, "old/of-a-killed-app.jpg")
    os.utime(debris, (0, 0))
    assert uploads.sweep() == 0
    clock.now = 30
    new = put(folder, "new/bear.jpg")
    uploads.sweep()
    clock.now = 61
    assert uploads.sweep() == 1 and not debris.exists() and new.exists() and kept.exists()
    clock.now = 95
    assert uploads.sweep() == 1 and not new.exists() and kept.exists()
    clock.now = 200
    uploads.sweep()
    clock.now = 300
    uploads.sweep()
    assert [path.name for path in folder.iterdir()] == ["examples"]


def test_a_photo_that_is_sent_again_is_young_again(swept):
    folder, clock, uploads, _ = swept
    path = put(folder, "a/bear.jpg")
    uploads.sweep()
    clock.now = 50
    os.utime(path, (1, 1))
    uploads.sweep()
    clock.now = 100
    assert uploads.sweep() == 0 and path.exists()


def test_the_oldest_go_where_there_are_too_many(swept):
    folder, clock, uploads, kept = swept
    files = []
    for i in range(5):
        clock.now = i
        files.append(put(folder, f"{i}/bear.jpg", 3_000_000))
        uploads.sweep()
    assert [file.exists() for file in files] == [False, False, True, True, True] and kept.exists()


def test_a_clock_that_jumps_deletes_nothing(tmp_path, monkeypatch):
    uploads = Uploads(tmp_path, minutes=60, max_mb=10)
    path = put(tmp_path, "a/bear.jpg")
    uploads.sweep()
    now = time.time()
    for jump in (-1e9, 1e9):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        assert uploads.sweep() == 0
    assert path.exists()


def test_at_the_end_only_what_came_meanwhile_goes(tmp_path):
    kept, before = put(tmp_path, "examples/teddy.jpg"), put(tmp_path, "before/bear.jpg")
    uploads = Uploads(tmp_path, minutes=1, max_mb=10, keep={str(kept)})
    new = put(tmp_path, "new/bear.jpg")  # before the first sweep: the app answers before its threads are under way
    uploads.clear_own()
    assert before.exists() and kept.exists() and not new.exists()


def test_problems_are_told_in_a_sentence(tmp_path, monkeypatch):
    assert Uploads(tmp_path / "new", 60, 10).problem() is None
    (tmp_path / "file").write_text("")
    assert "cannot be kept" in Uploads(tmp_path / "file", 60, 10).problem()
    assert "cannot be kept" in Uploads(tmp_path / "file" / "below", 60, 10).problem()
    monkeypatch.setattr(module, "MIN_FREE", 10**18)
    assert "The disk has" in Uploads(tmp_path, 60, 10).problem()
