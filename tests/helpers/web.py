"""A local web server that photos are fetched from, with every answer that a downloader may meet."""

import gzip
import http.server
import io
import threading
import time
from contextlib import contextmanager
from typing import ClassVar

from helpers.photos import noisy_photo


@contextmanager
def served(host: str = "127.0.0.1"):
    handler = type("Handler", (Web,), {"asked": [], "photo": as_png(noisy_photo((200, 40, 40), 1))})
    server = http.server.ThreadingHTTPServer((host, 0), handler)
    server.daemon_threads = True
    server.url, server.asked = f"http://{host}:{server.server_port}", handler.asked
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()


def as_png(photo) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    return buffer.getvalue()


class Web(http.server.BaseHTTPRequestHandler):
    """A small web: photos, and all that goes wrong."""

    asked: ClassVar[list] = []
    photo = b""

    def do_GET(self):
        self.asked.append((self.path, time.monotonic()))
        name = self.path.strip("/").split("/")[0].split("?")[0]
        getattr(self, f"do_{name}", self.do_missing)()

    def reply(self, status: int, body: bytes = b"", **headers):
        self.send_response(status)
        for header, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(header.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_photo(self):
        self.reply(200, self.photo)

    def do_missing(self):
        self.reply(404, b"nothing here")

    def do_broken(self):
        self.reply(500)

    def do_page(self):
        self.reply(200, b"<!doctype html><html><body>a page named .jpg</body></html>", Content_Type="image/jpeg")

    def do_busy(self):
        times = sum(path == self.path for path, _ in self.asked)
        if times == 1:
            self.reply(429, Retry_After="1")
        else:
            self.do_photo()

    def do_busy_for_long(self):
        self.reply(503, Retry_After="3600")

    def do_around(self):
        self.reply(302, Location="/around/again")

    def do_moved(self):
        self.reply(301, Location="../photo/1.png")

    def do_inside(self):
        self.reply(302, Location=f"http://127.0.0.1:{self.server.server_port}/photo/secret.png")

    def do_huge(self):
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()

    def do_endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1_000_000))
        except OSError:
            self.close_connection = True

    def do_brotli(self):
        self.reply(200, self.photo, Content_Encoding="br")

    def do_gzip(self):
        self.reply(200, gzip.compress(bytes(50_000_000)), Content_Encoding="gzip", Content_Type="image/jpeg")

    def do_twice(self):
        self.reply(200, self.photo, Content_Encoding="identity, deflate")

    def do_identity(self):
        self.reply(200, self.photo, Content_Encoding="Identity")

    def do_gzip_moved(self):
        self.reply(302, gzip.compress(bytes(50_000_000)), Location="/photo", Content_Encoding="gzip")

    def do_far(self):
        self.reply(302, Location="/photo?" + "x" * 90_000)

    def do_many_headers(self):
        self.reply(200, self.photo, **{f"x_{i}": "y" * 100 for i in range(5000)})

    def do_slow(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    def do_cut(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.photo)))
        self.end_headers()
        self.wfile.write(self.photo[:100])
        self.close_connection = True

    def log_message(self, *_):
        pass
