"""server/api.py and server/predictor.py over HTTP: POST /classify, with curl and plain requests."""

import json
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from classifier import Classifier
from classifier.files import sha256
from classifier.photo import PhotoError
from helpers.paths import EXAMPLE, ROOT
from server.predictor import CACHE_SIZE, Busy, Predictor, cache_size

MUG = ROOT / "examples" / "other-mug.jpg"
FIELDS = {"label", "probabilities", "familiar", "familiarity", "neighbours", "calibrated", "model_version"}


def post(url: str, *files, **options) -> requests.Response:
    return requests.post(f"{url}/classify", files=[("file", file) for file in files] or None, timeout=60, **options)


def check(answer: dict, expected: dict[str, float]) -> None:
    assert set(answer) - {"file"} == FIELDS
    assert answer["label"] == "teddy" and answer["familiar"] is True and answer["calibrated"] is True
    assert answer["probabilities"] == pytest.approx(expected, abs=1e-6)
    assert list(answer["probabilities"].values()) == sorted(answer["probabilities"].values(), reverse=True)
    assert answer["model_version"] == sha256(ROOT / "export.pkl")[:12]


def test_multipart_field(app_url, expected):
    answer = post(app_url, ("bear.jpg", EXAMPLE.read_bytes()))
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    check(answer.json(), expected)


@pytest.mark.parametrize("kind", ["image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded", None])
def test_raw_body(app_url, expected, kind):
    answer = post(app_url, data=EXAMPLE.read_bytes(), headers={"Content-Type": kind})
    assert answer.status_code == 200
    check(answer.json(), expected)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
@pytest.mark.parametrize(
    "options",
    [
        ("-F", f"file=@{EXAMPLE}"),
        ("--data-binary", f"@{EXAMPLE}"),
        ("-T", f"{EXAMPLE}", "-X", "POST"),
        ("--data-binary", f"@{EXAMPLE}", "-H", "Transfer-Encoding: chunked"),
    ],
    ids=["form", "body", "upload", "chunked"],
)
def test_curl(app_url, expected, options):
    run = subprocess.run(["curl", "-s", *options, f"{app_url}/classify"], capture_output=True, timeout=60)
    check(json.loads(run.stdout), expected)


def test_several_files_come_back_in_their_order(app_url, expected):
    answer = post(app_url, ("a.jpg", EXAMPLE.read_bytes()), ("no photo", b"hello"), ("mug.jpg", MUG.read_bytes()))
    first, second, third = answer.json()
    assert answer.status_code == 200
    check(first, expected)
    assert first["file"] == "a.jpg"
    assert second == {"file": "no photo", "error": second["error"]} and "not a photo" in second["error"]
    assert third["file"] == "mug.jpg" and third["familiar"] is False


@pytest.mark.parametrize(
    "data, says",
    [(b"hello", "not a photo"), (EXAMPLE.read_bytes()[:2000], "cut off"), (b"%PDF-1.7", "PDF")],
    ids=["text", "cut", "pdf"],
)
def test_a_photo_that_cannot_be_opened_gets_a_sentence(app_url, data, says):
    for answer in (post(app_url, ("x.jpg", data)), post(app_url, data=data)):
        assert answer.status_code == 422
        assert set(answer.json()) == {"error"} and says in answer.json()["error"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data": b""},
        {"data": {"file": "text"}},
        {"files": {"photo": b"x"}},
        {"data": {"file": "text"}, "files": {"other": b"x"}},
        {"data": b"rubbish", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"data": b"rubbish", "headers": {"Content-Type": "multipart/form-data"}},
    ],
    ids=["nothing", "empty", "form", "another field", "text field", "broken", "no boundary"],
)
def test_a_request_without_a_photo_is_told_how_to_send_one(app_url, options):
    answer = requests.post(f"{app_url}/classify", timeout=60, **options)
    assert answer.status_code in (400, 422), answer.text
    assert set(answer.json()) == {"error"}
    if options != {"data": {"file": "text"}}:  # that is a body of bytes: no photo, as any other
        assert "`file`" in answer.json()["error"]


def test_an_empty_file_is_named(app_url):
    assert "empty" in post(app_url, ("x.jpg", b"")).json()["error"]


def test_other_methods_are_refused(app_url):
    assert requests.put(f"{app_url}/classify", timeout=10).status_code == 405


def test_description_tells_fields_and_ways_to_send(app_url):
    api = requests.get(f"{app_url}/openapi.json", timeout=10).json()
    assert list(api["paths"]) == ["/classify", "/health"]
    operation = api["paths"]["/classify"]["post"]
    assert {"multipart/form-data", "image/*"} <= set(operation["requestBody"]["content"])
    assert {"200", "400", "401", "408", "413", "422", "429", "503"} == set(operation["responses"])
    assert set(api["components"]["schemas"]["Answer"]["properties"]) == FIELDS | {
        "labels",
        "decision",
        "candidates",
        "neighbours",
    }
    assert "swagger" in requests.get(f"{app_url}/docs", timeout=10).text.lower()
    assert requests.get(f"{app_url}/gradio_api/openapi.json", timeout=10).status_code == 200


