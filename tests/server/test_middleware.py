"""server/limits/admission.py and middleware.py: limits over HTTP, with a message each, and headers."""

import asyncio
import json
import time

import pytest
import requests

from classifier.photo.download import run_async
from helpers.api import run_predict
from helpers.apps import running_app
from helpers.paths import ROOT
from helpers.photos import png_of_declared_size
from helpers.raw_http import PHOTO, raw
from server.limits.admission import AdmissionControl
from server.limits.errors import ErrorResponse
from server.limits.middleware import LimitsMiddleware
from server.settings import Settings

MANY = "http://127.0.0.1"


@pytest.fixture(scope="module")
def strict():
    """An app with small limits."""
    with running_app(MAX_UPLOAD_MB="0.2", MAX_FILES="3", MAX_SECONDS="2", MAX_MEGAPIXELS="1") as url:
        yield url


def sentence(answer: requests.Response, status: int) -> str:
    """Return the one sentence of a refusal; it is JSON and tells nothing of the server."""
    assert answer.status_code == status, answer.text
    said = answer.json()["error"]
    assert said.endswith((".", "URL.")) and str(ROOT) not in answer.text and "Traceback" not in answer.text
    return said


def classify(url: str, *photos: bytes, **options) -> requests.Response:
    files = [("file", (f"{i}.jpg", photo)) for i, photo in enumerate(photos)]
    return requests.post(f"{url}/classify", files=files or None, timeout=30, **options)


@pytest.mark.parametrize(
    "send",
    [
        lambda url: requests.post(f"{url}/classify", data=bytes(300_000), timeout=30),
        lambda url: requests.post(f"{url}/classify", data=iter([bytes(100_000)] * 3), timeout=30),  # chunked
        lambda url: classify(url, bytes(300_000)),
        lambda url: classify(url, bytes(2_000_000)),
        lambda url: run_predict(url, {"url": "data:image/png;base64," + "A" * 600_000}),
    ],
    ids=["body", "chunked", "form", "form beyond all", "data URL"],
)
def test_too_many_bytes_are_refused(strict, send):
    assert "0.2 MB" in sentence(send(strict), 413)


def test_upload_of_too_many_bytes_is_refused_in_words(strict):
    for n_bytes in (300_000, 2_000_000):
        answer = requests.post(f"{strict}/gradio_api/upload", files={"files": ("a.jpg", bytes(n_bytes))}, timeout=30)
        assert answer.status_code == 413 and answer.headers["content-type"].startswith("text/plain")
        assert "{" not in answer.text


def test_in_a_call_of_several_only_the_large_one_is_refused(strict):
    good, large = classify(strict, PHOTO, bytes(300_000)).json()
    assert good["label"] == "teddy" and "0.2 MB" in large["error"]


def test_too_many_photos_in_one_call_are_refused(strict):
    assert len(classify(strict, PHOTO, PHOTO, PHOTO).json()) == 3
    assert "One call takes 3 photos" in sentence(classify(strict, *[PHOTO] * 4), 413)


def test_too_many_pixels_are_refused(strict):
    assert "1 megapixel" in sentence(classify(strict, png_of_declared_size(1001, 1000)), 422)


