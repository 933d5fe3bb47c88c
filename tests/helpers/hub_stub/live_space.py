"""Answer as a Space that runs: its stages, its logs, its page and its app."""

import json
import mimetypes

from helpers.hub_stub.request import Request


class LiveSpace(Request):
    """Routes of a Space that runs."""

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

    def on_health(self, _):
        self.on_classify(_, self.hub.health)

    def on_classify(self, _, answers: list | None = None):
        answers = self.hub.answers if answers is None else answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.answer(*((answer, {"error": "not now"}) if isinstance(answer, int) else (200, answer)))
