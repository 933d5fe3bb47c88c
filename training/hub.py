"""A repository on the Hub, Space or model: what is there, what differs from here, send it, put back what was before.

Gives `Repo`; every error is a `HubError` of one sentence that says what to do
"""
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

PUT_BACK = "Put back"  # how the message of a commit begins that restores an earlier one
KEPT = (".gitattributes",)  # the Hub's own: which files are binaries
FAILURES = (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError, RuntimeError)  # Xet raises the last
Given = TypeVar("Given")


class HubError(Exception):
    """The Hub refused, or was out of reach. `status`: of its answer, where there was one."""

    def __init__(self, sentence: str, status: int | None = None):
        super().__init__(sentence)
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered in a moment."""
        return self.status is None or self.status in (408, 429) or self.status >= 500


@dataclass(frozen=True)
class Changes:
    """What would make a repository hold certain files and no others."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    n_same: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.deleted)

    def __str__(self) -> str:
        return (f"{len(self.added)} files new, {len(self.changed)} changed, {len(self.deleted)} deleted, "
                f"{self.n_same} as they are")


class Repo:
    """One repository. kind: "space" or "model"."""

    def __init__(self, api: HfApi, name: str, kind: str):
        self.api, self.name, self.kind = api, name, kind
        self.at = {"repo_id": name, "repo_type": kind}

    def info(self):
        """Return what the Hub says of it, or None where there is no such repository."""
        try:
            return self.call("asking for it", lambda: self.api.repo_info(**self.at))
        except HubError as error:
            if isinstance(error.__cause__, RepositoryNotFoundError):
                return None
            raise

    def create(self, **options) -> None:
        """Create it, empty; a HubError says why it could not be."""
        self.call("creating it", lambda: self.api.create_repo(**self.at, **options))

    def tree(self, revision: str | None = None) -> dict[str, RepoFile]:
        """Return its files by path."""
        entries = self.call("listing its files", lambda: list(
            self.api.list_repo_tree(**self.at, revision=revision, recursive=True)))
        return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}

    def commits(self) -> list[tuple[str, str]]:
        """Return the SHA and the title of each commit, the last one first."""
        return [(commit.commit_id, commit.title) for commit in self.call(
            "listing its versions", lambda: self.api.list_repo_commits(**self.at))]

    def send(self, files: dict[str, bytes], changes: Changes, message: str, parent: str | None) -> str:
        """Commit the changes, all or none, on top of `parent`, and return the commit's SHA."""
        operations = [CommitOperationAdd(path, files[path]) for path in [*changes.added, *changes.changed]]
        return self._commit([*operations, *map(CommitOperationDelete, changes.deleted)], message, parent)

    def put_back(self) -> tuple[str, str]:
        """Restore, as a new commit, what was there before the last one; return both SHAs, the restored one first."""
        commits = self.commits()
        target = before(commits)
        now, then = self.tree(), self.tree(target) if target else {}
        if "app.py" not in then and "model.pkl" not in then:
            raise HubError(f"{self.name} has no earlier version to put back.")
        differing = [path for path, entry in then.items() if path not in now or now[path].blob_id != entry.blob_id]
        operations = [CommitOperationCopy(path, path, src_revision=target) for path in differing]
        operations += [CommitOperationDelete(path) for path in now if path not in then]
        if not operations:
            raise HubError(f"{self.name} and the version before it ({target[:12]}) hold the same files.")
        return target, self._commit(operations, f"{PUT_BACK} {target}", commits[0][0])

    def _commit(self, operations: list, message: str, parent: str | None) -> str:
        """Commit; where the connection broke, find out whether the commit arrived."""
        try:
            return self.call("sending files", lambda: self.api.create_commit(
                **self.at, operations=operations, commit_message=message, parent_commit=parent)).oid
        except HubError as error:
            try:
                head, title = self.commits()[0]
            except HubError:
                raise HubError(f"{error} Whether the files arrived is not known. Run the same command again: it sends "
                               "only what is missing.", error.status) from error
            if head != parent and title == message:
                return head
            raise HubError(f"{error} {self.name} is as it was: a commit arrives whole or not at all.",
                           error.status) from error

    def call(self, doing: str, ask: Callable[[], Given]) -> Given:
        """Return what `ask` gives; what goes wrong becomes a HubError of one sentence."""
        try:
            return ask()
        except FAILURES as failure:
            error = _cause(failure)
            status = getattr(getattr(error, "response", None), "status_code", None)
            raise HubError(sentence(error, status, f"{doing} ({self.kind} {self.name})"), status) from error


