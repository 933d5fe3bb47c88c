"""What the stub of the Hub holds: repositories with their commits and pull requests, and what it is to do next."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

BINARIES = (".pkl", ".onnx", ".jpg", ".png", ".wasm", ".gz")


@dataclass
class StubPullRequest:
    """A pull request: its title, its texts, its commits as a repository has them."""

    title: str
    texts: list[str]
    commits: list[tuple[str, str, dict[str, bytes]]]
    author: str = "me"
    status: str = "open"


@dataclass
class StubRepo:
    """A repository: its commits, the last one last, each with a SHA, a title and its files."""

    commits: list[tuple[str, str, dict[str, bytes]]] = field(default_factory=list)
    pulls: list[StubPullRequest] = field(default_factory=list)
    hardware: str | None = None
    private: bool = False
    sdk: str | None = None

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1][2]

    def commit(self, title: str, files: dict[str, bytes]) -> str:
        sha = hashlib.sha1(f"{title}{len(self.commits)}".encode()).hexdigest()
        self.commits.append((sha, title, files))
        return sha

    def at(self, revision: str) -> tuple[str, str, dict[str, bytes]] | None:
        if revision.startswith("refs/pr/"):
            return self.pulls[int(revision.split("/")[-1]) - 1].commits[-1]
        return self.commits[-1] if revision == "main" else next((c for c in self.commits if c[0] == revision), None)


class Hub:
    """What the stub holds, and what it is to do next."""

    def __init__(self):
        self.url = self.host = ""  # of the Hub, and of the live Space
        self.down = False
        self.who = {
            "name": "me",
            "isPro": True,
            "emailVerified": True,
            "orgs": [{"name": "club"}],
            "auth": {"accessToken": {"role": "write"}},
        }
        self.created = "2020-01-01T00:00:00.000Z"  # the account; None: the Hub does not tell
        self.token = "hf_" + "t" * 34
        self.repos: dict[tuple[str, str], StubRepo] = {}
        self.stored: dict[str, bytes] = {}
        # by route: a status, "hang", "cut" or "short" (half an answer); when all is done, "cut after" or ("after", 504)
        self.failures: dict[str, Iterator] = {}
        self.stages = ["BUILDING", "APP_STARTING", "RUNNING"]  # one a request; the last one stays
        self.tells_version = True
        self.error = ""  # of the Space, in the Hub's words
        self.logs = {"build": [], "run": []}
        self.answers: list = []  # of the live Space: a dict, or a status
        self.health: list = []  # the same, of what it says of itself
        self.pages: list[dict[str, bytes]] = []  # files of a live static Space, one dict a request of site.json
        self.asked: list[str] = []  # names of routes, in order
        self.uploaded: list[str] = []
        self.resolved: list[str] = []  # paths of the files whose content was asked for

    def space(self, name: str = "me/bears") -> StubRepo:
        return self.repos["space", name]

    def dataset(self, name: str = "me/said") -> StubRepo:
        return self.repos.get(("dataset", name)) or StubRepo([("", "", {})])


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry(path: str, content: bytes) -> dict:
    """Return a file as the Hub lists it."""
    told = {"type": "file", "path": path, "size": len(content), "oid": git_hash(content)}
    if path.endswith(BINARIES):
        digest = hashlib.sha256(content).hexdigest()
        told |= {"oid": git_hash(digest.encode()), "lfs": {"oid": digest, "size": len(content), "pointerSize": 130}}
    return told
