"""app.py over HTTP: gradio_client, curl and plain requests against the running app."""
import base64
import contextlib
import http.server
import importlib
import json
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import requests
from fastai.vision.augment import Resize
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from test_classifier import NORMALIZE, export, make_learner
from test_photo import png_of_declared_size
from torch import nn

from classifier import Classifier, Prediction
from classifier.photo import MAX_PIXELS
from conftest import ROOT, running_app

EXAMPLE = ROOT / "examples" / "teddy-1.jpg"


@pytest.fixture(scope="module")
def client(app_url):
    return Client(app_url, verbose=False)


@pytest.fixture(scope="module")
def expected() -> dict[str, float]:
    return Classifier.load(ROOT / "export.pkl").predict(EXAMPLE).probabilities


def as_dict(label: dict) -> dict[str, float]:
    return {row["label"]: row["confidence"] for row in label["confidences"]}


def upload(app_url: str, path: Path, name: str = "photo.jpg") -> str:
    answer = requests.post(f"{app_url}/gradio_api/upload", files={"files": (name, path.read_bytes())}, timeout=30)
    answer.raise_for_status()
    return answer.json()[0]


def run_predict(app_url: str, photo: dict | None) -> requests.Response:
    return requests.post(f"{app_url}/gradio_api/run/predict", json={"data": [photo]}, timeout=60)


def by_path(path: str) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def events(app_url: str, payload: dict, version: str = "") -> str:
    """Call /predict the two-step way and return the server-sent events as text."""
    base = f"{app_url}/gradio_api/call{version}/predict"
    event_id = requests.post(base, json=payload, timeout=60).json()["event_id"]
    return requests.get(f"{app_url}/gradio_api/call/predict/{event_id}", timeout=60).text


def test_three_endpoints_are_public_and_take_a_photo_by_name(client):
    api = client.view_api(return_format="dict", print_info=False)
    taken = {name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
             for name, endpoint in api["named_endpoints"].items()}
    assert taken == {"/predict": ["photo"], "/classify_photo": ["photo"], "/explain": ["photo", "label"]}
    assert api["unnamed_endpoints"] == {}


@pytest.mark.parametrize("name, familiar", [("teddy-1", True), ("other-mug", False)])
def test_classify_photo_says_whether_to_believe_it(client, name, familiar):
    answer = client.predict(photo=handle_file(str(EXAMPLE.with_name(f"{name}.jpg"))), api_name="/classify_photo")
    assert set(answer) == {"label", "probabilities", "familiarity", "familiar"}
    assert answer["label"] == "teddy" and set(answer["probabilities"]) == {"black", "grizzly", "teddy"}
    assert answer["familiar"] is familiar
    assert 0 <= answer["familiarity"] <= 1


def test_explain_gives_the_picture_for_the_winner_or_any_label(client):
    pictures = [np.asarray(Image.open(client.predict(photo=handle_file(str(EXAMPLE)), api_name="/explain", **label)))
                for label in ({}, {"label": "teddy"}, {"label": "black"})]
    with Image.open(EXAMPLE) as photo:
        assert pictures[0].shape == (photo.height, photo.width, 3)
    assert (pictures[0] == pictures[1]).all() and (pictures[0] != pictures[2]).any()