def _cause(error: BaseException) -> BaseException:
    """Return what the Hub or the network said, which an upload's own error only mentions."""
    while not isinstance(error, httpx2.HTTPError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def before(commits: Sequence[tuple[str, str]]) -> str | None:
    """Return the commit that stood before the last one; None where there is none.

    commits: SHA and title, the last one first. A commit that put X back stands for X: so each time one goes
    one version further back.
    """
    shas = [sha for sha, _ in commits]
    at = 0
    while at < len(shas) and (found := re.fullmatch(rf"{PUT_BACK} ([0-9a-f]{{40}})", commits[at][1])):
        if found.group(1) not in shas[at + 1:]:
            return None
        at = shas.index(found.group(1))
    return shas[at + 1] if at + 1 < len(shas) else None


def changes(files: dict[str, bytes], there: dict[str, RepoFile]) -> Changes:
    """Return what differs between files here and a repository's tree."""
    same = {path for path, content in files.items() if path in there and _is(there[path], content)}
    return Changes(added=[path for path in files if path not in there],
                   changed=[path for path in files if path in there and path not in same],
                   deleted=[path for path in there if path not in files and path not in KEPT], n_same=len(same))


def _is(entry: RepoFile, content: bytes) -> bool:
    """Return whether a file in a repository has this content, by its hash: SHA-256 for LFS, git's otherwise."""
    if entry.lfs:
        return entry.lfs.sha256 == hashlib.sha256(content).hexdigest()
    return entry.blob_id == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sentence(error: Exception, status: int | None, doing: str) -> str:
    """Return what went wrong with the Hub and what to do, in plain words."""
    if isinstance(error, LocalTokenNotFoundError):
        return ("No token is here. Make one of the kind \"write\" on https://huggingface.co/settings/tokens, then: "
                "hf auth login")
    why = {
        401: "the Hub does not know this token. Log in again: hf auth login",
        402: "the Hub wants PRO for this kind of Space. Say --hardware zero-a10g, which is free, or subscribe on "
             "https://huggingface.co/pro",
        403: "this token may not do that. It needs the kind \"write\" and a right to that account; a free account may "
             "have 2 ZeroGPU Spaces, and none in its first 30 days",
        404: "there is nothing of that name, or the token may not see it",
        409: "the name is taken, or somebody else changes it right now. Run it again, or take another name",
        412: "somebody else changed it at the same time. Run it again to send on top of that",
        413: "a file is too large for the Hub",
        429: "the Hub asks to slow down" + _wait(error) + ", then run it again",
    }.get(status)
    if why:
        return f"Stopped while {doing}: {why}."
    if status:
        return f"Stopped while {doing}: the Hub answered HTTP {status}. {_first_line(error)} Run it again in a while."
    if isinstance(error, (httpx2.TransportError, ConnectionError, TimeoutError)):
        return (f"The connection broke while {doing} ({type(error).__name__}). Look whether "
                "https://status.huggingface.co is green, then run it again.")
    return f"Stopped while {doing}: {_first_line(error)}"


def _wait(error: Exception) -> str:
    """Return for how long the Hub asks to wait, if it says so."""
    seconds = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
    return f": wait {seconds} s" if seconds.isdigit() else ": wait some minutes"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
