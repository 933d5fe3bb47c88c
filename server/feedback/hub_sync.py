"""Upload the folder of feedback to a dataset on the Hub, every few minutes, also after the Hub was out of reach.

    hub = HubUpload("USER/NAME")
    hub.start(folder)

What lies in the folder when the app starts is uploaded too, so a restart repeats what was lost on the way; the Hub
knows what it has already. The token, which must allow writing, is read from HF_TOKEN. A repository that does not exist
is created, private.
"""

import logging
import threading
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitScheduler, HfApi

from .records import COUNTERS_FOLDER

log = logging.getLogger(__name__)

UPLOAD_MINUTES = 5
COUNTERS_SECONDS = 3600  # between uploads of counters: they change all the time, and each change would be a commit
MAX_FILES = 100  # in a commit


class _Scheduler(CommitScheduler):
    """`CommitScheduler` that uploads whole files, a number of them at a time.

    Its own way opens every file that waits at once: after an hour without the Hub, more than a process may.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self._counters_uploaded = 0.0
        self.upload_all = False  # counters too, however lately they were uploaded
        super().__init__(folder_path=folder, **options)

    def push_to_hub(self) -> CommitInfo | None:
        """Upload what is new, oldest first, so that a photo is there before its record."""
        with self.lock:
            waiting = self._waiting()
        info = None
        for start in range(0, len(waiting), MAX_FILES):
            batch = waiting[start : start + MAX_FILES]
            files = list(filter(None, (self._operation(path) for _, path in batch)))
            if not files:
                continue
            info = self.api.create_commit(
                repo_id=self.repo_id,
                repo_type=self.repo_type,
                operations=files,
                commit_message=f"Feedback: {len(files)} files",
            )
            self.last_uploaded.update({path: changed for changed, path in batch})
            if any(path.parent.name == COUNTERS_FOLDER for _, path in batch):
                self._counters_uploaded = time.monotonic()
        return info

    def _operation(self, path: Path) -> CommitOperationAdd | None:
        """Return the operation that adds a file in a commit; None where it is gone: the folder is at its limit, say.

        Records and counters are small, and read now: counters are replaced at any moment.
        """
        try:
            return CommitOperationAdd(
                path.relative_to(self.folder_path).as_posix(),
                path.read_bytes() if path.suffix == ".json" else str(path),
            )
        except (FileNotFoundError, ValueError):  # the latter is what the library raises for a path that is no file
            return None

    def _waiting(self) -> list[tuple[int, Path]]:
        """Return (time of change in nanoseconds, path) of the files that the Hub does not have as they are."""
        found = []
        counters_too = (
            self.upload_all
            or not self._counters_uploaded
            or (time.monotonic() - self._counters_uploaded > COUNTERS_SECONDS)
        )
        for path in self.folder_path.glob("*/*"):
            if path.suffix in (".jpg", ".json") and (counters_too or path.parent.name != COUNTERS_FOLDER):
                try:
                    changed = path.stat().st_mtime_ns
                except FileNotFoundError:
                    continue
                if self.last_uploaded.get(path) != changed:
                    found.append((changed, path))
        return sorted(found)


class HubUpload:
    """The upload of a folder to a dataset on the Hub."""

    def __init__(self, repo: str, every: float = UPLOAD_MINUTES, api: HfApi | None = None) -> None:
        """repo: USER/NAME; every: minutes."""
        self.repo, self._every, self._api = repo, every, api or HfApi()
        self._scheduler: _Scheduler | None = None

    def start(self, folder: Path) -> None:
        """Upload the folder from now on, in threads of its own: nothing else waits for a Hub that is down."""

        def connect() -> None:
            while self._scheduler is None:
                try:
                    self._scheduler = _Scheduler(
                        folder,
                        repo_id=self.repo,
                        repo_type="dataset",
                        private=True,
                        every=self._every,
                        hf_api=self._api,
                    )
                except Exception as error:  # no network, no token, no right: each has errors of its own
                    log.warning(
                        "Feedback waits on the disk: %s cannot be reached on the Hub (%s). Trying again in %g minutes.",
                        self.repo,
                        str(error).split("\n")[0][:200],
                        self._every,
                    )
                    time.sleep(60 * self._every)

        threading.Thread(target=connect, daemon=True, name="feedback to the Hub").start()

    def uploaded(self) -> list[Path]:
        """Return the photos and records that lie on the Hub, those uploaded first at the front."""
        sent = list(self._scheduler.last_uploaded) if self._scheduler else []
        return [path for path in sent if path.parent.name != COUNTERS_FOLDER]

    def finish(self, seconds: float) -> None:
        """Upload what waits, for so many seconds at most, and nothing from then on."""
        if self._scheduler:
            self._scheduler.upload_all = True
            try:
                self._scheduler.trigger().result(seconds)
            except FutureTimeoutError:
                log.warning("The last feedback could not be uploaded in time: the next start does it.")
            except Exception:  # the scheduler has logged it
                pass
            self._scheduler.stop()