def test_a_body_that_does_not_arrive_is_not_waited_for(strict):
    began = time.monotonic()
    said = raw(strict, b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
    assert said.startswith(b"HTTP/1.1 408") and b"within 2 s" in said and time.monotonic() - began < 8


def test_a_large_body_is_refused_before_it_is_sent(strict):
    said = raw(
        strict, b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\nExpect: 100-continue\r\n\r\n"
    )
    assert said.startswith(b"HTTP/1.1 413")


def test_after_all_that_a_good_photo_gets_its_answer(strict):
    assert classify(strict, PHOTO).json()["label"] == "teddy"


@pytest.fixture(scope="module")
def rationed():
    """An app that takes five requests a minute of each client, behind a proxy."""
    with running_app(MAX_PER_MINUTE="5", PROXIES="1") as url:
        yield url


def test_each_client_has_its_own_share(rationed):
    def ask(address: str) -> requests.Response:
        return classify(rationed, PHOTO, headers={"X-Forwarded-For": address})

    assert [ask("83.1.2.3").status_code for _ in range(5)] == [200] * 5
    for invented in ("", "7.7.7.7, ", "8.8.8.8, 9.9.9.9, "):
        refused = ask(f"{invented}83.1.2.3")
        assert "5 a minute" in sentence(refused, 429) and 1 <= int(refused.headers["Retry-After"]) <= 12
    assert ask("83.1.2.4").status_code == 200
    assert requests.get(rationed, timeout=10).status_code == requests.get(f"{rationed}/health", timeout=10).status_code


def test_gradios_api_is_rationed_too(rationed):
    headers = {"X-Forwarded-For": "83.9.9.9"}
    for _ in range(5):
        requests.post(f"{rationed}/gradio_api/run/predict", json={"data": [None]}, headers=headers, timeout=10)
    for path in ("run/predict", "call/predict", "queue/join"):
        refused = requests.post(f"{rationed}/gradio_api/{path}", json={"data": [None]}, headers=headers, timeout=10)
        assert refused.json()["detail"] == sentence(refused, 429)


def test_several_photos_in_one_call_count_one_each(rationed):
    headers = {"X-Forwarded-For": "83.5.5.5"}
    assert classify(rationed, PHOTO, PHOTO, PHOTO, PHOTO, PHOTO, headers=headers).status_code == 200
    assert classify(rationed, PHOTO, headers=headers).status_code == 429


def test_without_a_proxy_an_address_that_the_client_sends_counts_for_nothing():
    with running_app(MAX_PER_MINUTE="2") as url:
        statuses = [classify(url, PHOTO, headers={"X-Forwarded-For": f"83.1.2.{i}"}).status_code for i in range(4)]
    assert statuses == [200, 200, 429, 429]


# -- without a server --


def test_no_more_wait_than_there_is_room_for():
    admission = AdmissionControl(Settings(max_waiting=4, max_per_minute=0))
    assert admission.enter("a") is admission.enter("a") is None
    assert admission.enter("a").status == 429 and "2 requests waiting" in admission.enter("a").message
    assert admission.enter("b") is admission.enter("c") is None
    assert admission.enter("d").status == 503 and admission.waiting == 4
    admission.leave("a")
    assert admission.enter("d") is None
    admission.stopping = True
    assert "restarted" in admission.admit_request("e").message


class Server:
    """One request through the middleware, without a network."""

    def __init__(self, app, path: str = "/classify", messages=(), settings: Settings | None = None):
        self.sent, self.admission = [], AdmissionControl(settings or Settings(max_seconds=1))
        self.hung_up = asyncio.Event()
        self._app, self._path, self._messages = app, path, list(messages) or [{"type": "http.request", "body": b"x"}]

    async def receive(self) -> dict:
        if self._messages:
            return self._messages.pop(0)
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        self.sent.append(message)

    async def call(self) -> None:
        scope = {"type": "http", "method": "POST", "path": self._path, "headers": [], "client": ("a", 1)}
        await asyncio.wait_for(LimitsMiddleware(self._app, self.admission)(scope, self.receive, self.send), 10)

    @property
    def refusal(self) -> ErrorResponse:
        head, body = self.sent
        retry = dict(head["headers"]).get(b"retry-after")
        return ErrorResponse(head["status"], json.loads(body["body"])["error"], retry and float(retry))


async def read_all(receive) -> None:
    while (await receive()).get("more_body"):
        pass


def test_work_for_a_client_that_hung_up_is_ended():
    ended = []

    async def app(scope, receive, send):
        await read_all(receive)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(True)
            raise

    async def run():
        server = Server(app, settings=Settings(max_seconds=60))
        call = asyncio.ensure_future(server.call())
        await asyncio.sleep(0.05)
        assert server.admission.waiting == 1
        server.hung_up.set()
        await call
        assert ended and server.admission.waiting == 0 and not server.sent

    run_async(run())


def test_work_that_takes_too_long_is_given_up():
    async def app(scope, receive, send):
        await read_all(receive)
        await asyncio.sleep(60)

    server = Server(app)
    run_async(server.call())
    assert server.refusal.status == 503 and server.refusal.retry_after and server.admission.waiting == 0


@pytest.mark.parametrize(
    "error, status, says",
    [
        (OSError(28, "No space left on device", "/secret/path"), 503, "no room"),
        (OSError(30, "Read-only file system", "/secret/path"), 503, "no room"),
        (RuntimeError("/secret/path"), 500, "not your photo's fault"),
        (KeyError("secret"), 500, "not your photo's fault"),
    ],
    ids=["full", "read-only", "any", "key"],
)
def test_what_goes_wrong_is_told_in_a_sentence(error, status, says):
    async def app(scope, receive, send):
        await read_all(receive)
        raise error

    server = Server(app)
    run_async(server.call())
    assert server.refusal.status == status and says in server.refusal.message and "secret" not in str(server.sent)


def test_an_answer_that_has_begun_is_not_mixed_with_a_refusal():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    server = Server(app)
    run_async(server.call())
    assert [message["type"] for message in server.sent] == ["http.response.start", "http.response.body"]


def test_who_has_read_an_answer_is_not_counted_as_waiting():
    """A client that holds the most requests that one may would be refused for sending its next at once."""
    waiting = []

    async def app(scope, receive, send):
        await read_all(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for more in (True, False):
            await send({"type": "http.response.body", "body": b"half", "more_body": more})
        await asyncio.sleep(0.05)  # a file is closed, say

    server = Server(app)
    server.send = lambda message: asyncio.sleep(0, waiting.append(server.admission.waiting))
    run_async(server.call())
    assert waiting == [1, 1, 0] and server.admission.waiting == 0
