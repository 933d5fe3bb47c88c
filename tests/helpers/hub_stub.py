"""The Hub's HTTP endpoints that a deployment and feedback use, on this machine, with failures to switch on.

Usage:

    with running_hub() as hub:
        hub.down = True                                 # every request gets a 503
        hub.failures["commit"] = iter([429, "cut"])     # the first two requests; then it works
        hub.failures["upload"] = repeat("cut")          # never: the connection ends amid the body
"""

import base64
import hashlib
import json
import mimetypes
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from huggingface_hub import constants

from training.deploy import space
from training.deploy.manifest import front_matter

BINARIES = (".pkl", ".onnx", ".jpg", ".png", ".wasm", ".gz")
TEMPLATE = {"index.html": b"<p>Welcome to your static Space!</p>", "style.css": b"body {}"}  # of a new static Space
ID = r"(?P<name>[^/]+/[^/]+?)"
REV = r"(?P<rev>refs/pr/\d+|[^/]+)"
API = rf"/api/(?P<kind>model|space|dataset)s/{ID}"
PREFIX = r"/(?P<kind>(spaces|datasets)/)?"
ROUTES = [
    ("whoami", "GET", r"/api/whoami-v2"),
    ("create", "POST", r"/api/repos/create"),
    ("overview", "GET", r"/api/users/(?P<user>[^/]+)/overview"),
    ("spaces", "GET", r"/api/spaces"),
    ("page", "GET", rf"/page/{ID}/(?P<path>.*)"),
    ("yaml", "POST", r"/api/validate-yaml"),
    ("runtime", "GET", rf"{API}/runtime"),
    ("logs", "GET", rf"{API}/logs/(?P<log>\w+)"),
    ("tree", "GET", rf"{API}/tree/{REV}(/(?P<below>.+))?"),
    ("paths", "POST", rf"{API}/paths-info/{REV}"),
    ("commits", "GET", rf"{API}/commits/(?P<rev>[^/]+)"),
    ("preupload", "POST", rf"{API}/preupload/{REV}"),
    ("commit", "POST", rf"{API}/commit/{REV}"),
    ("discussions", "GET", rf"{API}/discussions"),
    ("discuss", "POST", rf"{API}/discussions/(?P<num>\d+)/(?P<what>comment|title)"),
    ("info", "GET", rf"{API}(/revision/{REV})?"),
    ("lfs", "POST", rf"{PREFIX}{ID}\.git/info/lfs/objects/batch"),
    ("upload", "PUT", r"/upload/(?P<oid>\w+)"),
    ("health", "GET", r"/health"),
    ("classify", "POST", r"/classify"),
    ("resolve", "(GET|HEAD)", rf"{PREFIX}{ID}/resolve/(?P<rev>[^/]+)/(?P<path>.+)"),
]


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


