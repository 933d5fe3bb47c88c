"""Download pinned files of an npm package, from the registry that npm is set to or from the CDN jsDelivr.

Reads  NPM_CONFIG_REGISTRY, else `registry=` in ~/.npmrc, else what `npm config get registry` prints
Gives  `download`: the files of a `Package`, each of the pinned size and SHA-512, or a CliError of one sentence

A registry sends a package as one archive; of it only the pinned files are kept, and nothing is written anywhere.
Where no registry is known, jsDelivr sends the same files one by one. Neither needs to be trusted: a file with another
hash is refused.
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from fastcore.script import CliError

from training.hub.connection import web_address
from training.progress import progress_bar

CDN = "https://cdn.jsdelivr.net/npm"
SECONDS = 30  # that a server may be silent
CHUNK = 1 << 20
MOST_BYTES = 200_000_000  # of one answer; the largest of ours has 33 MB
NPM_SECONDS = 20
PLAIN = {"Accept-Encoding": "identity"}  # an archive is compressed already


@dataclass(frozen=True)
class PinnedFile:
    """A file of a package. path: in the package; size: in bytes; sha512: in base64, as lock files of npm have it."""

    path: str
    size: int
    sha512: str

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.path.rpartition("/")[2]

    def matches(self, data: bytes) -> bool:
        """Return whether these are the file's bytes."""
        return len(data) == self.size and base64.b64encode(hashlib.sha512(data).digest()).decode() == self.sha512


@dataclass(frozen=True)
class Package:
    """One version of an npm package, and the files of it that are used."""

    name: str
    version: str
    files: tuple[PinnedFile, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def registry_address() -> str:
    """Return the address of the npm registry that this account uses; "" where npm was never set up here."""
    for variable in ("NPM_CONFIG_REGISTRY", "npm_config_registry"):  # npm takes both, Windows makes them one
        if address := os.environ.get(variable):
            return web_address(variable, address)
    try:
        settings = (Path.home() / ".npmrc").read_text(encoding="utf-8", errors="replace")
    except (OSError, RuntimeError):  # the last: an account without a home
        settings = ""
    for address in re.findall(r"^\s*registry\s*=\s*[\"']?(https?://[^\s\"'$]+)", settings, re.M):
        return web_address("registry in ~/.npmrc", address)
    return _registry_of_npm()


def _registry_of_npm() -> str:
    """Return the address that npm itself prints; "" without npm."""
    npm = shutil.which("npm")
    if npm is None:
        return ""
    try:
        command = [npm, "config", "get", "registry"]
        printed = subprocess.run(command, capture_output=True, text=True, timeout=NPM_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return printed.strip().rstrip("/") if printed.startswith(("http://", "https://")) else ""


def download(package: Package) -> dict[str, bytes]:
    """Return the pinned files of a package by their names, with a progress bar; CliError where one is not to be had."""
    registry = registry_address()
    found = _from_registry(registry, package) if registry else _from_cdn(package)
    host = _host(registry or CDN)
    for file in package.files:
        if file.path not in found:
            raise CliError(f"{package} from {host} has no {file.path}. Nothing was kept. {_elsewhere(registry)}")
        if not file.matches(found[file.path]):
            raise CliError(
                f"{file.path} of {package} from {host} is not the file that this project was tested with: its size or "
                f"SHA-512 differs. Nothing was kept. {_elsewhere(registry)}"
            )
    return {file.name: found[file.path] for file in package.files}


def _from_registry(registry: str, package: Package) -> dict[str, bytes]:
    """Return the wanted members of a package's archive by path, as far as they have the pinned size."""
    wanted = {f"package/{file.path}": file for file in package.files}
    plain = package.name.rpartition("/")[2]
    found: dict[str, bytes] = {}
    with _answer(f"{registry}/{package.name}/-/{plain}-{package.version}.tgz", package) as answer:
        stream = _Reader(_chunks(answer, answer.iter_raw(CHUNK)))
        with tarfile.open(fileobj=stream, mode="r|gz", bufsize=CHUNK) as archive:  # type: ignore[call-overload]
            for member in archive:
                file = wanted.get(member.name)
                if file and member.isfile() and member.size == file.size and (content := archive.extractfile(member)):
                    found[file.path] = content.read()
                if len(found) == len(wanted):
                    break
    return found


def _from_cdn(package: Package) -> dict[str, bytes]:
    """Return the files of a package by path, each from an address of its own."""
    found = {}
    for file in package.files:
        with _answer(f"{CDN}/{package.name}@{package.version}/{file.path}", package) as answer:
            found[file.path] = b"".join(_chunks(answer, answer.iter_bytes(CHUNK)))
    return found


class _Reader:
    """A file to read from, made of chunks, for tarfile."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.left = chunks, b""

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer at the end."""
        while len(self.left) < size and (chunk := next(self.chunks, b"")):
            self.left += chunk
        taken, self.left = self.left[:size], self.left[size:]
        return taken


def _chunks(answer: httpx2.Response, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks of an answer, with a progress bar; CliError for an answer without an end."""
    length, n = answer.headers.get("Content-Length", ""), 0
    total = -(-int(length) // CHUNK) if length.isdigit() else None
    for chunk in progress_bar(chunks, total=total, leave=False) if total else chunks:
        n += len(chunk)
        if n > MOST_BYTES:
            raise CliError(f"{_host(str(answer.url))} sends more than {MOST_BYTES // 10**6} MB. Nothing was kept.")
        yield chunk


@contextmanager
def _answer(address: str, package: Package) -> Iterator[httpx2.Response]:
    """Yield a server's answer; CliError with a sentence for whatever goes wrong until it was read."""
    host, retry = _host(address), "Nothing was kept; run it again."
    try:
        with httpx2.stream("GET", address, timeout=SECONDS, follow_redirects=True, headers=PLAIN) as answer:
            answer.raise_for_status()
            yield answer
    except httpx2.HTTPStatusError as error:
        status = error.response.status_code
        raise CliError(
            f"{package} could not be fetched: {host} answered HTTP {status}. {_elsewhere(address)}"
        ) from error
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.InvalidURL) as error:
        raise CliError(
            f"{package} could not be fetched, since {host} is out of reach ({_reason(error)}). It is needed once: "
            "connect to the network, set HTTPS_PROXY if there is a proxy, or set NPM_CONFIG_REGISTRY to a registry in "
            "reach."
        ) from error
    except (httpx2.HTTPError, OSError, EOFError, tarfile.TarError) as error:
        raise CliError(f"{package} from {host} arrived broken or not to its end ({_reason(error)}). {retry}") from error


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _host(address: str) -> str:
    """Return the host of an address, without a password that may stand in it."""
    return urlsplit(address).hostname or address


def _elsewhere(address: str) -> str:
    where = "another registry" if address else "a registry"
    return f"Run it again, or set NPM_CONFIG_REGISTRY to {where}."
