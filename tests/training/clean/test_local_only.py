"""training/clean/local_only.py: the cleaner's page answers itself, and no other page that the browser has open."""

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from helpers.cleaners import names, open_cleaner
from helpers.photos import make_photos
from training.clean.__main__ import listen
from training.clean.app import build_app, server_of
from training.clean.local_only import SameOriginMiddleware
from training.clean.session import Cleaner


@contextmanager
def listening(app, host: str = "127.0.0.1"):
    listener = listen(host, 0)
    port, server = listener.getsockname()[1], server_of(app)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def cleaner(tmp_path_factory) -> Cleaner:
    return open_cleaner(make_photos(tmp_path_factory.mktemp("clean") / "photos"))


@pytest.fixture(scope="module")
def page(cleaner):
    with listening(build_app(cleaner, "export.pkl")) as port:
        yield port, next(iter(cleaner.by_id))


def ask(port: int, path: str, body: dict | None = None, method: str = "", **headers) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sent = {"Host": f"127.0.0.1:{port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body is not None:
        sent["Content-Type"] = "application/json"
    connection.request(method or ("GET" if body is None else "POST"), path, body and json.dumps(body), sent)
    response = connection.getresponse()
    return response.status, response.read()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_its_own_addresses_are_answered(page, host):
    port, photo = page
    own = f"{host}:{port}"
    for headers in ({}, {"Origin": f"http://{own}", "Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}):
        assert ask(port, "/", Host=own, **headers)[0] == 200
        assert ask(port, f"/photo/{photo}", Host=own, **headers)[1].startswith(b"\xff\xd8")
        assert ask(port, "/choose", {"id": photo, "action": ""}, Host=own, **headers)[0] == 200
        assert ask(port, "/gradio_api/info", Host=own, **headers)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "evil.example",
        "localhost",
        "127.0.0.1:1",
        "localhost.evil:{port}",
        "10.0.0.1:{port}",
        "127.0.0.1:{port}@evil.example",
        "a@127.0.0.1:{port}",
        "",
        "127.0.0.1:{port}/x",
        "127.0.0.1:x",
        "[::1",
        "::1:{port}",
        "2130706433:{port}",
    ],
)
@pytest.mark.parametrize("path", ["/", "/photo/{id}", "/gradio_api/info", "/gradio_api/queue/join", "/config", "/no"])
def test_a_name_that_leads_here_by_another_way_is_refused(page, host, path):
    port, photo = page
    for body in (None, {"id": photo, "action": "delete"}):
        status, said = ask(port, path.format(id=photo), body, Host=host.format(port=port))
        assert status in (400, 421) and b"\xff\xd8" not in said
        assert status == 400 or b"Open http://127.0.0.1" in said


def test_two_hosts_are_refused(page):
    port, _ = page
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n".encode())
        assert connection.recv(100).split()[1] in (b"400", b"421")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "file://127.0.0.1:{port}"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
    ids=lambda headers: "-".join(headers.values()),
)
def test_another_page_reads_and_decides_nothing(page, cleaner, headers):
    port, photo = page
    headers = {name: value.format(port=port) for name, value in headers.items()}
    before = names(cleaner.data)
    for path, body in (
        ("/", None),
        (f"/photo/{photo}", None),
        (f"/thumb/{photo}", None),
        (f"/about/{photo}", None),
        ("/gradio_api/info", None),
        ("/choose", {"id": photo, "action": "delete"}),
        ("/gradio_api/run/apply", {"data": []}),
        ("/gradio_api/queue/join", {"data": []}),
    ):
        status, said = ask(port, path, body, **headers)
        assert status == 403 and said.startswith(b"Another web page asked for this")
    assert cleaner.counts()[2] == 0 and names(cleaner.data) == before


def test_a_link_to_the_page_is_followed_but_to_a_photo_is_not(page):
    port, photo = page
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert ask(port, "/", **link)[0] == 200
    assert ask(port, f"/photo/{photo}", **link)[0] == 403
    assert ask(port, "/", {}, **link)[0] == 403


@pytest.mark.parametrize(
    "host, asked, status",
    [
        ("0.0.0.0", "192.168.1.7", 200),
        ("0.0.0.0", socket.gethostname(), 200),
        ("0.0.0.0", "[fe80::1]", 200),
        ("0.0.0.0", "evil.example", 421),
        ("0.0.0.0", "localhost.evil.example", 421),
        ("192.168.1.7", "192.168.1.7", 200),
        ("192.168.1.7", "192.168.1.8", 421),
        ("desk.local", "desk.local", 200),
        ("desk.local", "localhost", 200),
    ],
    ids=str,
)
def test_the_host_that_was_given_is_answered(host, asked, status):
    app = Starlette()
    app.add_route("/", lambda request: Response("ok"))
    with listening(SameOriginMiddleware(app, host)) as port:
        assert ask(port, "/", Host=f"{asked}:{port}")[0] == status
        assert ask(port, "/", Host=f"{asked}:{port}", Origin=f"http://{asked}:{port}")[0] == status
        assert ask(port, "/", Host=f"{asked}:{port}", Origin="http://evil.example")[0] in (403, 421)


def test_websockets_are_checked_too():
    async def echo(websocket):
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    with listening(SameOriginMiddleware(Starlette(routes=[WebSocketRoute("/ws", echo)]))) as port:
        with connect(f"ws://127.0.0.1:{port}/ws", origin=f"http://127.0.0.1:{port}", proxy=None) as websocket:
            assert websocket.recv() == "hello"
        for refused in ({"origin": "https://evil.example"}, {"additional_headers": {"Sec-Fetch-Site": "cross-site"}}):
            with pytest.raises(InvalidStatus, match="403"), connect(f"ws://127.0.0.1:{port}/ws", proxy=None, **refused):
                pass
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(
                b"GET /ws HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            assert connection.recv(100).split()[1] == b"403"