def test_page_is_where_it_was(app_url):
    assert "gradio" in requests.get(app_url, timeout=10).text


def test_many_at_once_get_their_own_answers(app_url):
    files = sorted((ROOT / "examples").glob("*.jpg"))
    alone = {file: post(app_url, data=file.read_bytes()).json() for file in files}
    with ThreadPoolExecutor(32) as pool:
        together = list(
            pool.map(
                lambda i: (files[i % len(files)], post(app_url, data=files[i % len(files)].read_bytes()).json()),
                range(96),
            )
        )
    assert all(answer == alone[file] for file, answer in together)


@pytest.fixture
def small(monkeypatch):
    """Any bytes count as a small photo."""
    monkeypatch.setattr("server.predictor.n_pixels", lambda data: 1)


class Counted:
    """A classifier that counts what it is asked."""

    labels = ("a", "b")

    def __init__(self):
        self.asked, self._lock = [], threading.Lock()

    def predict(self, data):
        with self._lock:
            self.asked.append(data)
        if data == b"bad":
            raise PhotoError("bad")
        return object()


def test_the_same_bytes_are_answered_once(tmp_path, small):
    classifier = Counted()
    predictor = Predictor(classifier, 2)
    (tmp_path / "a").write_bytes(b"1")
    first = predictor.predict(b"1")
    assert predictor.predict(tmp_path / "a") is first and predictor.predict(b"1") is first
    assert classifier.asked == [b"1"]
    for data in (b"2", b"1", b"3", b"1", b"2"):  # 3 pushes 2 out, which was asked about longer ago than 1
        predictor.predict(data)
    assert classifier.asked == [b"1", b"2", b"3", b"2"]


def test_none_are_remembered_where_that_is_asked_for(small):
    classifier = Counted()
    predictor = Predictor(classifier, 0)
    assert predictor.predict(b"1") is not predictor.predict(b"1")


def test_what_cannot_be_opened_is_said_each_time(tmp_path, small):
    predictor = Predictor(Counted(), 2)
    for photo in (b"bad", b"bad", tmp_path / "nowhere"):
        with pytest.raises(PhotoError):
            predictor.predict(photo)


@pytest.mark.parametrize("given, n", [("0", 0), ("7", 7), ("", CACHE_SIZE), ("many", CACHE_SIZE), ("-1", CACHE_SIZE)])
def test_environment_says_how_many_are_remembered(monkeypatch, given, n):
    monkeypatch.setenv("ANSWER_CACHE", given)
    assert cache_size() == n


def test_memory_is_bounded_for_many_labels(small):
    classifier = Counted()
    classifier.labels = tuple(map(str, range(100_000)))
    predictor = Predictor(classifier, 1000)
    for i in range(5):
        predictor.predict(bytes([i]))
    assert len(predictor._cache) == 2


def test_answers_are_the_classifiers():
    classifier = Classifier.load(ROOT / "export.pkl")
    assert Predictor(classifier).predict(EXAMPLE) == classifier.predict(EXAMPLE)


def test_large_photos_wait_for_each_other_and_for_nobody_else(monkeypatch):
    monkeypatch.setattr("server.predictor.n_pixels", lambda data: 10**9 if data.startswith(b"large") else 1)
    gate, large = threading.Event(), []

    class Slow(Counted):
        def predict(self, data):
            if data.startswith(b"large"):
                large.append(data)
                assert gate.wait(30)
            return super().predict(data)

    predictor = Predictor(Slow(), 0)
    waiting = [predictor.submit(b"large" + bytes([i])) for i in range(5)]
    assert all(predictor.predict(bytes([i])) for i in range(10)) and len(large) == 1
    assert waiting[-1].cancel()
    gate.set()
    assert all(answer.result(30) for answer in waiting[:-1]) and len(large) == 4


def test_too_many_large_photos_are_asked_to_come_again(monkeypatch):
    monkeypatch.setattr("server.predictor.n_pixels", lambda data: 10**9)
    gate = threading.Event()

    class Slow(Counted):
        def predict(self, data):
            assert gate.wait(30)
            return super().predict(data)

    predictor = Predictor(Slow(), 0)
    waiting = [predictor.submit(bytes([i])) for i in range(20)]
    while sum(answer.done() for answer in waiting) < 11:  # one is under way, eight wait
        time.sleep(0.01)
    gate.set()
    said = [type(answer.exception(30)) for answer in waiting]
    assert said.count(Busy) in (11, 12) and said.count(Busy) + said.count(type(None)) == 20