class Cut(Exception):
    """The connection ends here."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    hub: Hub
    cutting = short = False
    instead = None

    def log_message(self, *_):
        pass

    def do(self) -> None:
        path = unquote(urlsplit(self.path).path)
        name, found = next(
            (
                (name, found)
                for name, method, pattern in ROUTES
                if re.fullmatch(method, self.command) and (found := re.fullmatch(pattern, path))
            ),
            (None, None),
        )
        if found is None:
            self.answer(404, {"error": f"no route {self.command} {path}"})
            return
        self.hub.asked.append(name)
        failure = next(self.hub.failures.get(name, iter(())), None)
        self.cutting, self.short = failure == "cut after", failure == "short"
        self.instead = failure[1] if isinstance(failure, tuple) else None
        if failure == "hang":
            threading.Event().wait(3)
        try:
            if failure == "cut":  # amid the body
                self.rfile.read(int(self.headers.get("Content-Length") or 0) // 2)
                raise Cut
            body = self.body()
            if self.hub.down:
                failure = 503
            if isinstance(failure, int):
                self.answer(failure, {"error": f"the stub says {failure}"}, {"Retry-After": "0"})
                return
            getattr(self, "on_" + name)(body, **found.groupdict())
        except Cut:
            self.close_connection = True
            self.wfile = _Nowhere()
            self.connection.close()

    do_GET = do_POST = do_PUT = do_HEAD = do

    def body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while n_bytes := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(n_bytes))
                self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, told, headers: dict | None = None) -> None:
        if self.instead:
            status, told, self.instead = self.instead, {"error": "gateway"}, None
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        if self.cutting:
            raise Cut
        self.send_response(status)
        for key, value in {
            "Content-Length": str(len(content)),
            "Content-Type": "application/json",
            **(headers or {}),
        }.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if self.short else content)
        self.close_connection = self.close_connection or self.short

    def repo(self, kind: str | None, name: str) -> StubRepo | None:
        kind = {"spaces/": "space", "datasets/": "dataset", None: "model"}.get(kind, kind)
        found = self.hub.repos.get((kind, name))
        if found is None:
            self.answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        return found

    def on_whoami(self, _):
        known = self.headers.get("Authorization") == f"Bearer {self.hub.token}"
        self.answer(*((200, self.hub.who) if known else (401, {"error": "Invalid credentials"})))

    def on_create(self, body):
        told = json.loads(body)
        key = told.get("type", "model"), f"{told['organization']}/{told['name']}"
        if key in self.hub.repos:
            self.answer(409, {"error": "You already created this"})
            return
        private, sdk = told.get("visibility") == "private", told.get("sdk")
        self.hub.repos[key] = StubRepo(hardware=told.get("hardware"), private=private, sdk=sdk)
        first = {".gitattributes": b"*.pkl filter=lfs\n", **(TEMPLATE if sdk == "static" else {})}
        self.hub.repos[key].commit("initial commit", first)
        self.answer(200, {"url": f"{self.hub.url}/{'' if key[0] == 'model' else key[0] + 's/'}{key[1]}"})

    def on_overview(self, _, user):
        self.answer(200, {"user": user, "fullname": user, "avatarUrl": "", "createdAt": self.hub.created})

    def on_spaces(self, _):
        found = [(name, repo) for (kind, name), repo in self.hub.repos.items() if kind == "space"]
        self.answer(
            200,
            [
                {"id": name, "runtime": {"stage": "RUNNING", "hardware": {"current": None, "requested": repo.hardware}}}
                for name, repo in found
                if name.startswith(parse_qs(urlsplit(self.path).query)["author"][0] + "/")
            ],
        )

    def on_page(self, _, name, path):
        """Serve a static Space as the Hub does: with a script of its own in the page."""
        repo = self.hub.repos["space", name]
        if repo.private and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self.answer(404, b"")
            return
        path = path or "index.html"
        content = {**repo.files, **(self.hub.pages[0] if self.hub.pages else {})}.get(path)
        if path == "site.json":
            self.hub.pages = self.hub.pages[1:] or self.hub.pages
        if path == "index.html" and content:
            content = content.replace(b"<head>", b"<head><script>window.huggingface={variables:{}}</script>")
        kind = "text/javascript" if path.endswith(("js", ".mjs")) else mimetypes.guess_type(path)[0]
        self.answer(404 if content is None else 200, content or b"", {"Content-Type": kind or "text/plain"})

    def on_yaml(self, body):
        self.answer(200, {"errors": [], "warnings": []})

    def on_info(self, _, kind, name, rev):
        if repo := self.repo(kind, name):
            runtime = {"stage": self.hub.stages[-1], "hardware": {"current": repo.hardware, "requested": repo.hardware}}
            card = yaml.safe_load(front_matter(repo.files.get("README.md", b"").decode())) or {}
            sdk = card.get("sdk", repo.sdk)
            self.answer(
                200,
                {
                    "id": name,
                    "cardData": card,
                    "sha": repo.commits[-1][0],
                    "private": repo.private,
                    "tags": [],
                    "siblings": [{"rfilename": path} for path in repo.files],
                    "runtime": runtime,
                    "sdk": sdk,
                    "host": f"{self.hub.url}/page/{name}" if sdk == "static" else self.hub.host,
                },
            )

    def on_tree(self, _, kind, name, rev, below):
        if repo := self.repo(kind, name):
            start = f"{below}/" if below else ""
            files = {path: content for path, content in repo.at(rev)[2].items() if path.startswith(start)}
            told = [entry(path, content) for path, content in files.items()]
            folders = {str(folder) for path in files for folder in PurePosixPath(path).parents if folder.name}
            told += [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in sorted(folders)]
            told = [one for one in told if one["path"].startswith(start)]
            if "recursive=true" not in self.path.casefold():
                told = [one for one in told if "/" not in one["path"][len(start) :]]
            if not files and below:
                self.answer(404, {"error": "no such folder"}, {"X-Error-Code": "EntryNotFound"})
                return
            self.answer(200, told)

    def on_paths(self, body, kind, name, rev):
        if repo := self.repo(kind, name):
            files = repo.at(rev)[2]
            self.answer(200, [entry(path, files[path]) for path in parse_qs(body.decode())["paths"] if path in files])

    def on_commits(self, _, kind, name, rev):
        if repo := self.repo(kind, name):
            self.answer(
                200,
                [
                    {
                        "id": sha,
                        "title": title,
                        "message": "",
                        "authors": [{"user": "me"}],
                        "date": "2026-11-25T00:00:00.000Z",
                    }
                    for sha, title, _ in reversed(repo.commits)
                ],
            )

    def on_preupload(self, body, kind, name, rev):
        if self.repo(kind, name):
            self.answer(
                200,
                {
                    "files": [
                        {
                            "path": file["path"],
                            "shouldIgnore": False,
                            "uploadMode": "lfs" if file["path"].endswith(BINARIES) else "regular",
                        }
                        for file in json.loads(body)["files"]
                    ]
                },
            )

    def on_lfs(self, body, kind, name):
        objects = [
            {
                "oid": wanted["oid"],
                "size": wanted["size"],
                **(
                    {}
                    if wanted["oid"] in self.hub.stored
                    else {"actions": {"upload": {"href": f"{self.hub.url}/upload/{wanted['oid']}"}}}
                ),
            }
            for wanted in json.loads(body)["objects"]
        ]
        self.answer(200, {"transfer": "basic", "objects": objects})

    def on_upload(self, body, oid):
        good = hashlib.sha256(body).hexdigest() == oid
        if good:
            self.hub.stored[oid] = body
            self.hub.uploaded.append(oid)
        self.answer(200 if good else 400, b"")

    def on_commit(self, body, kind, name, rev):
        repo = self.repo(kind, name)
        if not repo:
            return
        files, title, text = dict(repo.at(rev)[2]), "", ""
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                title, text = value["summary"], value.get("description", "")
                if value.get("parentCommit") not in (None, repo.commits[-1][0]):
                    self.answer(412, {"error": "A commit has happened since. Please refresh and try again."})
                    return
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        told = {}
        if rev.startswith("refs/pr/"):
            sha = git_hash(f"{title}{len(files)}".encode())
            repo.pulls[int(rev.split("/")[-1]) - 1].commits.append((sha, title, files))
        elif "create_pr=1" in self.path:
            sha = git_hash(title.encode())
            repo.pulls.append(StubPullRequest(title, [text], [(sha, title, files)], self.hub.who["name"]))
            told = {"pullRequestUrl": f"{self.hub.url}/{kind}s/{name}/discussions/{len(repo.pulls)}"}
        else:
            sha = repo.commit(title, files)
        self.answer(200, {"commitUrl": f"{self.hub.url}/{name}/commit/{sha}", "commitOid": sha, **told})

    def on_discussions(self, _, kind, name):
        if repo := self.repo(kind, name):
            told = [
                {
                    "title": pull.title,
                    "num": num,
                    "author": {"name": pull.author},
                    "createdAt": "2026-11-25T00:00:00.000Z",
                    "status": pull.status,
                    "repo": {"name": name, "type": kind},
                    "isPullRequest": True,
                }
                for num, pull in enumerate(repo.pulls, 1)
                if pull.status == "open"
            ]
            self.answer(200, {"count": len(told), "start": 0, "discussions": told})

    def on_discuss(self, body, kind, name, num, what):
        if repo := self.repo(kind, name):
            pull, told = repo.pulls[int(num) - 1], json.loads(body)
            event = {"id": "1", "createdAt": "2026-11-25T00:00:00.000Z", "author": {"name": "me"}}
            if what == "comment":
                pull.texts.append(told["comment"])
                data = {"edited": False, "hidden": False, "latest": {"raw": told["comment"]}}
                self.answer(200, {"newMessage": {**event, "type": "comment", "data": data}})
            else:
                data = {"from": pull.title, "to": told["title"]}
                pull.title = told["title"]
                self.answer(200, {"newTitle": {**event, "type": "title-change", "data": data}})

    def on_runtime(self, _, kind, name):
        if repo := self.repo(kind, name):
            stage = self.hub.stages.pop(0) if len(self.hub.stages) > 1 else self.hub.stages[0]
            stage, which = stage if isinstance(stage, tuple) else (stage, -1)
            self.answer(
                200,
                {
                    "stage": stage,
                    "hardware": {"current": repo.hardware, "requested": repo.hardware},
                    **({"errorMessage": self.hub.error} if self.hub.error else {}),
                    **({"sha": repo.commits[which][0]} if self.hub.tells_version else {}),
                },
            )

    def on_logs(self, _, kind, name, log):
        lines = "".join(
            f"data: {json.dumps({'data': line, 'timestamp': '2026-11-25T00:00:00.000Z'})}\n\n"
            for line in self.hub.logs[log]
        )
        self.answer(200, lines.encode(), {"Content-Type": "text/event-stream"})

    def on_resolve(self, _, kind, name, rev, path):
        if repo := self.repo(kind, name):
            sha, _, files = repo.at(rev)
            if path not in files:
                self.answer(404, {}, {"X-Error-Code": "EntryNotFound"})
                return
            told, content, status, more = entry(path, files[path]), files[path], 200, {}
            if part := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
                start, end = int(part[1]), min(int(part[2] or len(content)), len(content) - 1)
                more = {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
                status, content = 206, content[start : end + 1]
            if self.command == "GET":
                self.hub.resolved.append(path)
            self.answer(
                status,
                content,
                {
                    "X-Repo-Commit": sha,
                    "ETag": f'"{told.get("lfs", told)["oid"]}"',
                    "Content-Type": "application/octet-stream",
                    **more,
                },
            )

    def on_health(self, _):
        self.on_classify(_, self.hub.health)

    def on_classify(self, _, answers: list | None = None):
        answers = self.hub.answers if answers is None else answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.answer(*((answer, {"error": "not now"}) if isinstance(answer, int) else (200, answer)))


class _Nowhere:
    """A file that takes anything, in the place of a connection that was cut."""

    closed = False

    def write(self, _): ...

    def flush(self): ...

    def close(self): ...


@contextmanager
def running_hub():
    """Yield a Hub that answers at its `url`."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("ItsHandler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = hub.host = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def deployed_to_hub(monkeypatch):
    """Yield a Hub that `training.deploy` in this process talks to with a token, without waiting."""
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
        monkeypatch.setattr(space, "POLL", 0.01)
        yield hub