def test_explain_keeps_a_phone_photo_upright(client, tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.open(EXAMPLE).resize((600, 300)).save(tmp_path / "sideways.jpg", exif=exif)
    picture = Image.open(client.predict(photo=handle_file(str(tmp_path / "sideways.jpg")), api_name="/explain"))
    assert picture.size == (300, 600)


@pytest.mark.parametrize("label, says", [("purple", "no label 'purple'. The labels are black, grizzly, teddy."),
                                         ("x" * 5000, "no label"), (7, "no label '7'"), (["black"], "no label")],
                         ids=["unknown", "long", "number", "list"])
def test_unknown_label_is_answered_with_a_sentence(app_url, label, says):
    answer = requests.post(f"{app_url}/gradio_api/run/explain", timeout=60,
                           json={"data": [by_path(upload(app_url, EXAMPLE)), label]})
    assert says in answer.json()["error"] and len(answer.text) < 500


def test_explain_of_what_is_no_photo_is_answered_with_a_sentence(app_url, tmp_path):
    (tmp_path / "photo.jpg").write_text("not a photo")
    for photo in (None, by_path(upload(app_url, tmp_path / "photo.jpg"))):
        answer = requests.post(f"{app_url}/gradio_api/run/explain", json={"data": [photo, None]}, timeout=60)
        assert answer.json()["error"].endswith(".")


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


def test_data_url_is_answered(app_url, expected):
    url = "data:image/jpeg;base64," + base64.b64encode(EXAMPLE.read_bytes()).decode()
    answer = run_predict(app_url, {"url": url, "meta": {"_type": "gradio.FileData"}})
    assert as_dict(answer.json()["data"][0]) == pytest.approx(expected, abs=1e-5)
    text = events(app_url, {"photo": url}, "/v2")
    assert as_dict(json.loads(text.split("data: ", 1)[1])[0]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("change", [
    lambda data: "DATA:image/jpeg;BASE64," + data, lambda data: "data:image/jpeg;base64," + data.rstrip("="),
    lambda data: "data:image/jpeg;base64," + data.replace("+", "%2B").replace("=", "%3D"),
    lambda data: "data:image/jpeg;base64," + "\r\n".join(data[i:i + 76] for i in range(0, len(data), 76)),
], ids=["upper-case", "no-padding", "percent", "lines"])
def test_data_urls_as_others_write_them_are_answered(app_url, change):
    url = change(base64.b64encode(EXAMPLE.read_bytes()).decode())
    assert run_predict(app_url, {"url": url}).json()["data"][0]["label"] == "teddy"


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


@contextlib.contextmanager
def local_server(folder: Path):
    """Serve a folder on loopback, as a web page's photo would be."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_private_addresses_are_not_fetched(app_url):
    with local_server(EXAMPLE.parent) as server:
        text = events(app_url, {"data": [{**by_path(f"{server}/{EXAMPLE.name}"), "url": f"{server}/{EXAMPLE.name}"}]})
    assert text.startswith("event: error")
    assert "could not be fetched" in text and "teddy" not in text


@pytest.mark.parametrize("address", ["https://nosuchhost.invalid/bear.jpg", "http://127.0.0.1:9/bear.jpg",
                                     "http://[::1]/bear.jpg", "http://2130706433/bear.jpg", "https://"])
def test_address_that_cannot_be_fetched_is_answered_with_a_sentence(app_url, address):
    assert "could not be fetched" in run_predict(app_url, by_path(address)).json()["error"]


def test_public_address_is_fetched_and_answered(monkeypatch, expected):
    """A stand-in for the internet: this machine's address counts as public, all else is the real thing."""
    monkeypatch.setattr("gradio.processing_utils.PUBLIC_HOSTNAME_WHITELIST", ["127.0.0.1"])
    app = importlib.import_module("app")
    with local_server(EXAMPLE.parent) as server:
        _, url, _ = app.demo.launch(prevent_thread_lock=True, quiet=True, server_port=None)
        try:
            answer = run_predict(url.rstrip("/"), by_path(f"{server}/{EXAMPLE.name}"))
            missing = run_predict(url.rstrip("/"), by_path(f"{server}/no-such-photo.jpg"))
        finally:
            app.demo.close(verbose=False)
    assert as_dict(answer.json()["data"][0]) == pytest.approx(expected, abs=1e-5)
    assert "could not be fetched" in missing.json()["error"]


def test_too_few_inputs_are_answered_with_a_sentence(app_url):
    answer = requests.post(f"{app_url}/gradio_api/run/predict", json={"data": []}, timeout=30)
    assert answer.json()["error"].startswith("Send a photo as")


@pytest.mark.parametrize("photo", [None, 42, [], {}, {"path": None}, {"url": 7}, "photo.jpg", {"path": ["a"]}],
                         ids=repr)
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
    "text": (b"not a photo\n", "not a photo"), "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "html": (b"<!doctype html><script>alert(1)</script>", "web page"), "empty": (b"", "empty"),
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


def test_works_as_a_space(trained):
    """Under a Space's environment, with somebody else's export: the one-call API must stay open."""
    space = {"SYSTEM": "spaces", "SPACE_ID": "someone/colours", "EXPORT": str(trained / "export.pkl")}
    with running_app(**space) as url:
        answer = run_predict(url, by_path(upload(url, trained / "photos" / "red" / "00.png")))
        assert answer.status_code == 200, answer.text
        assert set(as_dict(answer.json()["data"][0])) == {"blue", "green", "red"}


@pytest.mark.parametrize("file, says", [("nowhere.pkl", "no export at"), ("README.md", "not a fastai export")])
def test_app_that_cannot_start_says_why_in_one_sentence(file, says):
    run = subprocess.run([sys.executable, "app.py"], cwd=ROOT, capture_output=True, text=True, timeout=120,
                         env={"EXPORT": file, "PATH": "/usr/bin:/bin"})
    assert run.returncode == 1
    assert run.stderr.startswith("The app cannot start. ") and says in run.stderr
    assert "Traceback" not in run.stderr


SERVING_FILES = ["app.py", "classifier", "web", "export.pkl", "examples", "requirements.txt"]


def test_serving_files_alone_answer_a_photo(tmp_path):
    """Serving never imports training: copied alone, it runs."""
    for name in SERVING_FILES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tmp_path / name)
    with running_app(tmp_path) as url:
        answer = run_predict(url, by_path(upload(url, EXAMPLE)))
        assert answer.json()["data"][0]["label"] == "teddy"


def test_serving_imports_neither_training_nor_benchmarks():
    for file in [ROOT / "app.py", *(ROOT / "classifier").glob("*.py"), *(ROOT / "web").glob("*.py")]:
        lines = [line.split("#")[0] for line in file.read_text().splitlines()]
        imports = [line for line in lines if line.lstrip().startswith(("import ", "from "))]
        assert not [line for line in imports if "training" in line or "benchmarks" in line], file
        if file.parent.name == "classifier":
            assert not [line for line in imports if "gradio" in line or "web" in line], file


def test_page_words_fit_two_labels_or_two_hundred():
    from web.words import listed, not_familiar, question, what_it_knows
    assert listed(["cat", "dog"], "or") == "cat or dog"
    assert listed(["only"], "or") == "only"
    assert question(["black", "grizzly", "teddy"]).endswith("**black, grizzly or teddy**.")
    many = [f"bird_{i}" for i in range(200)]
    assert "200 in all" in question(many) and len(question(many)) < 250
    assert "without a record" in what_it_knows(["cat", "dog"], {}, False)
    assert "cannot tell when a photo is none of these" in what_it_knows(["cat", "dog"], {}, False)
    assert "it says so" in what_it_knows(["cat", "dog"], {}, True)
    guess = Prediction("bird_7", {"bird_7": 1.0}, 0.2, False)
    assert not_familiar(["cat", "dog"], guess).startswith("### I don't think this is cat or dog.")
    assert "*bird 7*" in not_familiar(many, guess) and len(not_familiar(many, guess)) < 350
    facts = {"error_rate": 0.0241, "n_valid": 83, "n_train": 333, "date": "2026-11-23"}
    assert "83 photos held out of training it got 2 wrong (2.4%)" in what_it_knows(["cat", "dog"], facts, True)
    assert "23 November 2026" in what_it_knows(["cat", "dog"], facts, True)


def test_confidence_is_said_in_words():
    from web.words import how_sure, times_right
    said = {0.999: "about 99 times in 100", 0.955: "about 19 times in 20", 0.9: "about 9 times in 10",
            0.52: "about 5 times in 10", 0.08: "about 1 time in 10", 0.01: "less than 1 time in 20"}
    assert {probability: times_right(probability) for probability in said} == said
    answer = Prediction("cat", {"cat": 0.9, "dog": 0.1})
    assert how_sure(answer, True) == "At this level it is right **about 9 times in 10**."
    assert "not known" in how_sure(answer, False) and "times in" not in how_sure(answer, False)


def test_export_without_heatmap_or_calibration_is_served_and_says_so(photos, tmp_path):
    """Somebody else's export: its page answers, and `/explain` says why there is no picture."""
    learn = make_learner(photos, Resize(64), [NORMALIZE])
    learn.model, learn.loss_func = nn.Sequential(learn.model, nn.Softmax(1)), nn.NLLLoss()
    with running_app(EXPORT=str(export(learn, tmp_path))) as url:
        path = by_path(upload(url, EXAMPLE))
        answer = requests.post(f"{url}/gradio_api/run/explain", json={"data": [path, None]}, timeout=60)
        assert "not available" in answer.json()["error"]
        assert set(as_dict(run_predict(url, path).json()["data"][0])) == {"blue", "green", "red"}


def test_largest_photo_is_what_the_readme_says():
    assert f"{MAX_PIXELS // 1_000_000} megapixels" in (ROOT / "README.md").read_text()
