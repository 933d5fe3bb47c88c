"""Delete uploads from the disk after a while, the oldest first where there are too many.

Usage:

    uploads = Uploads(folder, minutes=60, max_mb=2000)
    uploads.sweep()
"""

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from .settings import MB

log = logging.getLogger(__name__)

SWEEP_SECONDS = 10
MIN_FREE = 100 * MB  # bytes that the disk must have left for another upload

FileVersion = tuple[str, int]  # path, and time of the last change in nanoseconds


class Uploads:
    """The files in a folder of uploads. A file's age counts from when it was first found, on a clock that never jumps.

    So the uploads of an app that was killed are deleted an hour after the next start. Make it before the app can be
    reached: what is in the folder by then counts as another app's.
    """

    def __init__(
        self,
        folder: Path,
        minutes: float,
        max_mb: float,
        keep: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """keep: files that stay, such as the page's examples. clock: seconds."""
        self.folder, self._keep, self._clock = Path(folder), set(map(str, keep)), clock
        self._seconds, self._max_bytes = 60 * minutes, max_mb * MB
        now = clock()
        self._found_at = {(path, stat.st_mtime_ns): now for path, stat in _walk(self.folder)}
        self._own: set[FileVersion] = set()  # came while this process ran

    def sweep(self) -> int:
        """Delete what is too old, and the oldest of what is too much; return how many files were deleted."""
        now = self._clock()
        found: dict[FileVersion, int] = {}
        for path, stat in _walk(self.folder):
            name = (path, stat.st_mtime_ns)
            found[name] = stat.st_size if path not in self._keep and not os.path.isdir(path) else 0
            if name not in self._found_at:
                self._found_at[name] = now
                self._own.add(name)
        self._found_at = {name: then for name, then in self._found_at.items() if name in found}
        self._own &= found.keys()
        total, n_deleted = sum(found.values()), 0
        for name in sorted(self._found_at, key=lambda name: self._found_at[name]):
            if now - self._found_at[name] < self._seconds and total <= self._max_bytes:
                break
            if name[0] not in self._keep and _delete(name[0]):
                total, n_deleted = total - found[name], n_deleted + 1
        return n_deleted

    def clear_own(self) -> None:
        """Delete what came while this process ran."""
        self.sweep()
        for path, _ in self._own:
            if path not in self._keep:
                _delete(path)

    def problem(self) -> str | None:
        """Return why an upload could not be kept now, in a sentence; None where it could."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            return f"Uploads cannot be kept: {error.strerror or error}."
        if free < MIN_FREE:
            return f"The disk has {free / MB:.0f} MB left: too little for uploads."
        if not os.access(self.folder, os.W_OK):
            return "Uploads cannot be kept: their folder is read-only."
        return None

    def start_sweeping(self) -> None:
        """Sweep every few seconds from now on, in a thread of its own."""

        def sweep_forever() -> None:
            while True:
                try:
                    self.sweep()
                except OSError as error:
                    log.error("The folder of uploads could not be swept: %s.", error.strerror)
                time.sleep(SWEEP_SECONDS)

        threading.Thread(target=sweep_forever, daemon=True, name="uploads").start()


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and stat of the files below a folder, and of its empty folders."""
    for parent, folders, files in os.walk(folder):
        names = files if files or folders else [""]
        for name in names:
            path = os.path.join(parent, name) if name else parent
            with suppress(OSError):  # gone meanwhile
                if path != str(folder):
                    yield path, os.lstat(path)


def _delete(path: str) -> bool:
    """Delete a file, or a folder that is empty; return whether a file was deleted."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
            return False
        os.unlink(path)
    except OSError:
        return False
    return True
