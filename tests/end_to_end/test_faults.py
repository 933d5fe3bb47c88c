"""The running app and what befalls it: signals, kills, a full disk, a clock that jumps, a model that is replaced."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
import requests

from helpers.apps import app_process, running_app
from helpers.paths import EXAMPLE, ROOT
from training.deploy.manifest import serving_files

PHOTO = EXAMPLE.read_bytes()
LARGE = PHOTO + bytes(1_500_000)  # beyond what a form keeps in memory


def classify(url: str, **options) -> requests.Response:
    return requests.post(f"{url}/classify", data=PHOTO, timeout=60, **options)


def by_form(url: str, data: bytes) -> requests.Response:
    return requests.post(f"{url}/classify", files={"file": ("x.jpg", data)}, timeout=60)


def upload(url: str, data: bytes = PHOTO) -> requests.Response:
    return requests.post(f"{url}/gradio_api/upload", files={"files": ("x.jpg", data)}, timeout=60)


def test_health_tells_whether_photos_are_answered(app_url):
    answer = requests.get(f"{app_url}/health", timeout=10)
    said = answer.json()
    assert answer.status_code == 200 and said["ready"] is True and said["why"] == "Photos are answered."
    assert said["model_version"] == classify(app_url).json()["model_version"]
    assert datetime.fromisoformat(said["since"]).timestamp() <= time.time()
    assert said["data_sha256"] is None or len(said["data_sha256"]) == 64
    assert said["compiled"] is True and said["restart_to_update"] is False and said["waiting"] >= 0


def test_told_to_stop_it_answers_what_was_asked_and_takes_nothing_new(tmp_path):
    with app_process(log=tmp_path / "log", GRADIO_TEMP_DIR=str(tmp_path / "uploads")) as (process, url):
        mine = Path(upload(url).json()[0])
        statuses, stopped = [], threading.Event()

        def ask() -> None:
            while not stopped.is_set():
                with contextlib.suppress(requests.ConnectionError):  # nobody listens any more
                    answer = classify(url)
                    statuses.append((answer.status_code, answer.json().get("label")))
                time.sleep(0.001)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(statuses) < 40:
            time.sleep(0.05)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert time.monotonic() - told < 10
        stopped.set()
        for thread in threads:
            thread.join()
    assert set(statuses) <= {(200, "teddy"), (503, None)} and not mine.exists()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_request_that_is_on_its_way_is_answered_before_the_end():
    with app_process() as (process, url):

        def slowly():
            for part in (PHOTO[:1000], PHOTO[1000:]):
                yield part
                time.sleep(1.5)

        answers = []
        thread = threading.Thread(
            target=lambda: answers.append(requests.post(f"{url}/classify", data=slowly(), timeout=30))
        )
        thread.start()
        time.sleep(0.7)
        process.send_signal(signal.SIGTERM)
        thread.join(30)
        assert answers[0].json()["label"] == "teddy" and process.wait(20) == 0


def test_killed_and_started_again_it_serves(tmp_path):
    folder = {"GRADIO_TEMP_DIR": str(tmp_path / "uploads")}
    with app_process(log=tmp_path / "log", **folder) as (process, url):
        for i in range(5):
            upload(url, PHOTO + bytes([i]))
        process.kill()
        process.wait()
    with running_app(**folder) as url:
        assert classify(url).json()["label"] == "teddy" and upload(url).status_code == 200


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB, and a way to mount it otherwise."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(*options: str) -> None:
        run = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", disk], capture_output=True, text=True)
        if run.returncode:
            pytest.skip(f"no disk can be mounted here: {run.stderr.strip()}")

    if os.name != "posix" or not shutil.which("mount"):
        pytest.skip("no mount here")
    mount("-o", "size=3m")
    yield disk, lambda options: mount("-o", f"remount,{options}")
    subprocess.run(["umount", "-l", disk], check=False)


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_without_room_for_uploads_it_says_so_and_answers_what_needs_none(small_disk, fault, tmp_path):
    disk, remount = small_disk
    environment = {"GRADIO_TEMP_DIR": str(disk), "TMPDIR": str(disk)}
    with running_app(log=tmp_path / "log", **environment) as url:
        if fault == "full":
            with contextlib.suppress(OSError), (disk / "filler").open("wb") as filler:
                while True:
                    filler.write(bytes(4096))
                    filler.flush()
        else:
            remount("ro")
        health = requests.get(f"{url}/health", timeout=10)
        assert health.status_code == 503 and health.json()["why"].startswith(("The disk has", "Uploads cannot be kept"))
        assert classify(url).json()["label"] == "teddy" and by_form(url, PHOTO).json()["label"] == "teddy"
        for answer in (upload(url), upload(url, LARGE), by_form(url, LARGE)):
            assert answer.status_code == 503 and "no room" in answer.text, answer.text
            assert int(answer.headers["Retry-After"]) > 0 and str(disk) not in answer.text
        remount("rw,size=30m")
        (disk / "filler").unlink(missing_ok=True)
        assert upload(url).status_code == 200 and by_form(url, LARGE).json()["label"] == "teddy"


# run by Python at its start; every clock of Python code that tells the time of day follows the file, and time that is
# only measured (time.monotonic) goes on, as when a person or a time server sets the clock of a machine
CLOCK = """
import os, time
from pathlib import Path
file, real = Path(os.environ["TEST_CLOCK"]), time.time
shift = lambda: int(file.read_text()) if file.exists() else 0
time.time = lambda: real() + shift()
time.time_ns = lambda: int(time.time() * 1e9)
"""


@pytest.mark.parametrize("days", [30, -30])
def test_a_clock_that_jumps_changes_nothing(tmp_path, days):
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    clock, new = tmp_path / "clock", tmp_path / "new"
    environment = {"PYTHONPATH": str(tmp_path), "TEST_CLOCK": str(clock), "GRADIO_TEMP_DIR": str(tmp_path / "uploads")}
    with running_app(MAX_PER_MINUTE="60", **environment) as url:
        before = Path(upload(url).json()[0])
        new.write_text(str(days * 24 * 3600))
        new.replace(clock)
        time.sleep(12)  # the sweep of uploads comes round
        assert before.exists() and requests.get(f"{url}/health", timeout=10).json()["ready"]
        for _ in range(3):
            assert classify(url).json()["label"] == "teddy"
        assert upload(url).status_code == 200


def test_a_model_that_is_replaced_is_served_after_the_next_start(tmp_path):
    for name, content in serving_files(ROOT).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with running_app(tmp_path) as url:
        alone = classify(url).json()
        (tmp_path / "export.pkl").write_bytes((ROOT / "export.pkl").read_bytes()[:5_000_000])  # half written
        (tmp_path / "export.onnx").write_bytes(b"")
        assert classify(url).json() == alone
        health = requests.get(f"{url}/health", timeout=10).json()
        assert health["ready"] and health["restart_to_update"]
        assert requests.post(f"{url}/classify", data=PHOTO + b"x", timeout=60).json()["label"] == "teddy"


def test_the_log_tells_size_and_time_of_a_photo_and_nothing_else(tmp_path):
    with running_app(log=tmp_path / "log", LOG_LEVEL="INFO") as url:
        requests.post(f"{url}/classify", files={"file": ("my-private-name.jpg", PHOTO)}, timeout=60)
        requests.post(f"{url}/gradio_api/upload", files={"files": ("my-private-name.jpg", b"no photo")}, timeout=60)
    said = (tmp_path / "log").read_text()
    assert f"a photo of {len(PHOTO) // 1000} kB: " in said and "private" not in said and "teddy" not in said


def test_without_a_folder_for_uploads_it_says_so_and_does_not_start(tmp_path):
    (tmp_path / "file").write_text("")
    run = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "GRADIO_TEMP_DIR": str(tmp_path / "file" / "below")},
    )
    assert run.returncode == 1 and "GRADIO_TEMP_DIR names another folder" in run.stderr
    assert "Traceback" not in run.stderr
