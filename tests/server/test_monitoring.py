"""server/monitoring: what is counted and logged, and what never is."""

import json
import logging
import re
import time
from pathlib import Path

import pytest
import requests
from gradio_client import Client, handle_file
from prometheus_client.parser import text_string_to_metric_families

from classifier import Prediction
from classifier.photo import PhotoError
from helpers.api import by_path, run_predict, upload
from helpers.apps import running_app
from helpers.paths import EXAMPLE, ROOT
from helpers.raw_http import PHOTO, raw
from server.limits.endpoints import rule_of
from server.monitoring.log import FIELDS, JsonFormatter, id_of, request_id
from server.monitoring.metrics import Metrics
from server.monitoring.middleware import route_of
from server.operations import open_operations
from server.settings import Settings

TEDDY = Prediction("teddy", {"teddy": 0.9, "black": 0.1}, 0.8, True)


def values(text: str) -> dict[tuple[str, ...], float]:
    """Return the value of each sample, by its name and the values of its labels, by whose names those are sorted."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def counted():
    """Metrics, and a function that reads them."""
    from prometheus_client import generate_latest

    metrics = Metrics(["black", "teddy"], "7ac229473872")
    return metrics, lambda: values(generate_latest(metrics.registry).decode())


def test_answers_are_counted_by_label_and_familiarity(counted):
    metrics, read = counted
    assert read()["fieldguide_answers_total", "yes", "teddy"] == 0
    metrics.answer(TEDDY)
    metrics.answer(Prediction("black", {"black": 0.6, "teddy": 0.4}, 0.1, False))
    metrics.answer(Prediction("black", {"black": 0.6, "teddy": 0.4}, None, None, ("black", "teddy")))
    metrics.answer(Prediction("black", {"black": 0.1, "teddy": 0.1}, 0.7, True, ()))
    now = read()
    assert now["fieldguide_answers_total", "yes", "teddy"] == now["fieldguide_answers_total", "no", "black"] == 1
    assert now["fieldguide_answers_total", "unknown", "black"] == 1
    assert now["fieldguide_answers_total", "unknown", "teddy"] == now["fieldguide_answers_total", "yes", "(none)"] == 1
    assert now["fieldguide_model", "7ac229473872"] == 1


def test_requests_photos_and_what_waits_are_counted(counted):
    metrics, read = counted
    metrics.request("/classify", "200", 0.03, None)
    metrics.request("/classify", "429", 0.001, "too many a minute")
    metrics.request("/gradio_api/queue/data", "200", None, None)
    metrics.photo(0.02, None)
    metrics.photo(0.02, PhotoError("no photo"))
    metrics.photo(0.02, RuntimeError("secret"))
    metrics.watch("request", lambda: 7)
    now = read()
    assert now["fieldguide_request_seconds_count", "/classify"] == 2 and now["fieldguide_waiting", "request"] == 7
    assert ("fieldguide_request_seconds_count", "/gradio_api/queue/data") not in now
    assert now["fieldguide_refusals_total", "too many a minute"] == now["fieldguide_refusals_total", "photo"] == 1
    assert now["fieldguide_refusals_total", "error of the app"] == 1 and now["fieldguide_photo_seconds_count",] == 3


@pytest.mark.parametrize(
    "method, path, route",
    [
        ("POST", "/classify", "/classify"),
        ("GET", "/gradio_api/file=/tmp/secret/bear.jpg", "/gradio_api/file"),
        ("GET", "/gradio_api/call/predict/an-event", "/gradio_api/call"),
        ("POST", "/gradio_api/run/predict", "/gradio_api/run"),
        ("GET", "/gradio_api/heartbeat/a-session", "/gradio_api/heartbeat"),
        ("POST", "/gradio_api/mcp/http/", "/gradio_api/mcp"),
        ("GET", "/assets/index-123.js", "/assets"),
        ("GET", "/theme.css", "parts of the page"),
        ("GET", "/", "/"),
        ("GET", "/wp-login.php?name=zoe", "other"),
    ],
)
def test_a_route_has_one_of_few_names(method, path, route):
    assert route_of(path, rule_of(method, path)) == route


def test_a_request_keeps_a_sane_id_and_gets_another_for_any_other():
    assert id_of("4f2-A.b_c") == "4f2-A.b_c"
    for sent in (None, "", "a b", "x" * 65, 'a"b', "a\nb", "ä"):
        assert re.fullmatch("[0-9a-f]{16}", id_of(sent))


def test_a_line_of_the_log_is_one_object_of_json():
    record = logging.LogRecord("server.x", logging.INFO, "x.py", 1, "a\nb %d", (7,), None)
    setattr(record, FIELDS, {"status": "200"})
    token = request_id.set("r1")
    line = JsonFormatter().format(record)
    request_id.reset(token)
    assert "\n" not in line
    told = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {"level": "INFO", "logger": "server.x", "message": "a\nb 7", "request_id": "r1", "status": "200"}


@pytest.mark.parametrize("given", [{"METRICS": "true"}, {"METRICS": "on"}, {"METRICS_TOKEN": "secret"}], ids=str)
def test_metrics_that_are_not_switched_on_are_told(given, monkeypatch, caplog):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert open_operations(Settings(), None).metrics is None
    assert "only 1 switches them on" in caplog.text and "secret" not in caplog.text


# -- with the app --


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """An app that counts and logs everything, and its log."""
    log = tmp_path_factory.mktemp("watched") / "log"
    switched = {"METRICS": "1", "METRICS_TOKEN": "let me see\n", "LOG_FORMAT": "json", "LOG_LEVEL": "INFO"}
    with running_app(log=log, **switched) as url:
        yield url, log


def metrics_of(url: str) -> str:
    answer = requests.get(f"{url}/metrics", headers={"Authorization": "Bearer let me see"}, timeout=30)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    return answer.text


def test_metrics_are_read_with_their_token(watched):
    spelled = requests.get(f"{watched[0]}/metrics", headers={"Authorization": "bearer  let me see"}, timeout=30)
    assert spelled.status_code == 200, "the name of a scheme has no case"
    other = requests.get(f"{watched[0]}/metrics", headers={"Authorization": "Basic let me see"}, timeout=30)
    assert other.status_code == 401
    refused = requests.get(f"{watched[0]}/metrics", timeout=30)
    assert refused.status_code == 401 and "METRICS_TOKEN" in refused.json()["error"]
    assert requests.get(f"{watched[0]}/metrics", headers={"Authorization": "Bearer x"}, timeout=30).status_code == 401
    assert "fieldguide_model" in metrics_of(watched[0])


def show_on_page(url: str) -> None:
    """Do what the page does with a photo, and wait for the end."""
    shown = [
        d["id"]
        for d in requests.get(f"{url}/config", timeout=30).json()["dependencies"]
        if "change" in str(d["targets"])
    ]
    call = {"data": [by_path(upload(url, EXAMPLE))], "fn_index": shown[0], "session_hash": "a-session"}
    requests.post(f"{url}/gradio_api/queue/join", json=call, timeout=30).raise_for_status()
    events = requests.get(f"{url}/gradio_api/queue/data", params={"session_hash": "a-session"}, timeout=60).text
    assert '"success":true' in events.replace(" ", "")


def test_page_and_api_are_counted_alike(watched):
    url, _ = watched
    before = values(metrics_of(url))
    assert requests.post(f"{url}/classify", data=PHOTO, timeout=60).status_code == 200
    assert requests.post(f"{url}/classify", data=b"no photo", timeout=60).status_code == 422
    assert requests.get(f"{url}/none", timeout=60).status_code == 404
    Client(url, verbose=False).predict(handle_file(str(EXAMPLE)), api_name="/predict")
    show_on_page(url)
    now = values(metrics_of(url))

    def grown(*name: str) -> float:
        return now.get(name, 0) - before.get(name, 0)

    assert grown("fieldguide_answers_total", "yes", "teddy") == 3
    assert grown("fieldguide_requests_total", "/classify", "200") == 1
    assert grown("fieldguide_requests_total", "/classify", "422") == grown("fieldguide_refusals_total", "photo") == 1
    assert grown("fieldguide_refusals_total", "not found") == grown("fieldguide_requests_total", "other", "404") == 1
    assert grown("fieldguide_photo_seconds_count") == 4
    assert now["fieldguide_waiting", "request"] == now["fieldguide_waiting", "page"] == 0


def lines_with(log: Path, *ids: str) -> list[dict]:
    """Return the lines of the log once each of these requests has its own, written after its answer was sent."""
    deadline = time.monotonic() + 20
    while True:
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        told = {line.get("request_id") for line in lines if line["message"] == "request"}
        if told >= set(ids) or time.monotonic() > deadline:
            return lines
        time.sleep(0.05)


def test_each_request_has_an_id_in_the_answer_and_in_the_log(watched):
    url, log = watched
    sent = requests.post(f"{url}/classify?name=zoe", data=PHOTO, headers={"X-Request-ID": "mine-1"}, timeout=60)
    assert sent.headers["X-Request-ID"] == "mine-1"
    made = run_predict(url, {"url": "https://bears.example/secret"}).headers["X-Request-ID"]
    lines = lines_with(log, "mine-1", made)
    [request] = [line for line in lines if line.get("request_id") == "mine-1" and line["message"] == "request"]
    assert (request["method"], request["route"], request["status"]) == ("POST", "/classify", "200")
    assert any(line.get("request_id") == "mine-1" and "a photo of" in line["message"] for line in lines)
    assert any(line.get("request_id") == made for line in lines)


def test_what_uvicorn_logs_is_json_too(watched):
    url, log = watched
    assert raw(url, b"GET / HTTP/1.1\r\nHost: a\r\nX-API-Key\r\n\r\n").startswith(b"HTTP/1.1 400")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["level"] for line in lines if line["logger"].startswith("uvicorn")] == ["WARNING"]


def test_nothing_of_a_photo_or_of_its_sender_is_told(watched):
    url, log = watched
    with EXAMPLE.open("rb") as photo:
        files = {"file": ("of-zoe.jpg", photo)}
        requests.post(f"{url}/classify", files=files, params={"q": "from-zoe"}, timeout=60)
    for told in (metrics_of(url), log.read_text()):
        assert "zoe" not in told and "127.0.0.1" not in told and str(ROOT) not in told


def test_without_the_setting_there_are_no_metrics_and_no_ids(app_url):
    answer = requests.get(f"{app_url}/metrics", timeout=30)
    assert answer.status_code == 404 and "fieldguide_" not in answer.text and "X-Request-ID" not in answer.headers
