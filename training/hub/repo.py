"""A Space, model or data set on the Hub: list it, compare it with files here, send files, restore a version.

Gives `Repo`; every error is a `HubError` of one sentence that says what to do
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._http import default_client_factory

from classifier.files import sha256

from .errors import FAILURES, HubError, OutcomeUnknown, as_hub_error

PUT_BACK = "Put back"  # how the message of a commit begins that restores an earlier one
KEPT = (".gitattributes",)  # the Hub's own: which files are binaries
SECONDS = 120  # that the Hub may be silent
Given = TypeVar("Given")
Content = bytes | Path  # of a file that is sent: itself, or where it lies here
Operation = CommitOperationAdd | CommitOperationCopy | CommitOperationDelete


def patient_client() -> httpx2.Client:
    """Return huggingface_hub's own client with an end to its patience: it would wait at a dead line for ever."""
    client = default_client_factory()
    client.timeout = SECONDS
    return client


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
        return (
            f"{len(self.added)} files new, {len(self.changed)} changed, {len(self.deleted)} deleted, "
            f"{self.n_same} as they are"
        )


class Repo:
    """One repository. kind: "space", "model" or "dataset"."""

    def __init__(self, api: HfApi, name: str, kind: str):
        self.api, self.name, self.kind = api, name, kind
        self.at: dict[str, Any] = {"repo_id": name, "repo_type": kind}

    def info(self) -> Any:
        """Return what the Hub says of it, or None where there is no such repository."""
        try:
            return self.call("asking for it", lambda: self.api.repo_info(**self.at, timeout=SECONDS))
        except HubError as error:
            if isinstance(error.__cause__, RepositoryNotFoundError):
                return None
            raise

    def create(self, **options: Any) -> None:
        """Create it, empty; HubError where it could not be, OutcomeUnknown where that cannot be told."""
        try:
            self.call("creating it", lambda: self.api.create_repo(**self.at, **options))
        except HubError as error:
            if error.status is not None and error.status < 500:
                raise
            try:  # the connection broke, or the Hub did: was it created?
                there = self.info()
            except HubError:
                raise OutcomeUnknown(f"{error} Whether it was created is not known.") from error
            if there is None:
                raise

    def tree(self, revision: str | None = None) -> dict[str, RepoFile]:
        """Return its files by path."""
        entries = self.call(
            "listing its files", lambda: list(self.api.list_repo_tree(**self.at, revision=revision, recursive=True))
        )
        return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}

    def commits(self) -> list[tuple[str, str]]:
        """Return the SHA and the title of each commit, the last one first."""
        return [
            (commit.commit_id, commit.title)
            for commit in self.call("listing its versions", lambda: self.api.list_repo_commits(**self.at))
        ]

    def send(self, files: Mapping[str, Content], changes: Changes, message: str, parent: str | None) -> str:
        """Commit the changes, all or none, on top of `parent`, and return the commit's SHA."""
        operations = [CommitOperationAdd(path, files[path]) for path in [*changes.added, *changes.changed]]
        return self._commit([*operations, *map(CommitOperationDelete, changes.deleted)], message, parent)

    def earlier(self, commits: Sequence[tuple[str, str]]) -> str:
        """Return the commit that `put_back` would restore; HubError where there is none with files in it."""
        target = previous_version(commits)
        if target is None or not {"app.py", "model.pkl", "site.json"} & set(self.tree(target)):
            raise HubError(f"{self.name} has no earlier version to put back.")
        return target

    def put_back(self) -> tuple[str, str]:
        """Restore, as a new commit, what was there before the last one; return both SHAs, the restored one first."""
        commits = self.commits()
        target = self.earlier(commits)
        now, then = self.tree(), self.tree(target)
        differing = [path for path, entry in then.items() if path not in now or now[path].blob_id != entry.blob_id]
        operations: list[Operation] = [CommitOperationCopy(path, path, src_revision=target) for path in differing]
        operations += [CommitOperationDelete(path) for path in now if path not in then]
        if not operations:
            raise HubError(f"{self.name} and the version before it ({target[:12]}) hold the same files.")
        return target, self._commit(operations, f"{PUT_BACK} {target}", commits[0][0])

    def _commit(self, operations: list[Operation], message: str, parent: str | None) -> str:
        """Commit; where the connection broke, find out whether the commit arrived."""
        try:
            return self.call(
                "sending files",
                lambda: self.api.create_commit(
                    **self.at, operations=operations, commit_message=message, parent_commit=parent
                ),
            ).oid
        except HubError as error:
            try:
                head, title = self.commits()[0]
            except HubError:
                raise OutcomeUnknown(f"{error} Whether the files arrived is not known.", error.status) from error
            if head != parent and title == message:
                return head
            raise HubError(
                f"{error} {self.name} is as it was: a commit arrives whole or not at all.", error.status
            ) from error

    def call(self, doing: str, ask: Callable[[], Given]) -> Given:
        """Return what `ask` gives; what goes wrong becomes a HubError of one sentence."""
        try:
            return ask()
        except FAILURES as error:
            raise as_hub_error(error, f"{doing} ({self.kind} {self.name})") from error


def previous_version(commits: Sequence[tuple[str, str]]) -> str | None:
    """Return the commit that stood before the last one; None where there is none.

    commits: SHA and title, the last one first. A commit that put X back stands for X: so each time one goes
    one version further back.
    """
    shas = [sha for sha, _ in commits]
    at = 0
    while at < len(shas) and (found := re.fullmatch(rf"{PUT_BACK} ([0-9a-f]{{40}})", commits[at][1])):
        if found.group(1) not in shas[at + 1 :]:
            return None
        at = shas.index(found.group(1))
    return shas[at + 1] if at + 1 < len(shas) else None


def changes(files: Mapping[str, Content], there: dict[str, RepoFile]) -> Changes:
    """Return what differs between files here and a repository's tree."""
    same = {path for path, content in files.items() if path in there and same_content(there[path], content)}
    return Changes(
        added=[path for path in files if path not in there],
        changed=[path for path in files if path in there and path not in same],
        deleted=[path for path in there if path not in files and path not in KEPT],
        n_same=len(same),
    )


def same_content(entry: RepoFile, content: Content) -> bool:
    """Return whether a file in a repository has this content, by its hash: SHA-256 for LFS, git's otherwise."""
    if entry.lfs and isinstance(content, Path):
        return entry.lfs.sha256 == sha256(content)
    held = content.read_bytes() if isinstance(content, Path) else content
    if entry.lfs:
        return entry.lfs.sha256 == hashlib.sha256(held).hexdigest()
    return entry.blob_id == hashlib.sha1(b"blob %d\0" % len(held) + held).hexdigest()
