"""Answer what a repository holds: its card, its files, its commits and its pull requests."""

import json
import re
from pathlib import PurePosixPath
from urllib.parse import parse_qs

import yaml

from helpers.hub_stub.request import Request
from helpers.hub_stub.state import entry
from training.deploy.manifest import front_matter


class Repositories(Request):
    """Routes of what a repository holds."""

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
