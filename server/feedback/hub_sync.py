"""Brings the folder of feedback to a dataset on the Hub, every few minutes, whatever the Hub is up to.

    hub = HubUpload("USER/NAME")
    hub.start(folder)

What lies in the folder when the app starts is uploaded too: so a restart repeats what was lost on the way, and the
Hub knows what it has already. A token that may write is read from HF_TOKEN; a repo that is not there becomes a
private one.
"""
import logging
import threading
import time
from concurrent.futures import TimeoutError as TooLong
from pathlib import Path

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitScheduler, HfApi

from .counters import FOLDER as COUNTERS

log = logging.getLogger(__name__)

EVERY = 5  # minutes
COUNTERS_EVERY = 3600  # seconds: they change all the time, and each change would be a commit
AT_ONCE = 100  # files in a commit


class _Scheduler(CommitScheduler):
    """`CommitScheduler` for whole files, a number of them at a time.

    Its own way opens every file that waits at once: after an hour without the Hub, more than a process may.
    """

    def __init__(self, folder: Path, **options):
        self._counters_sent = 0.0
        self.everything = False  # counters too, however lately they were sent
        super().__init__(folder_path=folder, **options)

    def push_to_hub(self) -> CommitInfo | None:
        """Upload what is new, oldest first, so that a photo is there before its record."""
        with self.lock:
            waiting = self._waiting()
        info = None
        for start in range(0, len(waiting), AT_ONCE):
            batch = waiting[start:start + AT_ONCE]
            files = list(filter(None, (self._added(path) for _, path in batch)))
            if not files:
                continue
            info = self.api.create_commit(repo_id=self.repo_id, repo_type=self.repo_type, operations=files,
                                          commit_message=f"Feedback: {len(files)} files")
            self.last_uploaded.update({path: changed for changed, path in batch})
            if any(path.parent.name == COUNTERS for _, path in batch):
                self._counters_sent = time.monotonic()
        return info

    def _added(self, path: Path) -> CommitOperationAdd | None:
        """Return the file as a part of a commit; None where it is gone: the folder is at its limit, say.

        Records and counters are small, and read now: counters are replaced at any moment.
        """
        try:
            return CommitOperationAdd(path.relative_to(self.folder_path).as_posix(),
                                      path.read_bytes() if path.suffix == ".json" else str(path))
        except (FileNotFoundError, ValueError):  # the latter is the Hub's own word for a path that is no file
            return None

    def _waiting(self) -> list[tuple[float, Path]]:
        """Return (time of change, path) of the files that the Hub does not have as they are."""
        found = []
        counters_too = self.everything or not self._counters_sent or (
            time.monotonic() - self._counters_sent > COUNTERS_EVERY)
        for path in self.folder_path.glob("*/*"):
            if path.suffix in (".jpg", ".json") and (counters_too or path.parent.name != COUNTERS):
                try:
                    changed = path.stat().st_mtime_ns
                except FileNotFoundError:
                    continue
                if self.last_uploaded.get(path) != changed:
                    found.append((changed, path))
        return sorted(found)


class HubUpload:
    """A folder on its way to a dataset repo."""

    def __init__(self, repo: str, every: float = EVERY, api: HfApi | None = None):
        """repo: USER/NAME; every: minutes."""
        self.repo, self._every, self._api = repo, every, api or HfApi()
        self._scheduler: _Scheduler | None = None

    def start(self, folder: Path) -> None:
        """Upload the folder from now on, in threads of its own: a Hub that is down holds up nobody."""
        def connect() -> None:
            while self._scheduler is None:
                try:
                    self._scheduler = _Scheduler(folder, repo_id=self.repo, repo_type="dataset", private=True,
                                                 every=self._every, hf_api=self._api)
                except Exception as error:  # no network, no token, no right: each has errors of its own
                    log.warning("Feedback waits on the disk: %s cannot be reached on the Hub (%s). Trying again in "
                                "%g minutes.", self.repo, str(error).split("\n")[0][:200], self._every)
                    time.sleep(60 * self._every)
        threading.Thread(target=connect, daemon=True, name="feedback to the Hub").start()

    def uploaded(self) -> list[Path]:
        """Return the photos and records that lie on the Hub, those uploaded first at the front."""
        sent = list(self._scheduler.last_uploaded) if self._scheduler else []
        return [path for path in sent if path.parent.name != COUNTERS]

    def finish(self, seconds: float) -> None:
        """Upload what waits, for so many seconds at most, and nothing from then on."""
        if self._scheduler:
            self._scheduler.everything = True
            try:
                self._scheduler.trigger().result(seconds)
            except TooLong:
                log.warning("The last feedback could not be uploaded in time: the next start does it.")
            except Exception:  # the scheduler has logged it
                pass
            self._scheduler.stop()
