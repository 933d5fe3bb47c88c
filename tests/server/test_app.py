"""app.py as a process: what it needs to start, what it says where it cannot, and on a Space."""

import os
import subprocess
import sys

import pytest
import requests
from fastai.vision.augment import Resize
from torch import nn

from classifier.photo.decode import MAX_PIXELS
from helpers.api import as_dict, by_path, run_predict, upload
from helpers.apps import running_app
from helpers.learners import NORMALIZE, export, make_learner
from helpers.paths import EXAMPLE, ROOT
from training.deploy.manifest import NOT_SERVING, serving_files


def test_works_as_a_space(trained):
    """Under a Space's environment, with somebody else's export: the one-call API must stay open."""
    space = {"SYSTEM": "spaces", "SPACE_ID": "someone/colours", "EXPORT": str(trained / "export.pkl")}
    with running_app(**space) as url:
        answer = run_predict(url, by_path(upload(url, trained / "photos" / "red" / "00.png")))
        assert answer.status_code == 200, answer.text
        assert set(as_dict(answer.json()["data"][0])) == {"blue", "green", "red"}


@pytest.mark.parametrize("file, says", [("nowhere.pkl", "no export at"), ("README.md", "not a fastai export")])
def test_app_that_cannot_start_says_why_in_one_sentence(file, says):
    run = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={"EXPORT": file, "PATH": "/usr/bin:/bin"},
    )
    assert run.returncode == 1
    assert run.stderr.startswith("The app cannot start. ") and says in run.stderr
    assert "Traceback" not in run.stderr


def test_serving_files_alone_answer_a_photo(tmp_path):
    """Serving never imports training: copied alone, it runs."""
    for name, content in serving_files(ROOT).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with running_app(tmp_path) as url:
        answer = run_predict(url, by_path(upload(url, EXAMPLE)))
        assert answer.json()["data"][0]["label"] == "teddy"


def test_the_list_of_serving_files_leaves_nothing_of_their_rooms_out():
    listed = serving_files(ROOT)
    for room in ("classifier", "server"):
        for file in (ROOT / room).rglob("*"):
            if file.is_file() and file.suffix not in (".pyc", ".pyi"):  # the last are Gradio's, and not in git
                path = file.relative_to(ROOT).as_posix()
                assert (path in listed) != path.startswith(NOT_SERVING), path
    sent = ("classifier", "server", "examples")
    elsewhere = {file for file in listed if "/" in file and file.split("/")[0] not in sent}
    assert elsewhere == {"docs/page.jpg"}, "nothing but the picture that the README shows"


ZERO_GPU = """
import sys
given = []

def GPU(function):
    assert "torch" not in sys.modules, "ZeroGPU's package has to come before torch"
    given.append(function)
    return function
"""


def test_on_zero_gpu_the_app_names_a_function_and_its_queue_takes_more_than_one(tmp_path):
    (tmp_path / "spaces.py").write_text(ZERO_GPU)
    check = "import app, spaces; print(len(spaces.given), app.demo._queue.max_size)"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", check],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "SPACES_ZERO_GPU": "true", "GRADIO_ANALYTICS_ENABLED": "False"},
    )
    assert run.stdout.split() == ["1", "100"], run.stderr


def test_export_without_heatmap_or_calibration_is_served_and_says_so(photos, tmp_path):
    """Somebody else's export: its page answers, and `/explain` says why there is no picture."""
    learn = make_learner(photos, Resize(64), [NORMALIZE])
    learn.model, learn.loss_func = nn.Sequential(learn.model, nn.Softmax(1)), nn.NLLLoss()
    with running_app(EXPORT=str(export(learn, tmp_path))) as url:
        path = by_path(upload(url, EXAMPLE))
        answer = requests.post(f"{url}/gradio_api/run/explain", json={"data": [path, None]}, timeout=60)
        assert "not available" in answer.json()["error"]
        answer = requests.post(f"{url}/gradio_api/run/classify_photo", json={"data": [path]}, timeout=60)
        assert answer.json()["data"][0]["calibrated"] is False
        assert set(as_dict(run_predict(url, path).json()["data"][0])) == {"blue", "green", "red"}


def test_largest_photo_is_what_the_guide_says():
    guide = (ROOT / "docs" / "guides" / "limits-and-security.md").read_text()
    assert f"Photos of more than {MAX_PIXELS // 1_000_000} megapixels are refused" in guide
