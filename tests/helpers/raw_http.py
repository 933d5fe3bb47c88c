"""Requests sent byte by byte, as no client library would send them."""

import contextlib
import socket

from helpers.paths import EXAMPLE

PHOTO = EXAMPLE.read_bytes()


def raw(url: str, request: bytes, seconds: float = 10) -> bytes:
    """Send bytes as they are and return all that comes back."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(request)
        received = b""
        with contextlib.suppress(socket.timeout, ConnectionError):
            while part := connection.recv(65536):
                received += part
                if b"\r\n\r\n" in received and received.endswith(b"}"):
                    break
        return received
