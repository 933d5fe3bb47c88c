"""Take files of any size into a commit, or into a pull request."""

import base64
import hashlib
import json

from helpers.hub_stub.request import Request
from helpers.hub_stub.state import BINARIES, StubPullRequest, git_hash


class Uploads(Request):
    """Routes of a commit."""

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
