"""Answer who asks, what Spaces an account has, and the creation of a repository."""

import json
from urllib.parse import parse_qs, urlsplit

from helpers.hub_stub.request import Request
from helpers.hub_stub.state import StubRepo

TEMPLATE = {"index.html": b"<p>Welcome to your static Space!</p>", "style.css": b"body {}"}  # of a new static Space


class Accounts(Request):
    """Routes of an account."""

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

    def on_yaml(self, body):
        self.answer(200, {"errors": [], "warnings": []})
