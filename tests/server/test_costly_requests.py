"""The running app and requests that cost more than they weigh: whatever their path, method, and number at once."""

import contextlib
import json
import socket
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from helpers.apps import app_process, running_app
from helpers.memory import resident_megabytes
from helpers.raw_http import PHOTO, raw

LISTS = b'{"data": [' + b",".join([b"[]"] * 1_000_000) + b"]}"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def behind_a_path():
    """An app that is served under /sub, as a reverse proxy would; few photos a minute from each client."""
    with running_app(
        GRADIO_ROOT_PATH="/sub", PROXIES="1", MAX_PER_MINUTE="5", FRAME_ANCESTORS="https://lessons.example"
    ) as url:
        yield url


@pytest.fixture(scope="module")
def app():
    """An app with its default limits, but for the number of photos a minute."""
    with running_app(PROXIES="1", MAX_PER_MINUTE="40") as url:
        yield url


def ask(url: str, path: str, client: str, **options) -> requests.Response:
    return requests.request(
        options.pop("method", "POST"),
        url + path,
        timeout=30,
        headers={"X-Forwarded-For": client, **options.pop("headers", {})},
        **options,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/run/predict",
        "/gradio_api/cancel",
        "/gradio_api/reset",
        "/classify",
        "/gradio_api/queue/join",
        "/gradio_api/mcp/",
        "/gradio_api/call/v2/explain",
        "/",
        "/nowhere",
        "/gradio_api/new",
        "/GRADIO_API/run/predict",
        "//gradio_api/run/predict",
        "/gradio_api/run/%70redict",
        "/gradio_api/component_server",
        "/config",
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_no_path_or_method_takes_json_of_many_elements(app, path, method):
    began = time.monotonic()
    answer = ask(app, path, f"83.{len(path)}.{len(method)}.1", method=method, data=LISTS, headers=JSON)
    assert answer.status_code in (400, 404, 413, 422) and time.monotonic() - began < 2
    assert answer.json()["error"].endswith((".", "URL.", "json.")) and "Traceback" not in answer.text


@pytest.mark.parametrize("prefix", ["", "/sub"])
def test_under_a_root_path_everything_is_counted_and_closed_as_without(behind_a_path, prefix):
    client = f"83.7.7.{len(prefix)}"
    statuses = [ask(behind_a_path, f"{prefix}/classify", client, data=PHOTO).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    for path in ("run/predict", "queue/join", "cancel", "upload", "mcp/"):
        assert ask(behind_a_path, f"{prefix}/gradio_api/{path}", client, json={}).status_code == 429
    for path in ("dev/reload", "file=http://example.com/x", "proxy=http://x", "run-history/records", "stream/x"):
        assert ask(behind_a_path, f"{prefix}/gradio_api/{path}", client, method="GET").status_code == 404
    file = ask(behind_a_path, f"{prefix}/gradio_api/upload", "83.8.8.8", files={"files": ("a.jpg", PHOTO)}).json()[0]
    answer = ask(behind_a_path, f"{prefix}/gradio_api/file={file}", client, method="GET")
    assert answer.content == PHOTO and "sandbox" in answer.headers["content-security-policy"]
    page = ask(behind_a_path, f"{prefix}/", client, method="GET")
    assert (
        "frame-ancestors 'self' https://huggingface.co https://lessons.example;"
        in page.headers["content-security-policy"]
    )


def test_each_file_of_an_upload_is_counted(app):
    files = [("files", (f"{i}.jpg", PHOTO[:100])) for i in range(16)]
    statuses = [ask(app, "/gradio_api/upload", "83.4.4.4", files=files).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = ask(app, "/gradio_api/upload", "83.4.4.5", files=files * 60)
    assert refused.status_code == 413 and refused.text == "One call takes 16 photos. Send the others in another."


def test_a_clients_streams_are_limited_and_others_get_theirs(app):
    host, port = app.removeprefix("http://").split(":")

    def stream(client: str) -> tuple[socket.socket, bytes]:
        connection = socket.create_connection((host, int(port)), timeout=10)
        connection.sendall(
            f"GET /gradio_api/heartbeat/x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n".encode()
        )
        return connection, connection.recv(12)

    with contextlib.ExitStack() as stack:
        answers = []
        for i in range(400):
            connection, head = stream("83.2.2.2" if i < 399 else "83.2.2.3")
            stack.enter_context(connection)
            answers.append(head[-3:])
        assert 32 <= answers.count(b"200") <= 130 and answers[-1] == b"200" and set(answers) == {b"200", b"429"}
        assert ask(app, "/classify", "83.2.2.3", data=PHOTO).json()["label"] == "teddy"


def test_bodies_that_are_held_back_keep_nobody_out(app):
    host, port = app.removeprefix("http://").split(":")
    held = contextlib.ExitStack()
    with held:
        for i in range(120):
            connection = held.enter_context(socket.create_connection((host, int(port)), timeout=10))
            connection.sendall(
                f"POST /classify HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 83.3.{i % 4}.1\r\n"
                f"Content-Length: {len(PHOTO)}\r\n\r\n".encode()
                + PHOTO[:-1]
            )
        for _ in range(5):
            assert ask(app, "/classify", "83.3.9.9", data=PHOTO).json()["label"] == "teddy"
        assert requests.get(f"{app}/health", timeout=10).json()["waiting"] == 0


def test_a_sender_who_is_refused_may_end_his_sentence(app):
    """Closed at once, a connection loses the answer that says why."""
    host, port = app.removeprefix("http://").split(":")
    body = bytes(30_000_000)
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: y\r\n" % i for i in range(500)) + b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 2000,
    ],
    ids=["address", "lines", "pipelined"],
)
def test_heads_are_bounded(app, head):
    said = raw(app, head, 5)
    assert b"431" in said and b"too long to read" in said
    assert requests.get(f"{app}/health", timeout=10).status_code == 200


def test_no_websocket_is_opened(app):
    said = raw(
        app,
        b"GET /gradio_api/queue/join HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        5,
    )
    assert b" 101 " not in said.split(b"\r\n")[0]


@pytest.mark.parametrize(
    "body",
    [{"data": [None], "session_hash": "x" * 1000}, {"data": "x" * 1_000_000}, {"data": 7}, []],
    ids=["name", "text", "number", "list"],
)
def test_what_is_wrong_is_not_repeated(app, body):
    answer = ask(app, "/gradio_api/run/predict", "83.6.6.6", json=body)
    assert "cannot be read" in sentence_of(answer, 422) and len(answer.text) < 500


def sentence_of(answer: requests.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


@pytest.mark.parametrize(
    "given",
    [
        [
            {
                "path": "http://127.0.0.1:9/x",
                "meta": {"_type": "gradio.FileData"},
                "more": [{"path": "http://127.0.0.1:9/y"}],
            }
        ],
        [[{"path": "http://example.com/x", "meta": {"_type": "gradio.FileData"}}] * 9],
        [{"a": {"b": "c"}}],
    ],
    ids=str,
)
def test_one_request_brings_one_photo(app, given):
    answer = ask(app, "/gradio_api/run/predict", "83.6.6.7", json={"data": given})
    assert answer.json()["error"].endswith(".") and "teddy" not in answer.text


def test_gradio_fetches_no_address_for_its_own_parts(app):
    began = time.monotonic()
    label = {"path": "http://198.51.100.1/x", "meta": {"_type": "gradio.FileData"}}
    photo = "data:image/jpeg;base64,AAAA"
    answer = ask(app, "/gradio_api/run/explain", "83.6.6.8", data=json.dumps({"data": [photo, label]}), headers=JSON)
    assert answer.json()["error"] and time.monotonic() - began < 2


def test_small_photos_of_many_at_once_are_all_answered(app):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda i: ask(app, "/classify", f"83.20.{i}.1", data=PHOTO).status_code, range(60)))
    assert answers == [200] * 60


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "body",
    [{"data": [None], "session_hash": "A" * 10_000_000}, {"data": ["data:image/jpeg;base64," + "A" * 10_000_000]}],
    ids=["name", "photo"],
)
def test_large_bodies_that_are_refused_leave_nothing(body):
    """The exception that refuses one refers to itself and to the body; Python finds that only when it looks."""
    with app_process() as (process, url):
        held = []
        for _ in range(12):
            assert ask(url, "/gradio_api/run/predict", "83.5.5.5", json=body).status_code in (422, 500)
            held.append(resident_megabytes(process.pid))
    assert statistics.median(held[3:]) < max(held[:3]) + 25, held  # what one leaves adds up: 10 MB and more each
