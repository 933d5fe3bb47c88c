"""Photos given to the API by their address: data URLs and public pages are answered, private ones refused."""

import base64
import contextlib
import http.server
import importlib
import json
import threading
from functools import partial
from pathlib import Path

import pytest

from helpers.api import as_dict, by_path, events, run_predict
from helpers.paths import EXAMPLE


def test_data_url_is_answered(app_url, expected):
    url = "data:image/jpeg;base64," + base64.b64encode(EXAMPLE.read_bytes()).decode()
    answer = run_predict(app_url, {"url": url, "meta": {"_type": "gradio.FileData"}})
    assert as_dict(answer.json()["data"][0]) == pytest.approx(expected, abs=1e-5)
    text = events(app_url, {"photo": url}, "/v2")
    assert as_dict(json.loads(text.split("data: ", 1)[1])[0]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: "DATA:image/jpeg;BASE64," + data,
        lambda data: "data:image/jpeg;base64," + data.rstrip("="),
        lambda data: "data:image/jpeg;base64," + data.replace("+", "%2B").replace("=", "%3D"),
        lambda data: "data:image/jpeg;base64," + "\r\n".join(data[i : i + 76] for i in range(0, len(data), 76)),
    ],
    ids=["upper-case", "no-padding", "percent", "lines"],
)
def test_data_urls_as_others_write_them_are_answered(app_url, change):
    url = change(base64.b64encode(EXAMPLE.read_bytes()).decode())
    assert run_predict(app_url, {"url": url}).json()["data"][0]["label"] == "teddy"


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


@pytest.mark.parametrize(
    "address",
    [
        "https://nosuchhost.invalid/bear.jpg",
        "http://127.0.0.1:9/bear.jpg",
        "http://[::1]/bear.jpg",
        "http://2130706433/bear.jpg",
        "https://",
    ],
)
def test_address_that_cannot_be_fetched_is_answered_with_a_sentence(app_url, address):
    assert "could not be fetched" in run_predict(app_url, by_path(address)).json()["error"]


def test_public_address_is_fetched_and_answered(monkeypatch, expected):
    """A stand-in for the internet: this machine's address counts as public, all else is the real thing."""
    monkeypatch.setattr("server.photo_input.ALLOW_PRIVATE", True)
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
