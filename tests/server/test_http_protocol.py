"""server/limits/http_protocol.py: connections that send nothing, or heads without end, do not stay."""

import asyncio
import socket
import threading
import time

import pytest
import requests
import uvicorn

from server.limits import http_protocol as module
from server.limits.http_protocol import BoundedProtocol


async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch):
    """A server with little patience."""
    monkeypatch.setattr(module, "HEAD_SECONDS", 1)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", http=BoundedProtocol, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def open_connection(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def until_closed(connection: socket.socket) -> bytes:
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


@pytest.mark.parametrize(
    "begin", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "a byte", "half a head"]
)
def test_a_connection_without_a_request_is_closed(port, begin):
    with open_connection(port) as connection:
        connection.sendall(begin)
        began = time.monotonic()
        assert until_closed(connection) == b"" and time.monotonic() - began < 8


def test_so_is_one_whose_second_request_does_not_come(port):
    with open_connection(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"ok"):
            answer += connection.recv(65536)
        connection.sendall(b"GET / HT")
        assert until_closed(connection) == b""


def test_a_head_without_end_is_not_read(port):
    with open_connection(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        sent = 0
        try:
            for i in range(100):
                sent += connection.send(b"x-%d: " % i + b"y" * 50_000 + b"\r\n")
        except OSError:
            pass
        assert sent < 5_000_000 or b"431" in until_closed(connection)


def test_what_takes_its_time_behind_the_head_is_nobodys_business_here(port):
    def slowly():
        for _ in range(3):
            yield b"x"
            time.sleep(0.7)

    assert requests.post(f"http://127.0.0.1:{port}", data=slowly(), timeout=20).text == "ok"
    with requests.Session() as session:
        for _ in range(5):
            assert session.post(f"http://127.0.0.1:{port}", data=bytes(2_000_000), timeout=20).text == "ok"


def test_the_app_uses_it(app_url):
    host, _, port = app_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\n" + b"a: " + b"b" * 5_000_000)
        except OSError:
            return  # closed while it was sent
        assert b"431" in until_closed(connection)
