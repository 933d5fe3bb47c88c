"""The running app and people who mean harm: files, pages in disguise, addresses, names, headers."""

import contextlib
import html
import http.client
import re
import urllib.parse
from pathlib import Path

import pytest
import requests

from helpers.api import by_path, run_predict, upload
from helpers.paths import EXAMPLE, ROOT

PHOTO = EXAMPLE.read_bytes()


def get(url: str, path: str) -> tuple[int, str]:
    """Return status and body for a path that is sent as it is: requests would tidy it."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.putrequest("GET", "/" + urllib.parse.quote(path, safe="/%=~.:@"))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")


SECRETS = ("/etc/passwd", str(ROOT / "app.py"), str(ROOT / "export.pkl"), "app.py", "../app.py")
UP = "../" * 12


def send(url: str, name: str, data: bytes) -> str:
    """Upload bytes under a name and return where Gradio put them."""
    answer = requests.post(f"{url}/gradio_api/upload", files={"files": (name, data)}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


@pytest.mark.parametrize(
    "path",
    [
        *SECRETS,
        f"{UP}etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/proc/self/environ",
        "file:///etc/passwd",
        "//etc/passwd",
        "/etc/passwd%00.jpg",
        "....//....//etc/passwd",
        "\\etc\\passwd",
        "/tmp",
        "",
        "~/.ssh/id_rsa",
    ],
)
@pytest.mark.parametrize(
    "route",
    ["gradio_api/file=", "gradio_api/file/", "file=", "static/", "assets/", "gradio_api/custom_component/x/y/z/"],
)
def test_files_of_the_server_are_not_served(app_url, route, path):
    status, text = get(app_url, route + path)
    assert status in (400, 403, 404, 405, 422)
    assert "root:" not in text and "import gradio" not in text and "Traceback" not in text


def test_the_upload_folder_is_no_way_out(app_url):
    folder = Path(upload(app_url, EXAMPLE)).parent
    for path in (f"{folder}/{UP}etc/passwd", f"{folder}", f"{folder.parent}", f"{folder}/{UP}{ROOT}/app.py"):
        assert get(app_url, f"gradio_api/file={path}")[0] == 403


@pytest.mark.parametrize(
    "name",
    [
        f"{UP}etc/cron.d/x.jpg",
        "/etc/x.jpg",
        "..\\..\\x.jpg",
        "a/b/c.jpg",
        "\0.jpg",
        "." * 300,
        "x" * 5000 + ".jpg",
        "nul",
        "con.jpg",
        "é😀\u202egpj.exe",
        "<img src=x>.jpg",
        "a\r\nb: c",
    ],
)
def test_an_upload_stays_in_its_folder_whatever_its_name(app_url, name):
    answer = requests.post(f"{app_url}/gradio_api/upload", files={"files": (name, PHOTO)}, timeout=30)
    if answer.status_code == 200:
        path = Path(answer.json()[0])
        assert path.resolve().is_relative_to(Path(upload(app_url, EXAMPLE)).parent.parent.resolve())
        assert run_predict(app_url, by_path(str(path))).json()["data"][0]["label"] == "teddy"
    else:
        assert answer.status_code in (400, 413, 500, 503) and "Traceback" not in answer.text
    named = requests.post(f"{app_url}/classify", files=[("file", (name, PHOTO)), ("file", ("b", PHOTO))], timeout=30)
    assert named.status_code in (200, 400)


DISGUISED = {
    "page.html": b"<!doctype html><script>alert(1)</script>",
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "page.xhtml": b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>",
    "x.xml": b"<?xml version='1.0'?><a/>",
    "script.js": b"alert(1)",
    "photo.jpg": b"<script>alert(1)</script>",
    "noname": b"<script>alert(1)</script>",
    "photo.jpg.html": b"<script>alert(1)</script>",
}


@pytest.mark.parametrize("name", DISGUISED)
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-20"}, {"Accept": "text/html"}], ids=["all", "part", "html"])
def test_an_upload_comes_back_as_no_page(app_url, name, headers):
    path = send(app_url, name, DISGUISED[name])
    answer = requests.get(f"{app_url}/gradio_api/file={path}", headers=headers, timeout=10)
    kind = answer.headers["content-type"].split(";")[0]
    assert kind.startswith("image/jp") or (
        kind == "application/octet-stream" and answer.headers["content-disposition"].startswith("attachment")
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_request_for_a_part_of_a_file_gives_nothing_back_of_its_own_headers(app_url):
    path = upload(app_url, EXAMPLE)
    answer = requests.get(
        f"{app_url}/gradio_api/file={path}",
        timeout=10,
        headers={"Range": "bytes=0-20", "Cookie": "secret=1", "Set-Cookie": "a=b", "X-Mine": "1"},
    )
    assert not {"set-cookie", "x-mine", "cookie", "authorization"} & {name.lower() for name in answer.headers}


@pytest.mark.parametrize(
    "part",
    [
        "bytes=5-1",
        "bytes=999999999-",
        "bytes=a-b-c",
        "bytes=--",
        "bytes=0-999999999999999",
        "bytes=-5",
        "bytes=0-0,1-1,2-2",
    ],
)
def test_odd_ranges_are_answered_without_a_trace(app_url, part):
    path = upload(app_url, EXAMPLE)
    answer = requests.get(f"{app_url}/gradio_api/file={path}", headers={"Range": part}, timeout=10)
    assert "Traceback" not in answer.text and str(ROOT) not in answer.text


def test_other_peoples_uploads_cannot_be_found(app_url):
    path = Path(send(app_url, "mine.jpg", PHOTO + b"private"))
    assert len(path.parent.name) == 64, "the folder's name tells the bytes' SHA-256, which only their sender knows"
    for guess in (
        path.parent,
        path.parent.parent,
        f"{path.parent.parent}/*/mine.jpg",
        f"{path.parent.parent}/mine.jpg",
        f"{path.parent}/",
    ):
        assert requests.get(f"{app_url}/gradio_api/file={guess}", timeout=10).status_code == 403


PRIVATE = [
    "http://127.0.0.1:{port}/x.jpg",
    "http://localhost:{port}/x.jpg",
    "http://2130706433:{port}/x.jpg",
    "http://0x7f000001:{port}/x.jpg",
    "http://0177.0.0.1:{port}/x.jpg",
    "http://127.1:{port}/x.jpg",
    "http://[::1]:{port}/x.jpg",
    "http://[::ffff:127.0.0.1]:{port}/x.jpg",
    "http://[64:ff9b::7f00:1]/x.jpg",
    "http://[2002:7f00:1::]/x.jpg",
    "http://0.0.0.0:{port}/x.jpg",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/x.jpg",
    "http://192.168.0.1/x.jpg",
    "http://[fd00::1]/x.jpg",
    "http://[fe80::1%25lo]/x.jpg",
    "http://user@127.0.0.1:{port}/x.jpg",
    "http://public.example@127.0.0.1:{port}/",
    "http://127.0.0.1:22/",
    "ftp://127.0.0.1/x.jpg",
    "gopher://127.0.0.1:{port}/_x",
    "file:///etc/passwd",
    "http://224.0.0.1/x.jpg",
    "http://①②⑦.0.0.1:{port}/x.jpg",
    "HTTP://127.0.0.1:{port}/x.jpg",
    "http://metadata.google.internal/",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_asked_by_nobody(app_url, address):
    address = address.format(port=app_url.rpartition(":")[2])
    answer = run_predict(app_url, by_path(address))
    assert answer.json()["error"].endswith(".") and "teddy" not in answer.text and "root:" not in answer.text
    for way in ("file=", "file/", "proxy="):
        assert requests.get(f"{app_url}/gradio_api/{way}{address}", timeout=20).status_code in (400, 403, 404)


def test_the_server_fetches_addresses_for_photos_alone(app_url):
    for way in ("file=", "proxy="):
        assert requests.get(f"{app_url}/gradio_api/{way}https://example.com/x.jpg", timeout=20).status_code == 404


@pytest.mark.parametrize("path", ["dev/reload", "stream/x/1/2/playlist.m3u8", "run-history/records", "proxy=http://x"])
def test_what_other_apps_need_is_closed(app_url, path):
    assert requests.get(f"{app_url}/gradio_api/{path}", timeout=10).status_code == 404


def test_headers_let_the_hub_frame_the_page_and_nobody_else(app_url):
    for path in ("/", "/health", "/classify", "/gradio_api/info", "/nowhere", "/docs"):
        headers = requests.get(f"{app_url}{path}", timeout=10).headers
        policy = headers["content-security-policy"]
        assert re.search(r"frame-ancestors ([^;]*)", policy).group(1) == "'self' https://huggingface.co"
        assert "object-src 'none'" in policy and "base-uri 'self'" in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"]
        assert "microphone=()" in headers["permissions-policy"]


def test_file_names_with_markup_come_back_as_text(app_url):
    name = "<img src=x onerror=alert(1)>.jpg"
    answer = requests.post(f"{app_url}/classify", files=[("file", (name, PHOTO)), ("file", ("b", b"x"))], timeout=30)
    assert answer.headers["content-type"] == "application/json" and answer.json()[0]["file"]
    assert html.escape("<") not in answer.text


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("POST", "/classify", b"\x00" * 100),
        ("POST", "/gradio_api/run/predict", b"{"),
        ("POST", "/gradio_api/run/nope", b"{}"),
        ("POST", "/gradio_api/call/predict", b"[]"),
        ("POST", "/gradio_api/call/v2/nope", b"{}"),
        ("POST", "/gradio_api/call/v2/predict", b'{"nope": 1}'),
        ("POST", "/gradio_api/queue/join", b'{"data": []}'),
        ("POST", "/gradio_api/queue/join", b'{"data": [], "fn_index": 99, "session_hash": "x"}'),
        ("POST", "/gradio_api/run/predict", b'{"data": [{"path": {"a": 1}}]}'),
        ("POST", "/gradio_api/upload", b"x"),
        ("POST", "/gradio_api/cancel", b"{}"),
        ("POST", "/gradio_api/reset", b"{}"),
        ("POST", "/gradio_api/login", b"x"),
        ("GET", "/gradio_api/call/predict/nope", None),
        ("GET", "/gradio_api/queue/data?session_hash=nope", None),
        ("GET", "/gradio_api/upload_progress?upload_id=nope", None),
        ("DELETE", "/classify", None),
        ("GET", "/%00", None),
        ("POST", "/gradio_api/run/predict", b'{"data": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        ("PATCH", "/", b"x"),
        (
            "POST",
            "/gradio_api/component_server/",
            b'{"data": 1, "component_id": 1, "fn_name": "x", "session_hash": "x"}',
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_no_answer_holds_a_trace_or_a_path(app_url, method, path, body):
    answer = requests.request(
        method, f"{app_url}{path}", data=body, timeout=20, headers={"Content-Type": "application/json"} if body else {}
    )
    assert "Traceback" not in answer.text and str(ROOT) not in answer.text and "site-packages" not in answer.text
    if path.startswith("/classify"):
        assert answer.status_code < 500
