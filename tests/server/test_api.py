"""The API over HTTP: gradio_client, curl and plain requests against the running app."""

import json
import shutil
import subprocess
import threading

import numpy as np
import pytest
import requests
from gradio_client import handle_file
from PIL import Image

from helpers.api import as_dict, by_path, events, run_predict, upload
from helpers.paths import EXAMPLE, ROOT


def test_three_endpoints_are_public_and_take_a_photo_by_name(client):
    api = client.view_api(return_format="dict", print_info=False)
    taken = {
        name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        for name, endpoint in api["named_endpoints"].items()
    }
    assert taken == {"/predict": ["photo"], "/classify_photo": ["photo"], "/explain": ["photo", "label"]}
    assert api["unnamed_endpoints"] == {}


@pytest.mark.parametrize("name, familiar", [("teddy-1", True), ("other-mug", False)])
def test_classify_photo_says_whether_to_believe_it(client, name, familiar):
    answer = client.predict(photo=handle_file(str(EXAMPLE.with_name(f"{name}.jpg"))), api_name="/classify_photo")
    assert list(answer) == ["label", "probabilities", "familiarity", "neighbours", "familiar", "calibrated"]
    assert answer["label"] == "teddy" and set(answer["probabilities"]) == {"black", "grizzly", "teddy"}
    assert answer["familiar"] is familiar
    assert 0 <= answer["familiarity"] <= 1


def test_explain_gives_the_picture_for_the_winner_or_any_label(client):
    pictures = [
        np.asarray(Image.open(client.predict(photo=handle_file(str(EXAMPLE)), api_name="/explain", **label)))
        for label in ({}, {"label": "teddy"}, {"label": "black"})
    ]
    with Image.open(EXAMPLE) as photo:
        assert pictures[0].shape == (photo.height, photo.width, 3)
    assert (pictures[0] == pictures[1]).all() and (pictures[0] != pictures[2]).any()


def test_explain_takes_a_photo_alone(app_url):
    answer = requests.post(
        f"{app_url}/gradio_api/run/explain", timeout=60, json={"data": [by_path(upload(app_url, EXAMPLE))]}
    )
    assert "url" in answer.json()["data"][0]


def test_explain_keeps_a_phone_photo_upright(client, tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.open(EXAMPLE).resize((600, 300)).save(tmp_path / "sideways.jpg", exif=exif)
    picture = Image.open(client.predict(photo=handle_file(str(tmp_path / "sideways.jpg")), api_name="/explain"))
    assert picture.size == (300, 600)


def test_predict_keeps_its_shape_for_an_unfamiliar_photo(client):
    answer = client.predict(photo=handle_file(str(EXAMPLE.with_name("other-mug.jpg"))), api_name="/predict")
    assert set(answer) == {"label", "confidences"} and len(answer["confidences"]) == 3


def test_gradio_client_with_a_file(client, expected):
    answer = client.predict(photo=handle_file(str(EXAMPLE)), api_name="/predict")
    assert answer["label"] == "teddy"
    assert as_dict(answer) == pytest.approx(expected, abs=1e-5)


def test_run_predict_answers_in_one_call(app_url, expected):
    answer = run_predict(app_url, by_path(upload(app_url, EXAMPLE)))
    assert answer.status_code == 200
    assert as_dict(answer.json()["data"][0]) == pytest.approx(expected, abs=1e-5)


def test_call_predict_streams_its_answer(app_url, expected):
    text = events(app_url, {"data": [by_path(upload(app_url, EXAMPLE))]})
    assert text.startswith("event: complete")
    assert as_dict(json.loads(text.split("data: ", 1)[1])[0]) == pytest.approx(expected, abs=1e-5)


def test_any_phone_photo_is_answered(client, tmp_path, expected):
    photo = Image.open(EXAMPLE)
    exif = Image.Exif()
    exif[274] = 6
    sideways = photo.transpose(Image.Transpose.ROTATE_90)
    sideways.save(tmp_path / "sideways.png", exif=exif)
    photo.save(tmp_path / "photo.heic", format="HEIF", quality=95)
    photo.save(tmp_path / "photo.avif", quality=95)
    photo.save(tmp_path / "Großer Bär (1).webp", lossless=True)
    for path in sorted(tmp_path.iterdir()):
        answer = client.predict(photo=handle_file(str(path)), api_name="/predict")
        assert as_dict(answer) == pytest.approx(expected, abs=0.02), path.name


def test_curl_as_the_readme_shows_it(app_url):
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    script = f"""
        set -e
        file=$(curl -sf -F files=@{EXAMPLE} {app_url}/gradio_api/upload | tr -d '[]"')
        curl -sf {app_url}/gradio_api/run/predict -H 'Content-Type: application/json' \
            -d '{{"data": [{{"path": "'$file'", "meta": {{"_type": "gradio.FileData"}}}}]}}'
    """
    answer = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert json.loads(answer)["data"][0]["label"] == "teddy"


def test_requests_at_once_are_all_answered(app_url):
    labels = {"black-1": "black", "grizzly-1": "grizzly", "teddy-2": "teddy"}
    paths = {name: upload(app_url, ROOT / "examples" / f"{name}.jpg") for name in labels}
    answers = []

    def ask(name):
        answers.append((name, run_predict(app_url, by_path(paths[name])).json()["data"][0]["label"]))

    threads = [threading.Thread(target=ask, args=(name,)) for name in list(labels) * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 24
    assert all(labels[name] == label for name, label in answers)
