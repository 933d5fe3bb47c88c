"""training/gather/search.py: what a web search gives."""

import http.server
import json
import threading
from urllib.parse import parse_qs, urlparse

import pytest
from fastcore.script import CliError

from training.gather.search import image_search, search_web
from training.gather.sources.candidates import Candidate

# as ddgs 9.16 gives it
RECORDED = {
    "title": "Grizzly bear",
    "image": "https://photos.example/grizzly.jpg",
    "thumbnail": "https://tse1.mm.bing.net/th?id=OIP.x",
    "url": "https://photos.example/bears.html",
    "height": "1200",
    "width": "1600",
    "source": "DuckDuckGo",
}


def pages(*sizes):
    """A search that finds so many photos a page, numbered through."""
    asked = []

    def search(term, page):
        asked.append(page)
        if page > len(sizes):
            return []
        start = sum(sizes[: page - 1])
        return [{**RECORDED, "image": f"https://photos.example/{i}.jpg"} for i in range(start, start + sizes[page - 1])]

    search.asked = asked
    return search


def test_pages_are_asked_for_until_one_is_empty():
    search = pages(3, 2)
    found = list(search_web("grizzly", "grizzly bear", search))
    assert [photo.url for photo in found] == [f"https://photos.example/{i}.jpg" for i in range(5)]
    assert found[0] == Candidate(
        ("grizzly",),
        "https://photos.example/0.jpg",
        term="grizzly bear",
        page="https://photos.example/bears.html",
        title="Grizzly bear",
    )
    assert search.asked == [1, 2, 3]


def test_no_page_is_asked_for_that_nobody_needs():
    search = pages(3, 2)
    found = search_web("grizzly", "grizzly bear", search)
    assert [next(found) for _ in range(3)] and search.asked == [1]


def test_search_that_repeats_itself_ends():
    def search(term, page):
        return [RECORDED, RECORDED, {**RECORDED, "image": ""}, {}]

    assert len(list(search_web("grizzly", "grizzly bear", search))) == 1


def test_search_that_limits_is_asked_again_later():
    waited, answers = [], [RuntimeError("202 Ratelimit"), RuntimeError("202 Ratelimit"), [RECORDED], []]

    def search(term, page):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert len(list(search_web("grizzly", "grizzly bear", search, waited.append))) == 1
    assert waited == [5, 20]


def test_search_that_never_answers_is_one_sentence():
    def search(term, page):
        raise RuntimeError("no route to host")

    with pytest.raises(CliError, match=r"does not answer for 'grizzly bear' \(no route to host\).*--source"):
        list(search_web("grizzly", "grizzly bear", search, lambda _: None))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("DNSError: DNSError('error sending request for url (https://search.example/) > DNS error')"),
        RuntimeError("ConnectError('error sending request for url (https://search.example/) > tcp connect error')"),
        ConnectionRefusedError(111, "Connection refused"),
    ],
    ids=["dns", "connect", "refused"],
)
def test_search_without_a_connection_asks_whether_there_is_one(error):
    def search(term, page):
        raise error

    with pytest.raises(CliError) as raised:
        list(search_web("grizzly", "grizzly bear", search, lambda _: None))
    sentence = (
        "The web search cannot be reached for 'grizzly bear'. Are you connected to the internet? Then run it again."
    )
    assert str(raised.value) == sentence


def test_ddgs_asks_and_reads_its_engine(monkeypatch):
    """The real ddgs against a local server that answers as DuckDuckGo's image search does."""
    from ddgs.ddgs import ENGINES
    from ddgs.engines.duckduckgo_images import DuckduckgoImages

    class Engine(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            query = parse_qs(urlparse(self.path).query)
            body = json.dumps({"results": [RECORDED] if "s" not in query and query["q"] == ["grizzly bear"] else []})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(DuckduckgoImages, "search_url", f"http://127.0.0.1:{server.server_port}/i.js")
    monkeypatch.setattr(DuckduckgoImages, "_get_vqd", lambda self, query: "4-1")
    monkeypatch.setitem(ENGINES, "images", {"duckduckgo": DuckduckgoImages})
    try:
        rows = image_search("grizzly bear", 1)
        assert [row["image"] for row in rows] == [RECORDED["image"]] and rows[0]["url"] == RECORDED["url"]
        assert image_search("grizzly bear", 2) == []
    finally:
        server.shutdown()
