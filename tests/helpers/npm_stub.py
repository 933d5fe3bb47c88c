"""A registry of npm packages on this machine, which sends small archives and whatever may go wrong with them."""

import base64
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.static import runtime
from training.static.registry import Package, PinnedFile


def pinned(path: str, content: bytes) -> PinnedFile:
    """Return a file of a package with the hash of some content."""
    return PinnedFile(path, len(content), base64.b64encode(hashlib.sha512(content).digest()).decode())


def package_of(name: str, files: dict[str, bytes]) -> Package:
    """Return a package of these files by path."""
    return Package(name, "1.0.0", tuple(pinned(path, content) for path, content in files.items()))


def archive_of(members: dict[str, bytes]) -> bytes:
    """Return a package's archive as a registry has it: a tar of package/…, gzipped."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, content in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class Npm(http.server.ThreadingHTTPServer):
    """The stub: `answers` by address; `cut_after`: bytes after which an answer breaks off; `asked`: each address."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cut_after: int | None = None

    def put(self, package: Package, files: dict[str, bytes]) -> None:
        """Have the archive of a package, with a few files beside those that are asked for."""
        members = {"package/package.json": b"{}", **{f"package/{path}": content for path, content in files.items()}}
        self.answers[f"/{package.name}/-/{package.name}-{package.version}.tgz"] = archive_of(members)
        for path, content in files.items():  # as the CDN has them
            self.answers[f"/{package.name}@{package.version}/{path}"] = content


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers from `Npm.answers`."""

    server: Npm

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.answers.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write((content or b"")[: self.server.cut_after])

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def npm_registry() -> Iterator[Npm]:
    """Yield a registry that runs while the block does."""
    server = Npm()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


ORT = {"dist/ort.wasm.bundle.min.mjs": b"export {}", "dist/ort-wasm-simd-threaded.wasm": b"\0asm" * 5000}
HEIF = {f"libheif-wasm/{name}": name.encode() for name in ("libheif.js", "libheif.wasm", "LICENSE")}
SMALL_ORT, SMALL_HEIF = package_of("ort-web", ORT), package_of("heif-js", HEIF)


def use_small(monkeypatch, cache: Path, url: str) -> None:
    monkeypatch.setattr(runtime, "ONNX_RUNTIME", SMALL_ORT)
    monkeypatch.setattr(runtime, "LIBHEIF", SMALL_HEIF)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
