"""API keys: a file with the name and the SHA-256 of each key. Who sends a key is a client by its name.

Reads  API_KEYS_FILE, again whenever it changes: a line for each key, as `python -m server.keys add NAME` writes it
Gives  `ApiKeys`

    school-4b fc1b5b0a3d0d5a6b9bd3d2a6f7e3c1d0a9b8c7d6e5f40312233445566778899a 2026-11-25

A key is 256 random bits, so its plain SHA-256 says nothing about it: salt and slow hashes are for passwords, which
people choose. A file that cannot be read refuses all keys until it is mended; no key is ever logged.
"""

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from typing import NamedTuple

log = logging.getLogger(__name__)

PREFIX = "fg_"  # of each key, so that the tokens of others are told apart
KEY_BYTES = 32
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LINE = re.compile(rf"({NAME.pattern}) ([0-9a-f]{{64}})(?: (\d{{4}}-\d\d-\d\d))?")
LOOK_SECONDS = 1.0  # between two looks whether the file has changed
MAX_BYTES = 10_000_000

Version = tuple[int, int, int]  # a file's number, size and time of change


class KeysError(Exception):
    """Raised for a file of keys that cannot be read, with a sentence."""


class Entry(NamedTuple):
    """One key in the file."""

    name: str
    sha256: str
    added: str = ""

    @property
    def line(self) -> str:
        """The entry as the file has it."""
        return " ".join(filter(None, self)) + "\n"


def new_key(name: str) -> tuple[str, Entry]:
    """Return a new key and its entry; the key itself is kept nowhere."""
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    return key, Entry(name, sha256_of(key), f"{datetime.now(timezone.utc):%Y-%m-%d}")


def sha256_of(key: str) -> str:
    """Return what the file has of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file of keys; raises KeysError for one that is missing or no text."""
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait until somebody writes to it
            raise KeysError(f"The keys in {path} cannot be read: it is no file.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8-sig").splitlines()  # Notepad puts a mark in front
    except OSError as error:
        raise KeysError(f"The keys in {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise KeysError(f"The keys in {path} cannot be read: the file is no text.") from error


def read_keys(path: Path) -> list[Entry]:
    """Return the entries of a file; raises KeysError for one that is missing or that says anything else."""
    entries = []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = LINE.fullmatch(line.strip())
        if not found:  # the line is not shown: it may be a key
            raise KeysError(
                f"Line {number} of the keys in {path} is not a name and a SHA-256. "
                "`python -m server.keys add NAME` writes such lines."
            )
        entries.append(Entry(found[1], found[2], found[3] or ""))
    return entries


class ApiKeys:
    """The keys of a file, read again when it has changed. Safe to use from many threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that only ever grow. Raises KeysError for a file that cannot be read."""
        self.path, self._clock, self._lock = path, clock, Lock()
        self._version, self._looked_at = self._version_on_disk(), clock()  # before: what is written meanwhile is seen
        self._entries: list[Entry] | None = read_keys(path)

    @property
    def broken(self) -> bool:
        """Whether the file cannot be read at present; then no key is valid."""
        return self._current() is None

    def name_of(self, key: str) -> str | None:
        """Return the name of a valid key, else None. Each entry is compared, in a time that tells nothing of it."""
        sent, name = sha256_of(key), None
        for entry in self._current() or ():
            if hmac.compare_digest(sent, entry.sha256):
                name = entry.name
        return name

    def _current(self) -> list[Entry] | None:
        """Return the entries of the file as it is now; None for one that is broken."""
        with self._lock:
            if self._clock() - self._looked_at >= LOOK_SECONDS:
                self._looked_at = self._clock()
                version = self._version_on_disk()
                if version != self._version:
                    self._version = version
                    self._read_again()
            return self._entries

    def _read_again(self) -> None:
        try:
            self._entries = read_keys(self.path)
        except KeysError as error:
            self._entries = None
            log.error("%s Until then no key is valid.", error)
        else:
            log.warning("The keys in %s were read again: %d.", self.path, len(self._entries))

    def _version_on_disk(self) -> Version | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
