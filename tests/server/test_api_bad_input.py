"""The API and what is no photo: a sentence for its sender, nothing else."""

from pathlib import Path

import pytest
import requests
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from helpers.api import by_path, run_predict, upload
from helpers.paths import EXAMPLE, ROOT
from helpers.photos import png_of_declared_size


@pytest.mark.parametrize(
    "label, says",
    [
        ("purple", "no label 'purple'. The labels are black, grizzly, teddy."),
        ("x" * 5000, "no label"),
        (7, "no label '7'"),
        (["black"], "no label"),
    ],
    ids=["unknown", "long", "number", "list"],
)
def test_unknown_label_is_answered_with_a_sentence(app_url, label, says):
    answer = requests.post(
        f"{app_url}/gradio_api/run/explain", timeout=60, json={"data": [by_path(upload(app_url, EXAMPLE)), label]}
    )
    assert says in answer.json()["error"] and len(answer.text) < 500


def test_explain_of_what_is_no_photo_is_answered_with_a_sentence(app_url, tmp_path):
    (tmp_path / "photo.jpg").write_text("not a photo")
    for photo in (None, by_path(upload(app_url, tmp_path / "photo.jpg"))):
        answer = requests.post(f"{app_url}/gradio_api/run/explain", json={"data": [photo, None]}, timeout=60)
        assert answer.json()["error"].endswith(".")


def test_upload_that_is_gone_is_told_without_its_path(app_url):
    path = upload(app_url, EXAMPLE, "gone.jpg")
    Path(path).unlink()
    answer = run_predict(app_url, {"path": path})
    assert "no longer here" in answer.json()["error"] and path not in answer.text


@pytest.mark.parametrize("url", ["data:image/png;base64,%%%", "data:text/plain,hello", "data:", "data:;base64,"])
def test_broken_data_url_is_answered_with_a_sentence(app_url, url):
    answer = run_predict(app_url, {"url": url, "meta": {"_type": "gradio.FileData"}})
    assert answer.json()["error"].endswith((".", "expected."))
    assert "Traceback" not in answer.text


def test_too_few_inputs_are_answered_with_a_sentence(app_url):
    answer = requests.post(f"{app_url}/gradio_api/run/predict", json={"data": []}, timeout=30)
    assert answer.json()["error"].startswith("Send a photo as")


@pytest.mark.parametrize(
    "photo", [None, 42, [], {}, {"path": None}, {"url": 7}, "photo.jpg", {"path": ["a"]}], ids=repr
)
def test_what_is_no_photo_field_is_answered_with_a_sentence(app_url, photo):
    answer = run_predict(app_url, photo)
    assert answer.json()["error"] and answer.json()["error"].endswith(".")


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}], ids=["plain", "as-file"])
@pytest.mark.parametrize("path", [str(EXAMPLE), "/etc/passwd", "/etc/no-such-file", "../../etc/passwd"])
def test_files_of_the_server_cannot_be_asked_about(app_url, path, meta):
    answer = run_predict(app_url, {"path": path, **meta})
    assert answer.json()["error"].startswith("Send a photo as")
    assert "no file" not in answer.text and "not a photo" not in answer.text


BAD_FILES = {
    "text": (b"not a photo\n", "not a photo"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "html": (b"<!doctype html><script>alert(1)</script>", "web page"),
    "empty": (b"", "empty"),
    "truncated": (EXAMPLE.read_bytes()[:20_000], "cut off"),
    "huge": (png_of_declared_size(20_000, 10_000), "megapixels"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_file_is_answered_with_its_sentence(app_url, client, tmp_path, kind):
    data, says = BAD_FILES[kind]
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    answer = run_predict(app_url, by_path(upload(app_url, path)))
    assert says in answer.json()["error"]
    assert "Traceback" not in answer.text and str(ROOT) not in answer.text
    with pytest.raises(AppError, match=says):
        client.predict(photo=handle_file(str(path)), api_name="/predict")
